"""A scanner-like MR instance, and the bytes of it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

SECRET = bytes.fromhex("d2a1f04c7be3958812f6a07c53de91b4c8450e6f3a99d71b60c2e7f4158ab30d")
OTHER_SECRET = bytes.fromhex("0c3b95e8f17a42d6938be0f7615ad4c2b7e90834fd6c1a5287e3b04f9d61ca75")


def scanner_image(instance_number: int = 1, *, size: int = 16, syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    """A FLAIR slice with a header like a scanner's; without anything that dciodvfy calls an error."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SpecificCharacterSet = "ISO_IR 100"
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]
    image.InstanceCreationDate, image.InstanceCreationTime = "20240301", "101500.000000"
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = f"1.3.12.2.1107.5.2.43.7.30.{instance_number}"
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20240229"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "101200.120000"
    image.AccessionNumber = "ACC4711"
    image.Modality = "MR"
    image.Manufacturer = "SIEMENS"
    image.InstitutionName = "St. Elsewhere"
    image.InstitutionAddress = "Long Street 1"
    image.ReferringPhysicianName = "Ärztin^Rosa"
    image.StationName = "MRC35123"
    image.StudyDescription = "MR Brain for Tse, Ärztin"
    image.SeriesDescription = "t2_tse FLAIR ax Tse"
    image.OperatorsName = "Muster^Max"
    image.ManufacturerModelName = "Skyra"
    image.PatientName = "Tse^Mei Ling"
    image.PatientID = "4711"
    image.IssuerOfPatientID = "ELSEWHERE"
    image.PatientBirthDate = "19300215"
    image.PatientSex = "F"
    image.PatientAge = "094Y"
    image.PatientWeight = "62"
    image.BodyPartExamined = "BRAIN"
    image.ScanningSequence, image.SequenceVariant = ["SE", "IR"], ["SK", "SP"]
    image.ScanOptions = "FS"
    image.MRAcquisitionType = "2D"
    image.SequenceName = "*tir2d1_16"
    image.SliceThickness = "3"
    image.RepetitionTime, image.EchoTime, image.InversionTime = "9000", "81", "2500"
    image.NumberOfAverages = "1"
    image.MagneticFieldStrength = "3"
    image.EchoTrainLength = "16"
    image.DeviceSerialNumber = "45123"
    image.SoftwareVersions = "syngo MR E11"
    image.ProtocolName = "t2_tse FLAIR ax"
    image.FlipAngle = "150"
    image.PatientPosition = "HFS"
    image.StudyInstanceUID = "1.3.12.2.1107.5.2.43.7.10"
    image.SeriesInstanceUID = "1.3.12.2.1107.5.2.43.7.20"
    image.StudyID = "99"
    image.SeriesNumber, image.AcquisitionNumber, image.InstanceNumber = "5", "1", str(instance_number)
    image.ImagePositionPatient = ["-110.5", "-98.25", f"{3.3 * instance_number:.1f}"]
    image.ImageOrientationPatient = ["1", "0", "0", "0", "0.9961947", "-0.0871557"]
    image.FrameOfReferenceUID = "1.3.12.2.1107.5.2.43.7.40"
    image.PositionReferenceIndicator = ""
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows = image.Columns = size
    image.PixelSpacing = ["0.9375", "0.9375"]
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    reference = Dataset()
    reference.ReferencedSOPClassUID = MRImageStorage
    reference.ReferencedSOPInstanceUID = "1.3.12.2.1107.5.2.43.7.30.1"
    image.ReferencedImageSequence = [reference]
    private = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    private.add_new(0x0C, "IS", "1000")
    private.add_new(0x0E, "FD", [0.5, 0.5, 0.7071])
    private.add_new(0x09, "LO", "free private text")
    csa = image.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x20, "OB", b"PatientName Tse 45123 ")
    pixels = np.random.default_rng(instance_number).integers(0, 4096, (size, size), dtype=np.uint16)
    image.PixelData = pixels.tobytes()
    image["PixelData"].VR = "OW"
    return image


def encoded(image: Dataset) -> bytes:
    """The bytes of a DICOM file with this data set."""
    buffer = BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
