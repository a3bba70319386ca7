"""What every language of a tumour's report fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processing.domain.growth import Part
from processing.domain.tumour import TumourLabel

LABEL_PARTS = {
    TumourLabel.CORE: Part.CORE,
    TumourLabel.HYPERINTENSITY: Part.HYPERINTENSITY,
    TumourLabel.ENHANCING: Part.ENHANCING,
}


@dataclass(frozen=True)
class TumourDraftTexts:
    """Sentences of the draft that a reader edits; what is in braces is filled in.

    Parameters
    ----------
    technique, volumes, nothing, diameters, not_measurable, agreement : str
    whole : str
        What follows the volumes of all parts.
    change : str
        One paragraph: ``{changes}``, listed.
    one_change : str
        ``{part}``, ``{change}``, ``{since}``, ``{error}``.
    grown, shrunk, unchanged, unknown : str
        What a change is beside the measurement error.
    never_assessed : tuple of str
        What nobody looked at.
    no_change : str
        Added to it where nothing was compared.
    not_assessed, limits : str
    either : str
        The word before the last of a list.
    """

    technique: str
    volumes: str
    whole: str
    nothing: str
    diameters: str
    not_measurable: str
    agreement: str
    change: str
    one_change: str
    grown: str
    shrunk: str
    unchanged: str
    unknown: str
    never_assessed: tuple[str, ...]
    no_change: str
    not_assessed: str
    limits: str
    either: str


@dataclass(frozen=True)
class DoubtTexts:
    """Why a comparison must be looked at again; what is in braces is filled in."""

    versions: str
    studies: str
    middle_more: str
    middle_less: str
    appeared: str
    vanished: str
    contradiction: str
    both: str


@dataclass(frozen=True)
class TumourPageTexts:
    """Labels of the report's pages; what is in braces is filled in."""

    title: str
    measured_on: str
    series: str
    with_tumour: str
    volumes: str
    part: str
    volume: str
    diameters: str
    size: str
    ratios: str
    ratio_columns: tuple[str, str]
    agreement: str
    segmenter_columns: tuple[str, str]
    alarms: str
    nothing_to_compare: str
    alarm: str
    usually: str
    growth: str
    growth_columns: tuple[str, str, str, str, str, str]
    this_study: str
    beyond: str
    within: str
    product: str
    bars: str
    by_eye: str
    measured_by_eye: str
    read_with_volumes: str


@dataclass(frozen=True)
class TumourTexts:
    """Every word of a tumour's report in one language.

    Parameters
    ----------
    decimal : str
        Between units and tenths.
    parts : mapping
        As they stand within a sentence.
    regions, metrics, ratios : mapping
        By the names that the pipeline gives them; one that is not listed stands as it is.
    days_before : callable
        An earlier study's name from the number of days.
    """

    decimal: str
    parts: Mapping[Part, str]
    regions: Mapping[str, str]
    metrics: Mapping[str, str]
    ratios: Mapping[str, str]
    days_before: Callable[[int], str]
    draft: TumourDraftTexts
    doubts: DoubtTexts
    pages: TumourPageTexts

    def figure(self, value: float, digits: int, *, signed: bool = False) -> str:
        """Return a number as people write it."""
        written = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
        return written.replace("-", "\N{MINUS SIGN}").replace(".", self.decimal)

    def part(self, label: TumourLabel) -> str:
        """Return what a part is called within a sentence."""
        return self.parts[LABEL_PARTS[label]]
