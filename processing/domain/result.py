"""What pipelines find: a change between two visits, or a tumour of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from processing.domain.errors import Defect
from processing.domain.growth import Growth
from processing.domain.imaging import LabelMap, RigidTransform, Volume
from processing.domain.side import Side as Side
from processing.domain.study import SeriesRole
from processing.domain.tumour import Diameters, SegmenterVote, TumourFindings, TumourVolumes


class LesionChange(StrEnum):
    """How a lesion changed since the prior study."""

    NEW = "new"
    GROWING = "growing"
    SHRINKING = "shrinking"
    VANISHED = "vanished"

    @property
    def increase(self) -> bool:
        """Whether there is more lesion than before."""
        return self in (LesionChange.NEW, LesionChange.GROWING)


LIMIT_OF_QUANTIFICATION_MM3 = 50.0
"""An algorithm's volume below this may be three times too large: no voxel of a clinical scan lies wholly within."""


class Region(StrEnum):
    """Where in the brain a lesion lies: the regions of the McDonald criteria (Thompson et al., 2018)."""

    PERIVENTRICULAR = "periventricular"
    JUXTACORTICAL = "juxtacortical or cortical"
    DEEP_WHITE_MATTER = "deep white matter"
    INFRATENTORIAL = "infratentorial"


class Outline(StrEnum):
    """Who drew a lesion's outline."""

    ALGORITHM = "algorithm"
    CORRECTED = "corrected by the reader"
    ADDED = "added by the reader"


@dataclass(frozen=True)
class Lesion:
    """One lesion with its measurements.

    Parameters
    ----------
    number : int
        Its label in the lesion map, from 1, in order of falling volume.
    change : LesionChange
    volume_mm3 : float
        Volume at the current study: the whole lesion for a new one, the part that was added for a growing one.
        For a shrinking or vanished lesion, the volume that was lost.
    prior_volume_mm3 : float
        Volume of the whole lesion at the prior study; 0 for a new lesion.
    centroid_mm : tuple of float
        LPS (x, y, z) in the current study's frame of reference, at a voxel inside the lesion.
    region : Region
    side : Side
    score : float
        Confidence from 0 to 1; not a probability unless the model card says that it is calibrated.
        Of an added lesion, which no algorithm judged, 0.
    outline : Outline
    measured_mm3 : float or None
        Where the reader corrected the outline, the volume within the algorithm's.
    disputed : bool
        Whether only one of two detectors found it.
    partial_volume_mm3 : float or None
        The volume by how much each voxel changed: a rim that is only partly lesion counts in part. None where nothing
        measured it.
    limits_of_agreement_mm3 : float or None
        Two measurements of such a change differ by less, plus or minus. None where nobody measured that for the
        version and the size, or where a reader drew the outline.
    """

    number: int
    change: LesionChange
    volume_mm3: float
    prior_volume_mm3: float
    centroid_mm: tuple[float, float, float]
    region: Region
    side: Side
    score: float
    outline: Outline = Outline.ALGORITHM
    measured_mm3: float | None = None
    disputed: bool = False
    partial_volume_mm3: float | None = None
    limits_of_agreement_mm3: float | None = None

    @property
    def below_quantification(self) -> bool:
        """Whether an algorithm found it, but it is too small for its volume to mean much."""
        return self.outline is Outline.ALGORITHM and self.volume_mm3 < LIMIT_OF_QUANTIFICATION_MM3

    @property
    def exceeds_measurement_error(self) -> bool | None:
        """Whether it changed by more than two measurements of one change differ; None where that is not known."""
        return None if self.limits_of_agreement_mm3 is None else self.volume_mm3 > self.limits_of_agreement_mm3

    @property
    def measurement_error_words(self) -> str:
        """The same as a reader is told it; empty where it is not known."""
        if self.limits_of_agreement_mm3 is None:
            return ""
        verdict = "exceeds" if self.exceeds_measurement_error else "is within"
        return (
            f"the change {verdict} the measurement error (limits of agreement ±{self.limits_of_agreement_mm3:.0f} mm³)"
        )


@dataclass(frozen=True)
class QualityFigure:
    """One figure about the images or a step, with its unit and whether it is in its expected range."""

    name: str
    value: float
    unit: str
    acceptable: bool


@dataclass(frozen=True, eq=False)
class LongitudinalResult:
    """The outcome of a comparison of two studies, all images on the current FLAIR's own grid.

    Parameters
    ----------
    lesions : tuple of Lesion
    lesion_map : LabelMap
        Label n is the lesion with number n.
    registered_prior : Volume
        The prior FLAIR resampled onto the current FLAIR's grid, in its own intensities.
    subtraction : Volume
        Normalised current minus prior, in units of the white-matter median (dimensionless).
    current_to_prior : RigidTransform
        Maps a point of the current study's frame of reference to the prior's.
    quality : tuple of QualityFigure
    warnings : tuple of str
        Sentences that the reader must see beside the result.
    compared : tuple of SeriesRole
        The series of both visits that it was made from; a series that did not match its earlier one is not among them.
        Empty where nobody noted it.
    """

    lesions: tuple[Lesion, ...]
    lesion_map: LabelMap
    registered_prior: Volume
    subtraction: Volume
    current_to_prior: RigidTransform
    quality: tuple[QualityFigure, ...]
    warnings: tuple[str, ...] = ()
    compared: tuple[SeriesRole, ...] = ()


@dataclass(frozen=True, eq=False)
class TumourResult:
    """A measured tumour, everything on the grid of T1C as it was acquired.

    Parameters
    ----------
    findings : TumourFindings
    tumour : LabelMap
        `TumourLabel`.
    aligned : mapping of SeriesRole to Volume
        The other series, resampled onto T1C, in their own intensities.
    to_series : mapping of SeriesRole to RigidTransform
        Maps a point of T1C to the same point of each other series.
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of a point of T1C (LPS, mm) to the ICBM152 atlas.
    similarities : ndarray of float64, shape (candidates, metrics, regions)
        How alike each segmenter and the fusion are; the alarms are raised from it.
    quality : tuple of QualityFigure
    warnings : tuple of str
        Sentences that the reader must see beside the result.
    growth : Growth, optional
        Over three time points, when it is reported.
    """

    findings: TumourFindings
    tumour: LabelMap
    aligned: Mapping[SeriesRole, Volume]
    to_series: Mapping[SeriesRole, RigidTransform]
    to_atlas: npt.NDArray[np.float64]
    similarities: npt.NDArray[np.float64]
    quality: tuple[QualityFigure, ...] = ()
    warnings: tuple[str, ...] = ()
    growth: Growth | None = None

    @property
    def volumes(self) -> TumourVolumes:
        """Of the parts."""
        return self.findings.volumes

    @property
    def diameters(self) -> Diameters | None:
        """Of the largest enhancing lesion."""
        return self.findings.diameters

    @property
    def votes(self) -> tuple[SegmenterVote, ...]:
        """What each segmenter contributed."""
        return self.findings.votes


PipelineResult = LongitudinalResult | TumourResult
"""What a pipeline may return. Whoever writes, reads or shows one chooses by its type, in one place (ADR 0017)."""


def as_longitudinal(result: PipelineResult) -> LongitudinalResult:
    """Return a comparison of two visits as what it is, for those who know nothing else.

    Raises
    ------
    Defect
        If it is something else.
    """
    if isinstance(result, LongitudinalResult):
        return result
    raise Defect("A comparison of two visits was expected, and the pipeline measured something else.")
