"""What every language of the report fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from processing.domain.decision import Acceptance, Opinion
from processing.domain.report_texts.tumour_shape import TumourTexts
from processing.domain.result import LesionChange, Outline, Region, Side


@dataclass(frozen=True)
class DraftTexts:
    """Sentences of the draft that a reader edits.

    Parameters
    ----------
    comparison : callable
        From the earlier study's day in words (empty where unknown), the days between, and the series, listed.
    headings : mapping
        Over the lesions of one kind.
    totals, volumes : mapping
        Templates of the volume of all lesions of a kind, and of one: ``{volume}``, ``{before}``.
    found : callable
        A kind's paragraph from heading, number, total and the lesions, listed.
    lesion : str
        One lesion: ``{side}``, ``{region}``, ``{volume}``, ``{number}``.
    within_error : str
        What follows the volume of a change that may be none.
    below_quantification : str
        What follows a volume that is too small to mean much: ``{limit}``.
    smaller : str
        What follows a list that was cut: ``{number}``.
    nothing : str
    never_assessed : tuple of str
        What nobody looked at.
    images : str
        Images of a ``{role}`` that were missing.
    not_assessed, limits, impression : callable
        The last paragraphs from their words.
    conclusion : callable
        One sentence from the number of lesions of each kind.
    both, either : str
        The words before the last of a list.
    """

    comparison: Callable[[str, int | None, str], str]
    headings: Mapping[LesionChange, str]
    totals: Mapping[LesionChange, str]
    volumes: Mapping[LesionChange, str]
    found: Callable[[str, int, str, str], str]
    lesion: str
    within_error: str
    below_quantification: str
    smaller: str
    nothing: str
    never_assessed: tuple[str, ...]
    images: str
    not_assessed: Callable[[str], str]
    limits: Callable[[str], str]
    impression: Callable[[str], str]
    conclusion: Callable[[Mapping[LesionChange, int]], str]
    both: str
    either: str

    def listed(self, words: Sequence[str], *, last: str) -> str:
        """Return words as a list in a sentence."""
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


@dataclass(frozen=True)
class PageTexts:
    """Labels of the report's pages; what is in braces is filled in."""

    title: str
    page: str
    rejected: str
    patient: str
    born: str
    accession: str
    study: str
    compared_with: str
    earlier_study: str
    days_before: str
    method: str
    revision: str
    replaces: str
    reader: str
    signed_by: str
    result: str
    rating: str
    rating_of_five: str
    comment: str
    second_reader: str
    quality: str
    quality_columns: tuple[str, str, str]
    as_expected: str
    outside: str
    pictures: str
    pictures_of_largest: str
    captions: tuple[str, str, str]
    caption: str
    planes: Mapping[str, str]
    lesions: str
    lesion_columns: tuple[str, str, str, str, str, str, str, str]
    not_known: str
    exceeds: str
    within: str
    below_quantification: str
    read_alone: str
    read_blind: str
    consensus: str


@dataclass(frozen=True)
class ReportTexts:
    """Every word of the report in one language."""

    code: str
    research_use: str
    day: Callable[[date], str]
    changes: Mapping[LesionChange, str]
    regions: Mapping[Region, str]
    sides: Mapping[Side, str]
    outlines: Mapping[Outline, str]
    acceptance: Mapping[Acceptance, str]
    readings: Mapping[Opinion, str]
    ratings: Mapping[int, str]
    draft: DraftTexts
    pages: PageTexts
    tumour: TumourTexts
