"""Growth of a tumour over three time points: the current study and two priors (EASE, van Garderen et al. 2021).

Volumes are compared only where a reader accepted all three segmentations. Every change stands beside what two scans
of an unchanged tumour differ by, and beside the two diameters that RANO compares. Nothing here names a category: that
is the reader's. What makes the numbers doubtful is kept as it is; `growth_words` says it in a language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from processing.domain.errors import InputRejected
from processing.domain.tumour import Diameters, TumourVolumes

TIME_POINTS = 3
RANO_PERCENT = 25.0
"""Of the product of diameters; RANO's progression (Wen et al., JCO 2010)."""
VOLUME_PERCENT = 40.0
"""Of the volume, which a growth of 25 % in the product of diameters corresponds to."""


class Part(StrEnum):
    """What is followed."""

    WHOLE = "whole tumour"
    HYPERINTENSITY = "FLAIR hyperintensity"
    CORE = "non-enhancing or necrotic core"
    ENHANCING = "enhancing tumour"

    def of(self, volumes: TumourVolumes) -> float:
        """Return its volume in millilitres."""
        return {
            Part.WHOLE: volumes.whole_ml,
            Part.HYPERINTENSITY: volumes.hyperintensity_ml,
            Part.CORE: volumes.core_ml,
            Part.ENHANCING: volumes.enhancing_ml,
        }[self]


@dataclass(frozen=True)
class TumourMeasurement:
    """One visit's measurement.

    Parameters
    ----------
    day : date
        Of the study; shifted dates of one patient do as well.
    version : str
        Of the pipeline that measured.
    accepted : bool
        Whether a reader signed it as acceptable.
    volumes : TumourVolumes
    diameters : Diameters or None
        None where nothing enhances.
    """

    day: date
    version: str
    accepted: bool
    volumes: TumourVolumes
    diameters: Diameters | None


@dataclass(frozen=True)
class Change:
    """How a quantity changed between two visits.

    Parameters
    ----------
    since, until : date
    before, after : float
        Millilitres, or square millimetres for the product of diameters.
    factor : float or None
        95 % of repeated measurements of an unchanged tumour differ by less than this factor; None where nobody
        measured it.
    """

    since: date
    until: date
    before: float
    after: float
    factor: float | None = None

    @property
    def absolute(self) -> float:
        """After less before, in the quantity's unit."""
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """Of what was before; None where there was nothing."""
        return 100 * self.absolute / self.before if self.before > 0 else None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Between which values the later measurement lies if nothing changed; None where nobody measured that."""
        return None if self.factor is None else (self.before / self.factor, self.before * self.factor)

    @property
    def direction(self) -> int | None:
        """1 for more, -1 for less, 0 for no change beyond measurement error; None where the error is not known."""
        if self.limits is None:
            return None
        low, high = self.limits
        return 1 if self.after > high else -1 if self.after < low else 0


class Doubt(StrEnum):
    """Why a reader must look again before believing the numbers."""

    VERSIONS = "measured by versions that do not compare"
    MIDDLE = "the middle study is unlike both others"
    APPEARED = "a part appeared"
    VANISHED = "a part vanished"
    CONTRADICTION = "volume and diameters do not say the same"


@dataclass(frozen=True)
class GrowthDoubt:
    """One reason for doubt.

    Parameters
    ----------
    doubt : Doubt
    part : Part or None
        None where it is about whole studies.
    studies : tuple of TumourMeasurement
        The earlier ones that it is about.
    more : bool
        Of an unlike middle study: whether it shows more than the others.
    percent : tuple of float
        Of a contradiction: change of the volume, and of the product of diameters.
    """

    doubt: Doubt
    part: Part | None = None
    studies: tuple[TumourMeasurement, ...] = ()
    more: bool = False
    percent: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Growth:
    """Three measurements compared.

    Parameters
    ----------
    measurements : tuple of TumourMeasurement
        The oldest first.
    volumes : mapping of Part to tuple of Change
        The current study with the previous one, and with the one before that.
    diameters : tuple of (Change or None)
        Of the product of the two diameters, likewise; None where a lesion was not measurable.
    doubts : tuple of GrowthDoubt
        What a reader must know before believing the numbers.
    """

    measurements: tuple[TumourMeasurement, TumourMeasurement, TumourMeasurement]
    volumes: Mapping[Part, tuple[Change, Change]]
    diameters: tuple[Change | None, Change | None]
    doubts: tuple[GrowthDoubt, ...]

    @property
    def current(self) -> TumourMeasurement:
        """The newest."""
        return self.measurements[2]


def assess_growth(
    measurements: Sequence[TumourMeasurement],
    *,
    limits: Mapping[Part, float],
    comparable: Mapping[tuple[str, str], bool],
) -> Growth:
    """Compare a tumour over three visits.

    Parameters
    ----------
    measurements : sequence of TumourMeasurement
        Three, in any order.
    limits : mapping of Part to float
        Factors by which repeated measurements differ at most, as far as they are known.
    comparable : mapping
        Whether volumes of an earlier and a later version may be compared, by that pair; a version compares with
        itself, and a pair that is not named does not.

    Raises
    ------
    InputRejected
        If there are not three, two are of one day, or a reader has not accepted one of them.
    """
    first, second, third = _three(measurements)
    changes = {
        part: tuple(
            Change(earlier.day, third.day, part.of(earlier.volumes), part.of(third.volumes), limits.get(part))
            for earlier in (second, first)
        )
        for part in Part
    }
    volumes = {part: (latest, longest) for part, (latest, longest) in changes.items()}
    diameters = (_product(second, third), _product(first, third))
    return Growth(
        measurements=(first, second, third),
        volumes=volumes,
        diameters=diameters,
        doubts=(
            *_versions(first, second, third, comparable),
            *_inconsistencies(first, second, third, limits),
            *_contradictions((second, first), volumes[Part.ENHANCING], diameters),
        ),
    )


def _three(measurements: Sequence[TumourMeasurement]) -> tuple[TumourMeasurement, TumourMeasurement, TumourMeasurement]:
    if len(measurements) != TIME_POINTS:
        raise InputRejected("Growth is told from the current study and two earlier ones.")
    first, second, third = sorted(measurements, key=lambda one: one.day)
    if first.day == second.day or second.day == third.day:
        raise InputRejected("Growth is told from studies of three different days.")
    refused = [one.day.isoformat() for one in (first, second, third) if not one.accepted]
    if refused:
        raise InputRejected(
            f"No volumes can be compared: the segmentation of {' and '.join(refused)} has not been accepted."
        )
    return first, second, third


def _product(earlier: TumourMeasurement, later: TumourMeasurement) -> Change | None:
    """Products compare only where both lesions are measurable: both diameters at least 10 mm."""
    if earlier.diameters is None or later.diameters is None:
        return None
    if not (earlier.diameters.measurable and later.diameters.measurable):
        return None
    return Change(earlier.day, later.day, earlier.diameters.product_mm2, later.diameters.product_mm2)


def _versions(
    first: TumourMeasurement,
    second: TumourMeasurement,
    third: TumourMeasurement,
    comparable: Mapping[tuple[str, str], bool],
) -> list[GrowthDoubt]:
    apart = tuple(
        earlier
        for earlier in (second, first)
        if earlier.version != third.version and not comparable.get((earlier.version, third.version), False)
    )
    return [GrowthDoubt(Doubt.VERSIONS, studies=apart)] if apart else []


def _inconsistencies(
    first: TumourMeasurement, second: TumourMeasurement, third: TumourMeasurement, limits: Mapping[Part, float]
) -> list[GrowthDoubt]:
    """Say where the three outlines contradict each other, as far as volumes can tell."""
    found = []
    for part in Part:
        before, between, after = (part.of(one.volumes) for one in (first, second, third))
        factor = limits.get(part)
        low, high = min(before, after), max(before, after)
        if factor is not None and low > 0 and (between > high * factor or between * factor < low):
            found.append(GrowthDoubt(Doubt.MIDDLE, part, (second,), more=between > high))
    steps = {part: (part.of(second.volumes), part.of(third.volumes)) for part in (Part.CORE, Part.ENHANCING)}
    whole = (Part.WHOLE.of(second.volumes), Part.WHOLE.of(third.volumes))
    for part, (before, after) in steps.items():
        if (before > 0) != (after > 0) and min(whole) > 0:
            found.append(GrowthDoubt(Doubt.APPEARED if after > 0 else Doubt.VANISHED, part, (second,)))
    return found


def _contradictions(
    earlier: tuple[TumourMeasurement, TumourMeasurement],
    volumes: tuple[Change, Change],
    diameters: tuple[Change | None, Change | None],
) -> list[GrowthDoubt]:
    """Say where volume and diameters of the enhancing tumour lie on different sides of corresponding changes."""
    found = []
    for study, volume, product in zip(earlier, volumes, diameters, strict=True):
        if product is None or product.percent is None or volume.percent is None:
            continue
        if (volume.percent >= VOLUME_PERCENT) != (product.percent >= RANO_PERCENT):
            percent = (volume.percent, product.percent)
            found.append(GrowthDoubt(Doubt.CONTRADICTION, Part.ENHANCING, (study,), percent=percent))
    return found
