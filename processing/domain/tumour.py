"""What is found of a brain tumour: its parts, their volumes and diameters, and how far the segmenters agree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from processing.domain.side import Side

MEASURABLE_MM = 10.0
"""Both diameters of a measurable lesion are at least this long (RANO, Wen et al., JCO 2010)."""


class TumourLabel(IntEnum):
    """Parts of a tumour, numbered as in its segmentation; every voxel has one."""

    CORE = 1
    """Necrotic and non-enhancing core."""

    HYPERINTENSITY = 2
    """Hyperintense on FLAIR: oedema and infiltration around the core."""

    ENHANCING = 3
    """Enhancing tumour."""

    @property
    def words(self) -> str:
        """What a reader calls it."""
        return _WORDS[self]


_WORDS = {
    TumourLabel.CORE: "non-enhancing or necrotic core",
    TumourLabel.HYPERINTENSITY: "FLAIR hyperintensity",
    TumourLabel.ENHANCING: "enhancing tumour",
}


@dataclass(frozen=True)
class TumourVolumes:
    """Volumes of the parts of a tumour, in millilitres."""

    core_ml: float
    hyperintensity_ml: float
    enhancing_ml: float

    @property
    def whole_ml(self) -> float:
        """All three together."""
        return self.core_ml + self.hyperintensity_ml + self.enhancing_ml

    def of(self, label: TumourLabel) -> float:
        """Return the volume of one part."""
        return (self.core_ml, self.hyperintensity_ml, self.enhancing_ml)[label - 1]

    def ratios(self) -> dict[str, float]:
        """Return the eight ratios of Table 1 of the radiogenomics paper; one whose denominator is 0 is left out.

        Necrosis is `core_ml` there, and oedema `hyperintensity_ml`.
        """
        core, oedema, enhancing = self.core_ml, self.hyperintensity_ml, self.enhancing_ml
        pairs = {
            "enhancing tumour to necrosis": (enhancing, core),
            "enhancing tumour to enhancing tumour and necrosis": (enhancing, enhancing + core),
            "enhancing tumour to oedema": (enhancing, oedema),
            "enhancing tumour to whole tumour": (enhancing, self.whole_ml),
            "oedema to necrosis": (oedema, core),
            "oedema to enhancing tumour and necrosis": (oedema, enhancing + core),
            "oedema to whole tumour": (oedema, self.whole_ml),
            "necrosis to whole tumour": (core, self.whole_ml),
        }
        return {name: part / of for name, (part, of) in pairs.items() if of > 0}


@dataclass(frozen=True)
class Diameters:
    """The largest diameter of a lesion on one slice and the largest one perpendicular to it.

    Parameters
    ----------
    slice_index : int
        Along the label map's first axis.
    longest_mm, perpendicular_mm : float
    """

    slice_index: int
    longest_mm: float
    perpendicular_mm: float

    @property
    def product_mm2(self) -> float:
        """What RANO compares between visits."""
        return self.longest_mm * self.perpendicular_mm

    @property
    def measurable(self) -> bool:
        """Whether both are at least 10 mm."""
        return min(self.longest_mm, self.perpendicular_mm) >= MEASURABLE_MM


@dataclass(frozen=True)
class SegmenterVote:
    """What one segmenter contributed.

    Parameters
    ----------
    name : str
    weights : tuple of float
        In the fusion of whole tumour, tumour core and enhancing tumour; 0 where its vote was dropped.
    """

    name: str
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Alarm:
    """A segmenter that agrees less with the fusion than it usually does (Kofler et al., Front. Neurosci. 2021).

    Parameters
    ----------
    segmenter, metric, region : str
    value, threshold : float or None
        In the metric's own unit; None where it is not a finite number, which alone is an alarm.
    """

    segmenter: str
    metric: str
    region: str
    value: float | None
    threshold: float | None

    @property
    def words(self) -> str:
        """The alarm as a reader is told it."""
        if self.value is None:
            return f"{self.segmenter}, {self.region}: nothing to compare ({self.metric})"
        limit = "" if self.threshold is None else f", usually better than {self.threshold:.3g}"
        return f"{self.segmenter}, {self.region}: {self.metric} {self.value:.3g}{limit}"


@dataclass(frozen=True)
class TumourFindings:
    """What is said of a tumour beside its outline; small enough to travel in a message.

    Parameters
    ----------
    volumes : TumourVolumes
    diameters : Diameters or None
        Of the largest enhancing lesion; None where nothing enhances.
    votes : tuple of SegmenterVote
    alarms : tuple of Alarm
    comparisons : int
        How many comparisons could have raised an alarm.
    places : tuple of tuple of int
        For every part, in the order of `TumourLabel`, the index (z, y, x) of a voxel in its largest slice on the
        label map's grid; empty for a part that is absent.
    side : Side or None
        Where the middle of the whole tumour lies; None where nothing was found.
    """

    volumes: TumourVolumes
    diameters: Diameters | None
    votes: tuple[SegmenterVote, ...]
    alarms: tuple[Alarm, ...]
    comparisons: int
    places: tuple[tuple[int, ...], ...]
    side: Side | None = None

    @property
    def parts(self) -> tuple[TumourLabel, ...]:
        """The parts that were found, which a reader accepts or rejects."""
        return tuple(label for label in TumourLabel if self.volumes.of(label) > 0)

    @property
    def risk(self) -> float:
        """Part of the comparisons that raised an alarm, 0 to 1: the worklist is ordered by it."""
        return len(self.alarms) / self.comparisons if self.comparisons else 0.0
