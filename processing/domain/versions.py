"""Which versions of a pipeline passed the validation gate, and whose volumes may be compared with whose.

The ledger is a file that is released with the code (`validation/compatibility.yaml`). Whoever starts a job asks it,
and whoever shows two measurements beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from processing.domain.result import Lesion, Outline


class Basis(StrEnum):
    """Why a version may be used, or not yet."""

    FIRST = "first version"
    UNCHANGED = "results did not change"
    TRUTH = "changed, and no worse against the ground truth"
    READERS = "changed, and readers rated it as good or better"
    MAINTAINER = "a maintainer decided, with a reason"
    RATINGS_WANTED = "changed, and readers have not rated it yet"
    WORSE = "changed, and readers rated it worse"


PASSING = frozenset({Basis.FIRST, Basis.UNCHANGED, Basis.TRUTH, Basis.READERS, Basis.MAINTAINER})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VolumeLimits(_Strict):
    """Limits of agreement of volumes of a size: how far two scans of one unchanged lesion may lie apart.

    Parameters
    ----------
    low_mm3, high_mm3 : float
        From and up to which volume; no upper end is None.
    factor : float
        95 % of repeated measurements, where both saw the lesion, differ by less than this factor.
    difference_mm3 : float
        95 % of repeated measurements differ by less; one that did not see the lesion measured 0.
    lesions : int
        On how many lesions it rests.
    of : str
        Which part's volume, where a pipeline measures several; empty where it measures one kind of volume.
    """

    low_mm3: float
    high_mm3: float | None
    factor: float = Field(ge=1)
    difference_mm3: float = Field(ge=0)
    lesions: int
    of: str = ""

    def holds(self, volume_mm3: float) -> bool:
        """Whether a volume is of this size."""
        return self.low_mm3 <= volume_mm3 and (self.high_mm3 is None or volume_mm3 < self.high_mm3)


class VersionEntry(_Strict):
    """What the gate said of one version.

    Parameters
    ----------
    version : str
    basis : Basis
    decided : date
    reason : str
        In words, for whoever reads the ledger or a refusal.
    incompatible_with_earlier : bool
        Whether a volume of an accepted reference case moved by more than 25 %.
    largest_volume_change_percent : float or None
        None where there was nothing to compare with, or something came from nothing.
    case : str
        In which it was found.
    """

    version: str
    basis: Basis
    decided: date
    reason: str = ""
    incompatible_with_earlier: bool = False
    largest_volume_change_percent: float | None = Field(default=None, ge=0)
    case: str = ""
    limits: tuple[VolumeLimits, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the gate lets cases be routed to it."""
        return self.basis in PASSING


class Ledger(_Strict):
    """Every version of every pipeline that the gate judged, oldest first."""

    pipelines: dict[str, tuple[VersionEntry, ...]] = {}

    @model_validator(mode="after")
    def _each_version_once(self) -> Self:
        for name, entries in self.pipelines.items():
            versions = [entry.version for entry in entries]
            if len(set(versions)) < len(versions):
                raise ValueError(f"{name} has a version twice")
        return self

    def entry(self, pipeline: str, version: str) -> VersionEntry | None:
        """Return what the gate said of a version; None where it was never asked."""
        return next((entry for entry in self.pipelines.get(pipeline, ()) if entry.version == version), None)

    def comparable(self, pipeline: str, earlier: str, later: str) -> bool:
        """Whether volumes that two versions measured may be compared.

        Of a version that the ledger does not know nothing is known: it is comparable with itself alone.
        """
        if earlier == later:
            return True
        versions = [entry.version for entry in self.pipelines.get(pipeline, ())]
        if earlier not in versions or later not in versions:
            return False
        first, last = sorted((versions.index(earlier), versions.index(later)))
        return not any(entry.incompatible_with_earlier for entry in self.pipelines[pipeline][first + 1 : last + 1])

    def with_entry(self, pipeline: str, entry: VersionEntry) -> Ledger:
        """Return a ledger with an entry added, or put in the place of the version's own."""
        entries = self.pipelines.get(pipeline, ())
        if any(old.version == entry.version for old in entries):
            entries = tuple(entry if old.version == entry.version else old for old in entries)
        else:
            entries = (*entries, entry)
        return Ledger(pipelines={**self.pipelines, pipeline: entries})


def why_refused(ledger: Ledger, pipeline: str, version: str) -> str:
    """Return in one sentence why no case may be routed to a version; empty where it may."""
    entry = ledger.entry(pipeline, version)
    if entry is None:
        return f"Version {version} of {pipeline} has not been through the validation gate."
    if not entry.passed:
        return f"Version {version} of {pipeline} has not passed the validation gate: {entry.basis.value}."
    return ""


def measurement_error_mm3(ledger: Ledger, pipeline: str, version: str, volume_mm3: float) -> float | None:
    """Return the limits of agreement (plus or minus, mm3) of a change of this volume.

    A change is measured as itself, by comparing two scans, and not as the difference of two volumes: it exceeds the
    measurement error when it is larger than two measurements of one such change may differ.

    Returns
    -------
    float or None
        None where the limits of this version, or of this size, were not measured: they hold for no other version.
    """
    entry = ledger.entry(pipeline, version)
    limits = entry.limits if entry is not None else ()
    return next((limit.difference_mm3 for limit in limits if not limit.of and limit.holds(volume_mm3)), None)


def agreement_factor(ledger: Ledger, pipeline: str, version: str, part: str, volume_mm3: float) -> float | None:
    """Return the factor by which repeated measurements of a part differ at most; None where that was not measured."""
    entry = ledger.entry(pipeline, version)
    limits = entry.limits if entry is not None else ()
    return next((limit.factor for limit in limits if limit.of == part and limit.holds(volume_mm3)), None)


def with_limits(ledger: Ledger, pipeline: str, version: str, lesions: Iterable[Lesion]) -> tuple[Lesion, ...]:
    """Return lesions with the limits of agreement of the version that measured them.

    An outline that a reader drew is the reader's measurement: nobody knows how that one repeats.
    """
    return tuple(
        replace(lesion, limits_of_agreement_mm3=measurement_error_mm3(ledger, pipeline, version, lesion.volume_mm3))
        if lesion.outline is Outline.ALGORITHM
        else lesion
        for lesion in lesions
    )


def comparison_warning(ledger: Ledger, pipeline: str, version: str, priors: dict[str, str]) -> str:
    """Return the sentence that a report must carry when it compares measurements of versions that don't compare.

    Parameters
    ----------
    ledger : Ledger
    pipeline, version : str
        Of the present measurement.
    priors : dict of str to str
        What a reader calls each earlier measurement (its date), and the version that made it.

    Returns
    -------
    str
        Empty where all may be compared; else it names what to measure again.
    """
    apart = [
        f"{name} (version {made})" for name, made in priors.items() if not ledger.comparable(pipeline, made, version)
    ]
    if not apart:
        return ""
    return (
        f"Volumes measured by version {version} must not be compared with those of {', '.join(apart)}: the versions "
        "measure differently by more than 25 %. Measure the earlier studies again first."
    )
