"""One multi-frame image for a whole series: recognised, pseudonymised and read like classic images."""

from __future__ import annotations

import gzip
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from gateway.cases.complete import what_is_missing
from gateway.cases.select import SeriesCandidate, select_series
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from processing.dicom.read import parse_part10, read_series
from processing.domain.study import SeriesInput, SeriesRole
from tests.unit.gateway.brain_studies import PIXEL_MM, SIDE, SLICE_GAP_MM, SLICES, Person, encoded, series
from tests.unit.gateway.enhanced_study import enhanced_series

STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
SECRET = bytes.fromhex("9ad2f3107c5be8364a90dd17f2c6b15e83047ba95f60d2c8e1347590ab6cfe28")


def pseudonymous(image: Dataset) -> bytes:
    pseudonymiser = Pseudonymiser(KeyRing.from_secret(SECRET, "key-1"), load_profile("mr"))
    return pseudonymise_instance(encoded(image), pseudonymiser).part10


def errors(folder: Path, part10: bytes) -> list[str]:
    path = folder / "image.dcm"
    path.write_bytes(part10)
    report = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
    assert "EnhancedMRImage" in report
    return [line for line in report.splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("kind", ["FLAIR", "T1", "T2"])
def test_its_role_is_known_by_the_physics_in_its_functional_groups(kind: str) -> None:
    image = enhanced_series(Person(), STUDY_UID, "20230405", kind)
    candidate = SeriesCandidate("1", 1, "MR", 1, image)
    role = SeriesRole(kind)
    selection = select_series([candidate], [SeriesInput(role, required=True)], lambda _: [image])
    assert selection.chosen == {role: candidate}, selection.choices
    assert what_is_missing([candidate], [role], lambda _: [image]) == ""


def test_missing_frames_are_found_by_their_positions() -> None:
    image = enhanced_series(Person(), STUDY_UID, "20230405", slices=[n for n in range(SLICES) if n != 7])
    candidate = SeriesCandidate("1", 1, "MR", 1, image)
    assert "1 slice is missing" in what_is_missing([candidate], [SeriesRole.FLAIR], lambda _: [image])


def test_it_is_standard_before_and_after_pseudonymisation(tmp_path: Path) -> None:
    person = Person()
    image = enhanced_series(person, STUDY_UID, "20230405")
    assert errors(tmp_path, encoded(image)) == []
    clean = pseudonymous(image)
    assert errors(tmp_path, clean) == []
    for trace in (person.patient_id, "20230405", "4711", person.issuer):
        assert trace.encode() in encoded(image)
        assert trace.encode() not in clean


def test_it_is_read_as_the_same_volume_as_its_slices() -> None:
    person = Person()
    (whole,) = parse_part10([pseudonymous(enhanced_series(person, STUDY_UID, "20230405"))])
    one, many = read_series([whole]), read_series(series(person, STUDY_UID, "20230405"))
    assert np.array_equal(one.volume.array, many.volume.array)
    assert np.allclose(one.volume.grid.affine, many.volume.grid.affine)


def test_dcm2niix_reads_the_same_volume(tmp_path: Path) -> None:
    clean = pseudonymous(enhanced_series(Person(), STUDY_UID, "20230405"))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "image.dcm").write_bytes(clean)
    subprocess.run(
        ["dcm2niix", "-z", "y", "-f", "out", "-o", tmp_path, tmp_path / "in"], check=True, capture_output=True
    )
    (found,) = tmp_path.glob("*.nii.gz")
    nifti = gzip.decompress(found.read_bytes())
    assert struct.unpack("<3h", nifti[42:48]) == (SIDE, SIDE, SLICES)
    assert struct.unpack("<3f", nifti[80:92]) == (PIXEL_MM, PIXEL_MM, SLICE_GAP_MM)
    values = np.frombuffer(nifti[352:], "<i2" if nifti[70] == 4 else "<u2").reshape(SLICES, SIDE, SIDE)
    assert np.array_equal(values[:, 0, 0], read_series(parse_part10([clean])).volume.array[:, 0, 0])
