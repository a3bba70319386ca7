"""What the clinical archive says it holds: a page of its changes, and a study with its series."""

from __future__ import annotations

from dataclasses import dataclass, field

from processing.dicom.provenance import MANUFACTURER

MR = frozenset({"MR"})
_NO_IMAGES = frozenset({"AU", "DOC", "ECG", "EPS", "FID", "HD", "KO", "PLAN", "PR", "REG", "RTPLAN", "RTSTRUCT"}) | {
    "RWV",
    "SEG",
    "SR",
    "STAIN",
    "TEXTUREMAP",
}
"""Modalities (PS3.3 C.7.3.1.1.1) of objects that are about images and are none."""


@dataclass(frozen=True)
class Changes:
    """A page of the archive's list of changes.

    Parameters
    ----------
    resources : tuple of str
        Orthanc's identifiers of what was added: studies, series or instances.
    last : int
        Number of the last change on this page; the next page begins behind it.
    done : bool
        Whether this was the last page.
    """

    resources: tuple[str, ...]
    last: int
    done: bool


@dataclass(frozen=True)
class ClinicalSeries:
    """A series in the clinical archive; its instances are Orthanc's identifiers."""

    series_instance_uid: str = field(repr=False)
    modality: str
    series_number: int | None
    manufacturer: str
    instances: tuple[str, ...] = field(repr=False)
    orthanc_id: str = field(default="", repr=False)

    @property
    def written_by_interval(self) -> bool:
        """Whether it is one of Interval's own results, back from the PACS."""
        return self.manufacturer == MANUFACTURER

    @property
    def holds_images(self) -> bool:
        """Whether it holds images from outside: no result of Interval's, no report, segmentation and the like."""
        return not self.written_by_interval and self.modality not in _NO_IMAGES


@dataclass(frozen=True)
class ClinicalStudy:
    """A study in the clinical archive, as it is now.

    Parameters
    ----------
    study_instance_uid : str
    patient_ids : frozenset of str
        More than one when the same study arrived under several patient IDs: then nobody knows whose it is.
    series : tuple of ClinicalSeries
    measured : frozenset of str
        Modalities of which a pipeline measures anything.
    """

    study_instance_uid: str = field(repr=False)
    patient_ids: frozenset[str] = field(repr=False)
    series: tuple[ClinicalSeries, ...] = field(repr=False)
    measured: frozenset[str] = MR

    @property
    def images(self) -> tuple[ClinicalSeries, ...]:
        """The series that hold images from outside."""
        return tuple(series for series in self.series if series.holds_images)

    @property
    def measurable(self) -> tuple[ClinicalSeries, ...]:
        """Those of them that a pipeline may ask for."""
        return tuple(series for series in self.images if series.modality in self.measured)

    @property
    def image_count(self) -> int:
        """Number of images that can be chosen: only these make a study another one when they come late."""
        return sum(len(series.instances) for series in self.measurable)

    @property
    def ignored_count(self) -> int:
        """Number of all other images from outside."""
        return sum(len(series.instances) for series in self.images) - self.image_count
