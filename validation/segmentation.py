"""A run's lesions as a DICOM Segmentation, written by the worker's own writer.

NIfTI and phantoms have no headers to refer to: each slice gets the fewest that say where it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage
from pydicom.valuerep import DSfloat

from processing.dicom.geometry import series_geometry
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.result import to_part10
from processing.dicom.uids import derived_uid
from processing.dicom.write_seg import write_segmentation
from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import LongitudinalResult
from processing.domain.study import SeriesRole
from processing.pipelines.spec import PipelineSpec
from validation.datasets import ReferenceCase
from validation.outputs import paths_of


def write_case_segmentation(
    case: ReferenceCase, result: LongitudinalResult, spec: PipelineSpec, folder: Path
) -> Path | None:
    """Write a case's lesions beside its record; None without lesions, which a Segmentation can't hold."""
    source, lesion_map = _as_series(case, result.lesion_map)
    seed = f"validation {case.dataset} {case.name}"
    dataset = write_segmentation(
        source, lesion_map, result.lesions, Provenance(spec.name, spec.version, spec.title, seed=seed)
    )
    record, _ = paths_of(folder, case.dataset, case.name)
    path = record.with_suffix(".seg.dcm")
    if dataset is None:
        path.unlink(missing_ok=True)
        return None
    path.write_bytes(to_part10(dataset))
    return path


def _as_series(case: ReferenceCase, lesion_map: LabelMap) -> tuple[SourceSeries, LabelMap]:
    """Give the current FLAIR headers; slices run along the cross product of rows and columns, as DICOM counts them."""
    volume = case.current[SeriesRole.FLAIR]
    study = derived_uid("validation", case.dataset, case.name)
    headers = [_header(volume, study, z) for z in range(volume.grid.shape[0])]
    geometry = series_geometry(headers)
    order = geometry.order
    source = SourceSeries(Volume(volume.array[list(order)], geometry.grid), tuple(headers[z] for z in order), geometry)
    return SourceSeries(source.volume, source.headers, series_geometry(source.headers)), LabelMap(
        lesion_map.array[list(order)], geometry.grid
    )


def _header(volume: Volume, study: str, z: int) -> Dataset:
    grid = volume.grid
    header = Dataset()
    header.SOPClassUID = MRImageStorage
    header.SOPInstanceUID = derived_uid(study, "FLAIR", str(z))
    header.StudyInstanceUID, header.SeriesInstanceUID = study, derived_uid(study, "FLAIR")
    header.FrameOfReferenceUID = derived_uid(study, "frame of reference")
    header.PositionReferenceIndicator = ""
    header.Modality, header.BodyPartExamined = "MR", "HEAD"
    header.PatientName = header.PatientID = header.PatientBirthDate = header.PatientSex = ""
    header.StudyDate = header.StudyTime = header.StudyID = header.AccessionNumber = header.ReferringPhysicianName = ""
    header.InstanceNumber = z + 1
    header.ImagePositionPatient = _decimals(grid.index_to_lps((z, 0, 0)))
    header.ImageOrientationPatient = _decimals([*grid.directions[:, 2], *grid.directions[:, 1]])
    header.PixelSpacing = _decimals(grid.spacing_mm[1:])
    header.SliceThickness = DSfloat(grid.spacing_mm[0], auto_format=True)
    header.Rows, header.Columns = grid.shape[1:]
    return header


def _decimals(values: Sequence[float] | np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[DSfloat]:
    return [DSfloat(float(value), auto_format=True) for value in values]
