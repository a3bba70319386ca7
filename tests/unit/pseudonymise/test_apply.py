"""One instance through the rewrite, read back with pydicom and checked with dciodvfy."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
)

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.identity import PatientIdentity, Pseudonymiser
from processing.domain.errors import InputRejected
from tests.unit.pseudonymise.images import encoded, scanner_image

IDENTITY = PatientIdentity("4711", "ELSEWHERE")
UNTOUCHED = """
    ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness Rows Columns BitsAllocated BitsStored
    HighBit PixelRepresentation SamplesPerPixel PhotometricInterpretation RepetitionTime EchoTime InversionTime
    FlipAngle EchoTrainLength MagneticFieldStrength NumberOfAverages ScanningSequence SequenceVariant ScanOptions
    MRAcquisitionType SequenceName PatientPosition BodyPartExamined SeriesNumber InstanceNumber AcquisitionNumber
    Modality Manufacturer ManufacturerModelName ImageType StudyTime AcquisitionTime PatientSex PatientWeight
""".split()  # noqa: SIM905 - a list of keywords reads better as text


def _read(part10: bytes) -> Dataset:
    return dcmread(BytesIO(part10))


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name
)
def test_keeps_pixels_geometry_and_physics(syntax: UID, pseudonymiser: Pseudonymiser) -> None:
    original = scanner_image(syntax=syntax)
    result = pseudonymise_instance(encoded(original), pseudonymiser)
    clean = _read(result.part10)
    assert clean.PixelData == original.PixelData
    for keyword in UNTOUCHED:
        assert clean[keyword].value == original[keyword].value, keyword
    assert clean[0x0019, 0x100C].value == 1000
    assert [float(x) for x in clean[0x0019, 0x100E].value] == [0.5, 0.5, 0.7071]


def test_names_and_marks_the_output(pseudonymiser: Pseudonymiser) -> None:
    result = pseudonymise_instance(encoded(scanner_image()), pseudonymiser)
    clean = _read(result.part10)
    assert clean.PatientName == clean.PatientID == pseudonymiser.pseudonym(IDENTITY) == result.pseudonym
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [item.CodeValue for item in clean.DeidentificationMethodCodeSequence]
    assert codes == ["113100", *pseudonymiser.profile.options]
    assert all(item.CodingSchemeDesignator == "DCM" for item in clean.DeidentificationMethodCodeSequence)
    assert clean.preamble == bytes(128)
    assert clean.file_meta.MediaStorageSOPInstanceUID == clean.SOPInstanceUID == result.sop_instance_uid
    for keyword in ("PatientBirthDate", "AccessionNumber", "StudyID"):
        assert clean[keyword].value in ("", None)
    for keyword in ("InstitutionAddress", "IssuerOfPatientID"):
        assert keyword not in clean
    assert clean.PatientAge == "090Y"


def test_no_trace_of_the_patient_is_left_in_the_bytes(pseudonymiser: Pseudonymiser) -> None:
    image = scanner_image()
    image.file_meta.SourceApplicationEntityTitle = "ELSEWHERE_MR"
    image.preamble = b"Tse Mei Ling".ljust(128, b".")
    part10 = pseudonymise_instance(encoded(image), pseudonymiser).part10
    for trace in (b"Tse", b"TSE", b"Mei", b"Ling", b"4711", b"lsewhere", b"LSEWHERE", b"rztin", b"Rosa", b"Muster"):
        assert trace not in part10
    for trace in (b"1.3.12.2", b"45123", b"MRC35123", b"ACC", b"Long Street", b"private", b"CSA", b"20240", b"1930"):
        assert trace not in part10


def test_descriptions_keep_words_of_the_vocabulary_but_no_names(pseudonymiser: Pseudonymiser) -> None:
    clean = _read(pseudonymise_instance(encoded(scanner_image()), pseudonymiser).part10)
    assert clean.SeriesDescription == "t2 FLAIR ax"
    assert clean.StudyDescription == "MR Brain"


def test_dates_move_by_the_same_days_and_intervals_stay(pseudonymiser: Pseudonymiser) -> None:
    earlier, later = scanner_image(1), scanner_image(2)
    later.StudyDate, later.AcquisitionDateTime = "20240301", "20240301101500.5+0100"
    shift = timedelta(days=pseudonymiser.shift_days(IDENTITY))
    clean = [_read(pseudonymise_instance(encoded(image), pseudonymiser).part10) for image in (earlier, later)]
    assert clean[0].StudyDate == f"{date(2024, 2, 29) - shift:%Y%m%d}"
    assert clean[1].StudyDate == f"{date(2024, 3, 1) - shift:%Y%m%d}"
    assert clean[1].AcquisitionDateTime == f"{date(2024, 3, 1) - shift:%Y%m%d}101500.5+0100"


def test_uids_are_consistent_over_files_and_references(pseudonymiser: Pseudonymiser) -> None:
    first = _read(pseudonymise_instance(encoded(scanner_image(1)), pseudonymiser).part10)
    second = pseudonymise_instance(encoded(scanner_image(2)), pseudonymiser)
    clean = _read(second.part10)
    assert clean.ReferencedImageSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID != clean.SOPInstanceUID
    assert clean.ReferencedImageSequence[0].ReferencedSOPClassUID == clean.SOPClassUID == scanner_image().SOPClassUID
    assert clean.StudyInstanceUID == first.StudyInstanceUID == pseudonymiser.uid(scanner_image().StudyInstanceUID)
    assert clean.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert second.uid_map[clean.SOPInstanceUID] == "1.3.12.2.1107.5.2.43.7.30.2"
    assert second.uid_map[clean.FrameOfReferenceUID] == "1.3.12.2.1107.5.2.43.7.40"


def test_the_same_file_twice_gives_the_same_bytes(pseudonymiser: Pseudonymiser) -> None:
    part10 = encoded(scanner_image())
    again = Pseudonymiser(pseudonymiser.keys, pseudonymiser.profile)
    first = pseudonymise_instance(part10, pseudonymiser).part10
    assert first == pseudonymise_instance(part10, pseudonymiser).part10 == pseudonymise_instance(part10, again).part10


def test_a_value_seen_for_one_patient_is_not_reused_for_another(pseudonymiser: Pseudonymiser) -> None:
    image = scanner_image()
    pseudonymise_instance(encoded(image), pseudonymiser)
    image.PatientID = "0815"
    clean = _read(pseudonymise_instance(encoded(image), pseudonymiser).part10)
    shift = timedelta(days=pseudonymiser.shift_days(PatientIdentity("0815", "ELSEWHERE")))
    assert clean.StudyDate == f"{date(2024, 2, 29) - shift:%Y%m%d}"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_dciodvfy_finds_no_error(pseudonymiser: Pseudonymiser, tmp_path: Path) -> None:
    path = tmp_path / "clean.dcm"
    path.write_bytes(pseudonymise_instance(encoded(scanner_image(size=64)), pseudonymiser).part10)
    report = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
    assert "MRImage" in report
    assert "Error" not in report


def test_encapsulated_pixel_data_passes_as_a_block(pseudonymiser: Pseudonymiser) -> None:
    image = scanner_image(size=32)
    image.compress(RLELossless, generate_instance_uid=False)
    clean = _read(pseudonymise_instance(encoded(image), pseudonymiser).part10)
    assert clean.PixelData == image.PixelData
    assert (clean.pixel_array == image.pixel_array).all()


def _without(keyword: str) -> Dataset:
    image = scanner_image()
    delattr(image, keyword)
    return image


def _with(**values: object) -> Dataset:
    image = scanner_image()
    for keyword, value in values.items():
        setattr(image, keyword, value)
    return image


def _with_embedded_overlay() -> Dataset:
    image = scanner_image()
    image.add_new(0x60000102, "US", 12)
    return image


REFUSED = {
    "secondary capture": (_with(SOPClassUID=SecondaryCaptureImageStorage), "not cleared"),
    "ultrasound": (_with(SOPClassUID=UltrasoundImageStorage), "not cleared"),
    "encapsulated document": (_with(SOPClassUID=EncapsulatedPDFStorage), "not cleared"),
    "private object": (_with(SOPClassUID="1.3.12.2.1107.5.9.1"), "not cleared"),
    "burned in": (_with(BurnedInAnnotation="YES"), "burned"),
    "scanned film": (_with(ConversionType="DF"), "scanned"),
    "overlay in the pixels": (_with_embedded_overlay(), "overlay"),
    "short pixels": (_with(Rows=17), "shorter"),
    "more behind the pixels": (_with(Rows=15), "longer"),
    "claims gigabytes": (_with(Rows=65535, Columns=65535, NumberOfFrames="999999"), "shorter"),
    "no pixels": (_without("PixelData"), "no pixel data"),
    "no rows": (_without("Rows"), "how large"),
    "no patient id": (_with(PatientID=" "), "no patient ID"),
    "no study": (_without("StudyInstanceUID"), "Study Instance UID"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_it_can_not_clean(name: str, pseudonymiser: Pseudonymiser) -> None:
    image, reason = REFUSED[name]
    with pytest.raises(InputRejected, match=reason) as refusal:
        pseudonymise_instance(encoded(image), pseudonymiser)
    assert "4711" not in str(refusal.value)


@pytest.mark.parametrize(
    "uid", [b"../../../../../etc/passwd", b"1.3.12.2/07.5.2.43.7.20\0", b"1.3..12.2.1107.5.2.43.7.2"]
)
def test_refuses_path_like_and_malformed_uids(uid: bytes, pseudonymiser: Pseudonymiser) -> None:
    part10 = encoded(scanner_image())
    original = b"1.3.12.2.1107.5.2.43.7.20\0"
    assert original in part10
    with pytest.raises(NotCleanable, match="is not a UID"):
        pseudonymise_instance(part10.replace(original, uid.ljust(26, b"\0")), pseudonymiser)


@pytest.mark.parametrize(
    ("character_set", "raw", "patient_id"),
    [
        ("ISO_IR 192", "Müller-1".encode(), "Müller-1"),
        ("ISO_IR 100", "Müller-1".encode("latin-1"), "Müller-1"),
        ("\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B1", "山田1"),
    ],
)
def test_a_patient_id_is_the_same_in_every_character_set(
    character_set: str, raw: bytes, patient_id: str, pseudonymiser: Pseudonymiser
) -> None:
    image = _with_raw_patient_id(raw, character_set)
    result = pseudonymise_instance(image, pseudonymiser)
    assert result.identity == PatientIdentity(patient_id, "ELSEWHERE")
    assert result.pseudonym == pseudonymiser.pseudonym(PatientIdentity(patient_id, "ELSEWHERE"))


def test_an_unreadable_patient_id_is_refused(pseudonymiser: Pseudonymiser) -> None:
    for raw in (b"\xff\xfe1", b"\xff\xfd1"):
        with pytest.raises(NotCleanable, match="character set"):
            pseudonymise_instance(_with_raw_patient_id(raw, "ISO_IR 192"), pseudonymiser)


def _with_raw_patient_id(raw: bytes, character_set: str) -> bytes:
    """The scanner's file with these very bytes as patient ID and character set."""
    raw += b" " * (len(raw) % 2)
    terms = character_set.encode() + b" " * (len(character_set) % 2)
    part10 = encoded(scanner_image())
    part10 = part10.replace(b"\x10\x00\x20\x00LO\x04\x004711", b"\x10\x00\x20\x00LO" + bytes([len(raw), 0]) + raw)
    return part10.replace(b"CS\x0a\x00ISO_IR 100", b"CS" + bytes([len(terms), 0]) + terms)


def test_refuses_what_is_no_dicom_file(pseudonymiser: Pseudonymiser) -> None:
    for content in (b"", b"hello", bytes(200), b"\x89PNG" + bytes(500)):
        with pytest.raises(NotCleanable, match="not a DICOM file"):
            pseudonymise_instance(content, pseudonymiser)


def test_refuses_every_truncation(pseudonymiser: Pseudonymiser) -> None:
    part10 = encoded(scanner_image(size=4))
    for length in range(len(part10) - 1):
        with pytest.raises(InputRejected):
            pseudonymise_instance(part10[:length], pseudonymiser)


def test_refuses_big_endian(pseudonymiser: Pseudonymiser) -> None:
    image = scanner_image(syntax=ExplicitVRBigEndian)
    with pytest.raises(NotCleanable, match="big endian"):
        pseudonymise_instance(encoded(image), pseudonymiser)


def test_computed_tomography_is_cleared_too(pseudonymiser: Pseudonymiser) -> None:
    image = _with(SOPClassUID=CTImageStorage, Modality="CT", KVP="120")
    assert _read(pseudonymise_instance(encoded(image), pseudonymiser).part10).KVP == 120
