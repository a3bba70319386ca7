"""Measures the pseudonymisation: files in, files out, on one core, with the page cache warm.

``python -m gateway.pseudonymise.bench [--count 1000]`` writes classic MR files of 256 x 256 pixels with a header like a
scanner's into a temporary folder, runs the gateway's own code over them, and prints instances per second, the peak
of Python's memory for the first tenth and for all of them, and, where `make bench` installed it, what dicom-anonymizer
reaches on a tenth of the same files in the same run.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
"""Files in memory, where there are any: a disk that makes new files slowly would be measured otherwise."""
PEER_PYTHON = Path(".interval/bench-venv/bin/python")
"""Python of the environment that holds what the benchmarks compare with (`make bench` makes it)."""
_SIZE = 256
_MEGABYTE = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(prog="python -m gateway.pseudonymise.bench")
    parser.add_argument("--count", type=int, default=1000, help="number of files (default: 1000)")
    parser.add_argument("--folder", type=Path, default=MEMORY if MEMORY.is_dir() else None, help="where to write")
    options = parser.parse_args(arguments)
    pseudonymiser = Pseudonymiser(KeyRing.from_secret(secrets.token_bytes(32), "bench"), load_profile())

    def own(path: Path, target: Path) -> None:
        target.write_bytes(pseudonymise_instance(path.read_bytes(), pseudonymiser).part10)

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = write_study(Path(folder) / "in", options.count)
        out = Path(folder) / "out"
        out.mkdir()
        for path in files:
            path.read_bytes()
        wall, core = _rates(own, files, out)
        print(f"{len(files)} files of {files[0].stat().st_size // 1024} KiB in {folder}")
        print(f"copied as they are: {_rates(_copy, files, out)[1]:,.0f} per second of one core")
        print(f"Interval: {wall:,.0f} instances/s, {core:,.0f} per second of one core")
        print(f"memory: peak {_peak(own, files[: max(1, len(files) // 10)], out):.1f} MiB for a tenth of them,")
        print(f"        peak {_peak(own, files, out):.1f} MiB for all of them")
        other = _other_rate(files[: max(1, len(files) // 10)], out)
        if other is None:
            print("dicom-anonymizer is not installed (make bench installs it); nothing to compare with")
        else:
            print(f"dicom-anonymizer: {other:,.0f} per second of one core")
            print(f"Interval is {core / other:.1f} times as fast")
    return 0


def _copy(path: Path, target: Path) -> None:
    target.write_bytes(path.read_bytes())


def write_study(folder: Path, count: int) -> list[Path]:
    """Write one study of classic MR files and return their paths."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 4096, (_SIZE, _SIZE), dtype=np.uint16)
    image = _header()
    paths = []
    for number in range(1, count + 1):
        image.SOPInstanceUID = f"1.3.12.2.1107.5.2.43.7.30.{number}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.InstanceNumber = str(number)
        image.ImagePositionPatient = ["-110.5", "-98.25", f"{number * 1.1:.2f}"]
        image.SliceLocation = f"{number * 1.1:.2f}"
        image.AcquisitionTime = image.ContentTime = f"1012{number % 60:02d}.{number:06d}"
        image.PixelData = np.roll(noise, number).tobytes()
        path = folder / f"{number:06d}.dcm"
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _header() -> Dataset:
    """Return about a hundred elements, as a scanner writes them, private blocks included."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = MRImageStorage
    values = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"],
        **dict.fromkeys(
            ("InstanceCreationDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"), "20240229"
        ),
        **dict.fromkeys(("InstanceCreationTime", "StudyTime", "SeriesTime"), "101200.120000"),
        "AccessionNumber": "A4711",
        "Modality": "MR",
        "Manufacturer": "SIEMENS",
        "InstitutionName": "Hospital",
        "InstitutionAddress": "Street 1",
        "ReferringPhysicianName": "Referrer^One",
        "StationName": "MR1",
        "StudyDescription": "MR Brain",
        "SeriesDescription": "t2 FLAIR ax",
        "InstitutionalDepartmentName": "Radiology",
        "PerformingPhysicianName": "Performer^One",
        "OperatorsName": "Operator^One",
        "ManufacturerModelName": "Skyra",
        "PatientName": "Patient^One",
        "PatientID": "4711",
        "PatientBirthDate": "19600215",
        "PatientSex": "F",
        "PatientAge": "064Y",
        "PatientSize": "1.7",
        "PatientWeight": "62",
        "BodyPartExamined": "BRAIN",
        "ScanningSequence": ["SE", "IR"],
        "SequenceVariant": ["SK", "SP"],
        "ScanOptions": "FS",
        "MRAcquisitionType": "2D",
        "SequenceName": "*tir2d1_16",
        "AngioFlag": "N",
        "SliceThickness": "3",
        "RepetitionTime": "9000",
        "EchoTime": "81",
        "InversionTime": "2500",
        "NumberOfAverages": "1",
        "ImagingFrequency": "123.25",
        "ImagedNucleus": "1H",
        "EchoNumbers": "1",
        "MagneticFieldStrength": "3",
        "SpacingBetweenSlices": "3.3",
        "NumberOfPhaseEncodingSteps": "200",
        "EchoTrainLength": "16",
        "PercentSampling": "100",
        "PercentPhaseFieldOfView": "87.5",
        "PixelBandwidth": "220",
        "DeviceSerialNumber": "45123",
        "SoftwareVersions": "syngo MR E11",
        "ProtocolName": "t2 FLAIR ax",
        "TransmitCoilName": "Body",
        "AcquisitionMatrix": [0, 256, 200, 0],
        "InPlanePhaseEncodingDirection": "ROW",
        "FlipAngle": "150",
        "VariableFlipAngleFlag": "N",
        "SAR": "0.6",
        "dBdt": "0",
        "PatientPosition": "HFS",
        "StudyInstanceUID": "1.3.12.2.1107.5.2.43.7.10",
        "SeriesInstanceUID": "1.3.12.2.1107.5.2.43.7.20",
        "StudyID": "1",
        "SeriesNumber": "5",
        "AcquisitionNumber": "1",
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "FrameOfReferenceUID": "1.3.12.2.1107.5.2.43.7.40",
        "PositionReferenceIndicator": "",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": _SIZE,
        "Columns": _SIZE,
        "PixelSpacing": ["0.9375", "0.9375"],
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SmallestImagePixelValue": 0,
        "LargestImagePixelValue": 4095,
        "WindowCenter": "600",
        "WindowWidth": "1200",
        "WindowCenterWidthExplanation": "Algo1",
        "RequestedProcedureDescription": "MR Brain",
        "PerformedProcedureStepStartDate": "20240229",
        "PerformedProcedureStepStartTime": "101200",
        "PerformedProcedureStepID": "MR1",
        "PatientComments": "none",
    }
    for keyword, value in values.items():
        setattr(image, keyword, value)
    references = []
    for number in range(3):
        reference = Dataset()
        reference.ReferencedSOPClassUID = MRImageStorage
        reference.ReferencedSOPInstanceUID = f"1.3.12.2.1107.5.2.43.7.30.{number + 1}"
        references.append(reference)
    image.ReferencedImageSequence = references
    private = image.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    for element in range(0x08, 0x18):
        private.add_new(element, "LO", f"value {element}")
    csa = image.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    csa.add_new(0x10, "OB", bytes(11_000))
    csa.add_new(0x20, "OB", bytes(60_000))
    return image


def _rates(run: Callable[[Path, Path], None], files: Sequence[Path], out: Path) -> tuple[float, float]:
    """Return instances per second by the clock, and per second of processor time (for a machine that is shared)."""
    began, began_core = time.perf_counter(), time.process_time()
    for path in files:
        run(path, out / path.name)
    return len(files) / (time.perf_counter() - began), len(files) / (time.process_time() - began_core)


def _peak(run: Callable[[Path, Path], None], files: Sequence[Path], out: Path) -> float:
    tracemalloc.start()
    for path in files:
        run(path, out / path.name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / _MEGABYTE


def _other_rate(files: Sequence[Path], out: Path) -> float | None:
    """Return dicom-anonymizer's instances per second of one core; None where it is not installed."""
    if not PEER_PYTHON.exists():
        return None
    command = [str(PEER_PYTHON), "-W", "ignore", str(Path(__file__).with_name("bench_peer.py")), str(out)]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
