"""What a pipeline was measured to find, for those who are shown its answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from processing.domain.study import SeriesRole


class MeasuredWith(BaseModel):
    """What was found with some series of each visit, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: frozenset[SeriesRole]
    lesions_found: int = Field(ge=0)
    false_positives: int = Field(ge=0)


class Measured(BaseModel):
    """Findings on the reference set, as they stand in the pipeline's folder (`measured.json`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    """Of the pipeline that was measured; another one may find more or less."""
    reference: str
    """The reference set, in words."""
    patients: int = Field(ge=1)
    lesions_marked: int = Field(ge=1)
    """New or growing lesions that readers marked."""
    by_series: tuple[MeasuredWith, ...]
    """With less it finds less: each set of series has figures of its own."""
    source: str
    """Where the figures stand with everything around them."""

    def of(self, series: Iterable[SeriesRole]) -> MeasuredWith | None:
        """Return what was found with these series alone; None where that was not measured."""
        wanted = frozenset(series)
        return next((one for one in self.by_series if one.series == wanted), None)


@lru_cache
def measured(pipeline: str) -> Measured | None:
    """Return what a pipeline was measured to find; None when nobody measured it."""
    path = Path(__file__).parent / pipeline / "measured.json"
    return Measured.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None
