"""What was measured and accepted at one visit, whatever the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from processing.domain.growth import Part
from processing.domain.result import Lesion, LesionChange
from processing.domain.tumour import Diameters, TumourLabel, TumourVolumes


class Quantity(StrEnum):
    """What can be followed over time."""

    NEW_LESIONS = "new lesions"
    NEW_VOLUME = "volume of new lesions"
    GROWN_VOLUME = "volume added to growing lesions"
    LOST_VOLUME = "volume lost by shrinking and vanished lesions"
    WHOLE_TUMOUR = "whole tumour"
    HYPERINTENSITY = "FLAIR hyperintensity"
    CORE = "non-enhancing or necrotic core"
    ENHANCING = "enhancing tumour"
    DIAMETERS = "product of the two largest diameters"

    @property
    def unit(self) -> str:
        """By the Unified Code for Units of Measure (UCUM)."""
        return {Quantity.NEW_LESIONS: "1", Quantity.DIAMETERS: "mm2"}.get(self, "mm3" if self in _OF_LESIONS else "mL")


_OF_LESIONS = (Quantity.NEW_VOLUME, Quantity.GROWN_VOLUME, Quantity.LOST_VOLUME)
_PARTS = {
    TumourLabel.HYPERINTENSITY: Quantity.HYPERINTENSITY,
    TumourLabel.CORE: Quantity.CORE,
    TumourLabel.ENHANCING: Quantity.ENHANCING,
}
PART_OF = {
    Quantity.WHOLE_TUMOUR: Part.WHOLE,
    Quantity.HYPERINTENSITY: Part.HYPERINTENSITY,
    Quantity.CORE: Part.CORE,
    Quantity.ENHANCING: Part.ENHANCING,
}


@dataclass(frozen=True)
class Value:
    """One number of a measurement.

    Parameters
    ----------
    quantity : Quantity
    value : float
        In the quantity's unit.
    limits : tuple of float or None
        Between which values another scan of the same state would lie; None where nobody measured that.
    """

    quantity: Quantity
    value: float
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Measurement:
    """An accepted and signed measurement.

    Parameters
    ----------
    case_id, study_uid : str
        Pseudonymous.
    day : date or None
        The true one; None where the study has none.
    pipeline, version : str
    signed_at : datetime
    reader : str
        Display name of who signed.
    rating : int
    values : tuple of Value
    warnings : tuple of str
        What must be known before comparing it with an earlier one of the same pipeline.
    edition : int
        2 and more: it was reopened and signed again.
    """

    case_id: str
    study_uid: str
    day: date | None
    pipeline: str
    version: str
    signed_at: datetime
    reader: str
    rating: int
    values: tuple[Value, ...]
    warnings: tuple[str, ...] = ()
    edition: int = 1


def lesion_values(lesions: Iterable[Lesion]) -> tuple[Value, ...]:
    """Sum up the accepted lesions of a comparison."""
    found = list(lesions)

    def total(*changes: LesionChange) -> float:
        return sum(lesion.volume_mm3 for lesion in found if lesion.change in changes)

    return (
        Value(Quantity.NEW_LESIONS, float(sum(lesion.change is LesionChange.NEW for lesion in found))),
        Value(Quantity.NEW_VOLUME, total(LesionChange.NEW)),
        Value(Quantity.GROWN_VOLUME, total(LesionChange.GROWING)),
        Value(Quantity.LOST_VOLUME, total(LesionChange.SHRINKING, LesionChange.VANISHED)),
    )


def tumour_values(
    volumes: TumourVolumes,
    diameters: Diameters | None,
    *,
    refused: frozenset[TumourLabel] = frozenset(),
    factors: Mapping[Part, float] | None = None,
) -> tuple[Value, ...]:
    """Return the volumes of the parts that the reader accepted.

    Parameters
    ----------
    volumes : TumourVolumes
    diameters : Diameters or None
    refused : frozenset of TumourLabel
        Parts that the reader rejected: they are left out, and so is the whole, which would lack them.
    factors : mapping of Part to float
        By which repeated measurements of a part differ at most, where that was measured.
    """
    shown = [quantity for label, quantity in _PARTS.items() if label not in refused]
    if not refused:
        shown.insert(0, Quantity.WHOLE_TUMOUR)
    values = [_value(quantity, volumes, factors or {}) for quantity in shown]
    if diameters is not None and TumourLabel.ENHANCING not in refused and diameters.measurable:
        values.append(Value(Quantity.DIAMETERS, diameters.product_mm2))
    return tuple(values)


def _value(quantity: Quantity, volumes: TumourVolumes, factors: Mapping[Part, float]) -> Value:
    part = PART_OF[quantity]
    value, factor = part.of(volumes), factors.get(part)
    return Value(quantity, value, None if factor is None else (value / factor, value * factor))
