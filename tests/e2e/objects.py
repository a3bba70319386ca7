"""What the tests read out of the objects that reached the PACS, with readers other than Interval's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import SegmentationStorage


def of_class(objects: Sequence[pydicom.Dataset], sop_class: str) -> list[pydicom.Dataset]:
    """Objects of one SOP class."""
    return [one for one in objects if one.SOPClassUID == sop_class]


def segments_at(objects: Sequence[pydicom.Dataset], points_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Segment number at each LPS point, shape (n, 3), 0 outside; read by highdicom."""
    (dataset,) = of_class(objects, SegmentationStorage)
    volume = hd.seg.Segmentation.from_dataset(dataset).get_volume(combine_segments=True, allow_missing_positions=True)
    index = np.rint(volume.map_reference_to_indices(points_mm)).astype(int)
    inside = ((index >= 0) & (index < np.array(volume.array.shape[:3]))).all(axis=1)
    found = np.zeros(len(points_mm), np.int64)
    found[inside] = volume.array[tuple(index[inside].T)]
    return found


def dicom_errors(dataset: pydicom.Dataset, folder: Path) -> list[str]:
    """Errors that dciodvfy finds in an object."""
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    answer = subprocess.run(("dciodvfy", str(path)), capture_output=True, text=True, check=False)
    return [line for line in (answer.stdout + answer.stderr).splitlines() if line.startswith("Error")]


def numbers(report: pydicom.Dataset, concept: str) -> list[float]:
    """Values of all numeric content items of an SR with this concept code, wherever they stand."""
    return [
        float(item.MeasuredValueSequence[0].NumericValue)
        for item in _items(report)
        if item.ValueType == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == concept
    ]


def texts(report: pydicom.Dataset) -> list[str]:
    """All text content items of an SR or Key Object."""
    return [str(item.TextValue) for item in _items(report) if item.ValueType == "TEXT"]


def printed(document: pydicom.Dataset, folder: Path) -> str:
    """All words of an Encapsulated PDF, read by poppler."""
    path = folder / "document.pdf"
    path.write_bytes(document.EncapsulatedDocument)
    done = subprocess.run(("pdftotext", "-layout", str(path), "-"), capture_output=True, text=True, check=True)
    return done.stdout


def _items(report: pydicom.Dataset) -> Iterator[pydicom.Dataset]:
    for item in report.get("ContentSequence", []):
        yield item
        yield from _items(item)
