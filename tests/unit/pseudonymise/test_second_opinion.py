"""pydicom as the second opinion: its reading of the output against its reading of the input, element by element."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import gateway.pseudonymise.profile
from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from processing.domain.errors import InputRejected
from tests.unit.pseudonymise.images import encoded, scanner_image

PROFILES = Path(gateway.pseudonymise.profile.__file__).parent / "profiles"
TABLE = {row[0]: (row[1], row[2]) for row in json.loads((PROFILES / "basic.json").read_text())["rows"]}
PROFILE = json.loads((PROFILES / "mr.json").read_text())
OWN_ROWS = {row["tag"] for row in PROFILE["attributes"]}
ADDED = {0x00100010, 0x00100020, 0x00120062, 0x00120063, 0x00120064, 0x00280303}
BINARY_NUMBERS = {"US", "SS", "UL", "SL", "FL", "FD", "AT", "DS", "IS"}


def _pairs(before: Dataset, after: Dataset) -> Iterator[tuple[DataElement | None, DataElement | None]]:
    """Each element with its stand-in, at every depth."""
    for tag in sorted({*before.keys(), *after.keys()}):
        old, new = before.get(tag), after.get(tag)
        yield old, new
        if old is not None and new is not None and old.VR == "SQ" and new.value:
            assert len(old.value) == len(new.value)
            for old_item, new_item in zip(old.value, new.value, strict=True):
                yield from _pairs(old_item, new_item)


def _check(original: Dataset, part10: bytes, pseudonymiser: Pseudonymiser) -> None:
    """Judge the output by the table and the profile as they are written, without the compiled rules."""
    clean = dcmread(BytesIO(part10))
    identity = PatientIdentity(original.PatientID, original.get("IssuerOfPatientID", "") or "")
    shift = timedelta(days=pseudonymiser.shift_days(identity))
    for old, new in _pairs(original, clean):
        if old is None:
            assert new is not None
            assert int(new.tag) in ADDED
            continue
        tag = f"{int(old.tag):08x}"
        if int(old.tag) in ADDED:
            continue
        action, options = TABLE.get(tag, ("", {}))
        used = {options[code] for code in PROFILE["options"] if code in options}
        if old.tag.is_private:
            continue
        if tag not in OWN_ROWS and action == "X" and not used:
            assert new is None, tag
        if new is None:
            overlay_or_curve = tag[:2] in ("50", "60")
            assert (
                overlay_or_curve
                or action
                or tag in OWN_ROWS
                or tag[:4] in PROFILE["removed_groups"]
                or old.VR in {"OB", "OW", "UN", "UR"}
            )
            continue
        if action == "Z" and not used and tag not in OWN_ROWS:
            assert not new.value, tag
        if old.VR == "UI" and old.value:
            assert new.value == old.value if UID(str(old.value)).name != str(old.value) else new.value != old.value
        if old.VR == "DA" and old.value and new.value:
            assert new.value == f"{date.fromisoformat(old.value) - shift:%Y%m%d}"
        if old.VR in BINARY_NUMBERS and not action and tag not in OWN_ROWS:
            assert new.value == old.value, tag
        if old.VR == "PN" and old.value:
            assert new.value != old.value


numbers = st.floats(-1000, 1000, allow_nan=False).map(lambda x: f"{x:.6g}")
words = st.text(st.characters(codec="latin-1", exclude_characters="\\", min_codepoint=32), max_size=24).map(str.strip)
# A beginning that nothing but a name has, so that finding it means that a name got through.
names = st.text(st.characters(codec="latin-1", categories=["L"]), max_size=12).map("Xqü{}".format)
dates = st.dates(date(1950, 1, 1), date(2040, 1, 1)).map(lambda day: f"{day:%Y%m%d}")


@st.composite
def images(draw: st.DrawFn) -> Dataset:
    """An MR image with values that a scanner could write, and free texts that nobody should."""
    image = scanner_image(draw(st.integers(1, 500)), size=draw(st.sampled_from([2, 5, 16])))
    image.file_meta.TransferSyntaxUID = draw(st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]))
    image.PatientID, image.PatientName = draw(names), f"{draw(names)}^{draw(names)}"
    image.StudyDate, image.SeriesDate, image.AcquisitionDate = draw(dates), draw(dates), draw(dates)
    image.ImagePositionPatient = [draw(numbers) for _ in range(3)]
    image.ImageOrientationPatient = [draw(numbers) for _ in range(6)]
    image.PixelSpacing = [draw(numbers), draw(numbers)]
    image.RepetitionTime, image.EchoTime, image.FlipAngle = draw(numbers), draw(numbers), draw(numbers)
    image.SeriesDescription, image.ImageComments, image.StudyDescription = draw(words), draw(words), draw(words)
    image.SmallestImagePixelValue = draw(st.integers(0, 65535))
    image.RealWorldValueMappingSequence = []
    for _ in range(draw(st.integers(0, 3))):
        item = Dataset()
        item.LUTExplanation, item.LUTLabel = draw(words), draw(words)[:16]
        item.RealWorldValueSlope = draw(st.floats(-1e6, 1e6, allow_nan=False))
        item.ReferencedImageSequence = [Dataset()]
        item.ReferencedImageSequence[0].ReferencedSOPInstanceUID = f"1.2.3.{draw(st.integers(1, 9))}"
        item.ReferencedImageSequence[0].PersonName = draw(names)
        image.RealWorldValueMappingSequence.append(item)
    return image


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(image=images())
def test_round_trips_agree_with_pydicom(image: Dataset, pseudonymiser: Pseudonymiser) -> None:
    part10 = encoded(image)
    original = dcmread(BytesIO(part10))
    result = pseudonymise_instance(part10, pseudonymiser)
    _check(original, result.part10, pseudonymiser)
    clean = dcmread(BytesIO(result.part10))
    assert np.array_equal(clean.pixel_array, original.pixel_array)
    assert "Xqü".encode("latin-1") not in result.part10.replace(original.PixelData, b"")


@pytest.mark.parametrize(
    "name",
    [
        "MR_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "CT_small.dcm",
        "MR_small_padded.dcm",
        "examples_overlay.dcm",
    ],
)
def test_files_of_real_scanners_agree_with_pydicom(name: str, pseudonymiser: Pseudonymiser) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    part10 = Path(path).read_bytes()
    original = dcmread(BytesIO(part10))
    result = pseudonymise_instance(part10, pseudonymiser)
    _check(original, result.part10, pseudonymiser)
    clean = dcmread(BytesIO(result.part10))
    if original.file_meta.TransferSyntaxUID.is_compressed:
        assert np.array_equal(clean.pixel_array, original.pixel_array)
    else:
        assert original.PixelData.startswith(clean.PixelData)
        assert not original.PixelData[len(clean.PixelData) :].strip(b"\0")
    for keyword in ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "ImagePositionPatient"):
        assert clean.get(keyword) == original.get(keyword)


@pytest.mark.parametrize(
    "name",
    [
        "JPEG2000.dcm",
        "MR_truncated.dcm",
        "MR_small_bigendian.dcm",
        "rtplan.dcm",
        "reportsi.dcm",
        "badVR.dcm",
    ],
)
def test_other_files_are_refused_with_a_reason(name: str, pseudonymiser: Pseudonymiser) -> None:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    with pytest.raises((NotCleanable, InputRejected)) as refusal:
        pseudonymise_instance(Path(path).read_bytes(), pseudonymiser)
    assert refusal.value.reason
