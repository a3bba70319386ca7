"""Images on the reference series' grid as derived MR Image series: registered prior, subtraction, aligned series.

One classic MR image (PS3.3 A.4) per slice, because every viewer shows it, with the current study's frame of reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import MRImageStorage

from processing.dicom.attributes import (
    SeriesFacts,
    code_item,
    decimal,
    described,
    own_copy,
    set_identity,
    set_instance,
    text,
)
from processing.dicom.geometry import Frame, SeriesGeometry, series_geometry
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import instance_reference
from processing.domain.errors import Defect
from processing.domain.imaging import RigidTransform, Volume
from processing.domain.study import SeriesRole

REGISTERED_PRIOR = "registered prior"
SUBTRACTION = "subtraction"
ALIGNED = {role: f"aligned {role}" for role in (SeriesRole.T1, SeriesRole.T2, SeriesRole.FLAIR)}
"""Series of one visit, resampled onto its T1C."""

_RESAMPLING = Code("113085", "DCM", "Spatial resampling")
_DIFFERENCE = Code("113062", "DCM", "Pixel by pixel subtraction")
_SOURCE_PURPOSE = Code("121322", "DCM", "Source image for image processing operation")

_UINT16_MAX = 65535
_INT16_MAX = 32767
_COARSEST_STEPS = 255
"""Whole numbers of at least so many steps keep an image's contrast; finer ones need a rescale slope."""

SUBTRACTION_STEPS = 1000
"""The subtraction is stored in thousandths of the white-matter median, far below noise, and without a rescale slope,
which the MR Image class doesn't have and not every viewer applies."""


@dataclass(frozen=True)
class _Encoding:
    """How intensities become stored values."""

    signed: bool
    slope: float
    window: tuple[float, float]


def write_registered_prior(
    source: SourceSeries,
    prior_headers: Sequence[Dataset],
    registered_prior: Volume,
    current_to_prior: RigidTransform,
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> list[Dataset]:
    """Write the prior FLAIR, resampled onto the current one, slice by slice.

    Each slice references the slices of the prior that its plane crosses.

    Raises
    ------
    Defect
        If the volume is not on the source's grid.
    """
    facts = SeriesFacts(REGISTERED_PRIOR, "MR", described("Interval prior, registered"))
    return _write(
        source,
        registered_prior,
        facts,
        provenance,
        encoding=_magnitude_encoding(registered_prior.array),
        derivation=(_RESAMPLING, "Prior image resampled onto the current one by a rigid transformation."),
        references=_crossed_by_each(source, prior_headers, current_to_prior),
        acquisition=prior_headers[0],
        signed_at=signed_at,
    )


def write_aligned(
    source: SourceSeries,
    role: SeriesRole,
    headers: Sequence[Dataset],
    aligned: Volume,
    to_series: RigidTransform,
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> list[Dataset]:
    """Write another series of the same visit, resampled onto the source, slice by slice.

    Parameters
    ----------
    source : SourceSeries
    role : SeriesRole
        Of the other series.
    headers : sequence of Dataset
        The other series' own.
    aligned : Volume
        On the source's grid.
    to_series : RigidTransform
        Maps a point of the source to the other series.
    provenance : Provenance
    signed_at : datetime, optional

    Raises
    ------
    Defect
        If the volume is not on the source's grid.
    """
    return _write(
        source,
        aligned,
        SeriesFacts(ALIGNED[role], "MR", described(f"Interval {role}, aligned with T1C")),
        provenance,
        encoding=_magnitude_encoding(aligned.array),
        derivation=(_RESAMPLING, f"{role} image resampled onto the T1C image by a rigid transformation."),
        references=_crossed_by_each(source, headers, to_series),
        acquisition=headers[0],
        signed_at=signed_at,
    )


def write_subtraction(
    source: SourceSeries, subtraction: Volume, provenance: Provenance, *, signed_at: datetime | None = None
) -> list[Dataset]:
    """Write the normalised difference, current minus prior, in thousandths of the white-matter median.

    Raises
    ------
    Defect
        If the volume is not on the source's grid.
    """
    frames = source.geometry.frames
    facts = SeriesFacts(SUBTRACTION, "MR", described("Interval subtraction"))
    return _write(
        source,
        subtraction.with_array(subtraction.array * SUBTRACTION_STEPS),
        facts,
        provenance,
        encoding=_Encoding(signed=True, slope=1.0, window=(0.0, float(SUBTRACTION_STEPS))),
        derivation=(_DIFFERENCE, "Current minus registered prior, in thousandths of the white-matter median."),
        references=[[(source.headers[frame.header], frame.frame)] for frame in frames],
        acquisition=source.reference,
        signed_at=signed_at,
    )


def _crossed_by_each(
    source: SourceSeries, headers: Sequence[Dataset], to_series: RigidTransform
) -> list[list[tuple[Dataset, int]]]:
    """Return for every slice of the source the other series' slices that its plane crosses."""
    geometry = series_geometry(headers)
    crossed = [_crossed(source, geometry, to_series, z) for z in range(source.volume.grid.shape[0])]
    return [[(headers[frame.header], frame.frame) for frame in frames] for frames in crossed]


def _crossed(source: SourceSeries, prior: SeriesGeometry, current_to_prior: RigidTransform, z: int) -> list[Frame]:
    """Return the prior's slices that a slice of the current image crosses, one at least."""
    _, rows, columns = source.volume.grid.shape
    corners = source.volume.grid.index_to_lps([(z, y, x) for y in (0, rows - 1) for x in (0, columns - 1)])
    depth = prior.grid.lps_to_index(current_to_prior.apply(corners))[:, 0]
    last = len(prior.frames) - 1
    low, high = (int(np.clip(v, 0, last)) for v in (np.floor(depth.min()), np.ceil(depth.max())))
    return list(prior.frames[low : high + 1])


def _magnitude_encoding(array: npt.NDArray[np.float32]) -> _Encoding:
    low, high = float(array.min()), float(array.max())
    signed = low < -0.5
    limit = _INT16_MAX if signed else _UINT16_MAX
    top = max(high, -low)
    slope = 1.0 if _COARSEST_STEPS <= top <= limit else max(top, 1e-6) / limit
    bright = max(float(np.percentile(array[array > 0], 99.5)) if (array > 0).any() else high, 1e-6)
    return _Encoding(signed=signed, slope=slope, window=(bright / 2, bright))


def _write(
    source: SourceSeries,
    volume: Volume,
    facts: SeriesFacts,
    provenance: Provenance,
    *,
    encoding: _Encoding,
    derivation: tuple[Code, str],
    references: Sequence[Sequence[tuple[Dataset, int]]],
    acquisition: Dataset,
    signed_at: datetime | None,
) -> list[Dataset]:
    if not volume.grid.same_as(source.volume.grid):
        raise Defect(f"The {facts.kind} is not on the grid of the current images.")
    common = _common(source, facts, provenance, encoding, derivation, acquisition, signed_at)
    bounds = (-_INT16_MAX, _INT16_MAX) if encoding.signed else (0, _UINT16_MAX)
    stored = np.clip(np.rint(volume.array / encoding.slope), *bounds).astype("<i2" if encoding.signed else "<u2")
    return [_slice(common, source, provenance, facts.kind, z, stored[z], references[z]) for z in range(stored.shape[0])]


def _common(
    source: SourceSeries,
    facts: SeriesFacts,
    provenance: Provenance,
    encoding: _Encoding,
    derivation: tuple[Code, str],
    acquisition: Dataset,
    signed_at: datetime | None,
) -> Dataset:
    """Return what all slices of a series share."""
    grid = source.volume.grid
    common = Dataset()
    set_identity(common, source.reference, provenance, facts, signed_at=signed_at)
    common.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    common.DerivationDescription = derivation[1]
    common.DerivationCodeSequence = [code_item(derivation[0])]
    common.FrameOfReferenceUID = source.reference.FrameOfReferenceUID
    common.PositionReferenceIndicator = text(source.reference, "PositionReferenceIndicator")
    common.BodyPartExamined = text(source.reference, "BodyPartExamined") or "BRAIN"
    common.PatientPosition = text(source.reference, "PatientPosition") or "HFS"
    _set_acquisition(common, acquisition)
    axes = [*grid.directions[:, 2], *grid.directions[:, 1]]
    common.ImageOrientationPatient = [decimal(value) for value in axes]
    common.PixelSpacing = [decimal(value) for value in grid.spacing_mm[1:]]
    common.SliceThickness = decimal(grid.spacing_mm[0])
    common.SpacingBetweenSlices = decimal(grid.spacing_mm[0])
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.Rows, common.Columns = grid.shape[1:]
    common.BitsAllocated, common.BitsStored, common.HighBit = 16, 16, 15
    common.PixelRepresentation = int(encoding.signed)
    common.WindowCenter, common.WindowWidth = (decimal(value) for value in encoding.window)
    if encoding.window[1] < 1:
        # The usual function isn't defined for windows narrower than 1 (PS3.3 C.11.2.1.2.1).
        common.VOILUTFunction = "LINEAR_EXACT"
    if encoding.slope != 1.0:
        common.RescaleIntercept, common.RescaleSlope, common.RescaleType = 0, decimal(encoding.slope), "US"
    return common


def _set_acquisition(common: Dataset, acquisition: Dataset) -> None:
    """Carry over how the source was acquired (MR Image module); enhanced images keep it elsewhere."""
    common.ScanningSequence = acquisition.get("ScanningSequence") or "RM"
    common.SequenceVariant = acquisition.get("SequenceVariant") or "NONE"
    common.ScanOptions = acquisition.get("ScanOptions") or ""
    common.MRAcquisitionType = acquisition.get("MRAcquisitionType") or ""
    for keyword in ("RepetitionTime", "EchoTime", "EchoTrainLength"):
        setattr(common, keyword, acquisition.get(keyword))
    for keyword in ("InversionTime", "FlipAngle", "MagneticFieldStrength"):
        if acquisition.get(keyword) is not None:
            setattr(common, keyword, acquisition.get(keyword))


def _slice(
    common: Dataset,
    source: SourceSeries,
    provenance: Provenance,
    kind: str,
    z: int,
    stored: npt.NDArray[np.int16] | npt.NDArray[np.uint16],
    references: Sequence[tuple[Dataset, int]],
) -> Dataset:
    dataset = own_copy(common)
    set_instance(dataset, MRImageStorage, provenance.uid(kind, z + 1), z + 1)
    dataset.ImagePositionPatient = [decimal(value) for value in source.geometry.frames[z].position_mm]
    items = []
    for header, frame in references:
        item = instance_reference(header, frame)
        item.PurposeOfReferenceCodeSequence = [code_item(_SOURCE_PURPOSE)]
        items.append(item)
    dataset.SourceImageSequence = Items(items)
    dataset.PixelData = stored.tobytes()
    return dataset
