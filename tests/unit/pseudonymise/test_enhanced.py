"""Multi-frame objects: what describes each frame lies deep in sequences."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from highdicom.legacy import LegacyConvertedEnhancedMRImage
from pydicom import Dataset, dcmread

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from tests.unit.pseudonymise.images import encoded, scanner_image


@pytest.fixture(scope="module")
def multi_frame() -> Dataset:
    slices = []
    for number in range(1, 6):
        image = scanner_image(number, size=32)
        image.WindowCenter, image.WindowWidth = "600", "1200"
        slices.append(dcmread(BytesIO(encoded(image))))
    return LegacyConvertedEnhancedMRImage(slices, "1.3.12.2.20.1", 1, "1.3.12.2.20.2", 1)


def test_frames_keep_their_geometry_and_pixels(multi_frame: Dataset, pseudonymiser: Pseudonymiser) -> None:
    clean = dcmread(BytesIO(pseudonymise_instance(encoded(multi_frame), pseudonymiser).part10))
    assert clean.PixelData == multi_frame.PixelData
    for old, new in zip(
        multi_frame.PerFrameFunctionalGroupsSequence, clean.PerFrameFunctionalGroupsSequence, strict=True
    ):
        assert new.PlanePositionSequence == old.PlanePositionSequence
        assert new.FrameContentSequence[0].DimensionIndexValues == old.FrameContentSequence[0].DimensionIndexValues
    old, new = (data.SharedFunctionalGroupsSequence[0] for data in (multi_frame, clean))
    assert new.PlaneOrientationSequence == old.PlaneOrientationSequence
    assert new.PixelMeasuresSequence == old.PixelMeasuresSequence
    assert new.FrameAnatomySequence == old.FrameAnatomySequence
    assert [item.DimensionIndexPointer for item in clean.DimensionIndexSequence] == [
        item.DimensionIndexPointer for item in multi_frame.DimensionIndexSequence
    ]
    organisation = clean.DimensionOrganizationSequence[0].DimensionOrganizationUID
    assert {item.DimensionOrganizationUID for item in clean.DimensionIndexSequence} == {organisation}


def test_frames_keep_no_trace_of_the_patient(multi_frame: Dataset, pseudonymiser: Pseudonymiser) -> None:
    part10 = encoded(multi_frame)
    result = pseudonymise_instance(part10, pseudonymiser).part10
    for trace in (b"Tse", b"4711", b"lsewhere", b"rztin", b"1.3.12.2", b"45123", b"MRC35123", b"20240229"):
        assert trace in part10
        assert trace not in result


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_dciodvfy_finds_no_error_that_was_not_there(
    multi_frame: Dataset, pseudonymiser: Pseudonymiser, tmp_path: Path
) -> None:
    def errors(part10: bytes) -> set[str]:
        path = tmp_path / "image.dcm"
        path.write_bytes(part10)
        report = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
        assert "LegacyConvertedEnhancedMRImage" in report
        return {line for line in report.splitlines() if line.startswith("Error")}

    part10 = encoded(multi_frame)
    assert errors(pseudonymise_instance(part10, pseudonymiser).part10) <= errors(part10)
