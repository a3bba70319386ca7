"""The draft of a report in words: what was found, compared with what, and what nobody looked at.

The reader edits it before signing. It says nothing that the measurements do not say, and names no diagnosis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from processing.domain.decision import SignedReview, TumourReading
from processing.domain.language import Language
from processing.domain.report_texts import ReportTexts, texts_in
from processing.domain.result import LIMIT_OF_QUANTIFICATION_MM3, Lesion
from processing.domain.study import SeriesRole

_MOST_LISTED = 10
"""Lesions of one kind that are listed one by one; the table of the report holds all."""


@dataclass(frozen=True)
class Comparison:
    """The two studies as a report names them.

    Parameters
    ----------
    current, prior : date or None
        None where a study has no date.
    used, missing : tuple of SeriesRole
        What was compared, and what the pipeline would have used had both studies held it.
    """

    current: date | None
    prior: date | None
    used: tuple[SeriesRole, ...]
    missing: tuple[SeriesRole, ...] = ()


def draft_report(
    lesions: Sequence[Lesion],
    comparison: Comparison,
    notes: Sequence[str] = (),
    language: Language = Language.ENGLISH,
) -> str:
    """Write the draft of a report.

    Parameters
    ----------
    lesions : sequence of Lesion
        Those that the reader has not rejected.
    comparison : Comparison
    notes : sequence of str
        Sentences of the pipeline that limit what was found.
    language : Language

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    texts = texts_in(language)
    paragraphs = [_compared(comparison, texts), *_findings(lesions, texts), _not_assessed(comparison, texts)]
    if notes:
        paragraphs.append(texts.draft.limits(" ".join(notes)))
    paragraphs.append(texts.draft.impression(impression(lesions, language)))
    return "\n\n".join(paragraphs)


def impression(lesions: Sequence[Lesion], language: Language = Language.ENGLISH) -> str:
    """Return the one sentence that a referring physician reads first."""
    return texts_in(language).draft.conclusion(Counter(lesion.change for lesion in lesions))


def _compared(comparison: Comparison, texts: ReportTexts) -> str:
    prior, current = comparison.prior, comparison.current
    days = (current - prior).days if prior is not None and current is not None else None
    series = texts.draft.listed([role.value for role in comparison.used], last=texts.draft.both)
    return texts.draft.comparison(texts.day(prior) if prior is not None else "", days, series)


def _findings(lesions: Sequence[Lesion], texts: ReportTexts) -> list[str]:
    draft, paragraphs = texts.draft, []
    for kind, heading in draft.headings.items():
        found = sorted((lesion for lesion in lesions if lesion.change is kind), key=lambda item: -item.volume_mm3)
        if not found:
            continue
        listed = "; ".join(_one(lesion, texts) for lesion in found[:_MOST_LISTED])
        if len(found) > _MOST_LISTED:
            listed += "; " + draft.smaller.format(number=len(found) - _MOST_LISTED)
        total = draft.totals[kind].format(volume=_volume(sum(lesion.volume_mm3 for lesion in found)))
        paragraphs.append(draft.found(heading, len(found), total, listed))
    return paragraphs or [draft.nothing]


def _one(lesion: Lesion, texts: ReportTexts) -> str:
    error = texts.draft.within_error if lesion.exceeds_measurement_error is False else ""
    if lesion.below_quantification:
        error += texts.draft.below_quantification.format(limit=_volume(LIMIT_OF_QUANTIFICATION_MM3))
    return texts.draft.lesion.format(
        side=texts.sides[lesion.side],
        region=texts.regions[lesion.region],
        volume=volume_in_words(lesion, texts) + error,
        number=lesion.number,
    )


def volume_in_words(lesion: Lesion, texts: ReportTexts) -> str:
    """Return a lesion's volume, and of one that grew or shrank what it was before."""
    template = texts.draft.volumes[lesion.change]
    return template.format(volume=_volume(lesion.volume_mm3), before=_volume(lesion.prior_volume_mm3))


def _volume(volume_mm3: float) -> str:
    return f"{volume_mm3:.0f} mm³"


def _not_assessed(comparison: Comparison, texts: ReportTexts) -> str:
    draft = texts.draft
    missing = [draft.images.format(role=role.value) for role in comparison.missing]
    return draft.not_assessed(draft.listed([*draft.never_assessed, *missing], last=draft.either))


def second_reading_words(review: SignedReview, texts: ReportTexts) -> tuple[str, ...]:
    """Return how the conclusion was reached, where something was seen without the result; empty otherwise."""
    if review.visual is None:
        return ()
    words, second = texts.pages, review.second
    if isinstance(review.visual, TumourReading):
        sentences = _tumour_readings(review, review.visual, texts)
    else:
        sentences = [words.read_alone.format(reader=review.reader_name, reading=texts.readings[review.visual])]
    if second is not None:
        sentences.append(words.read_blind.format(reader=second.reader_name, reading=texts.readings[second.blind]))
        if second.consensus.strip():
            sentences.append(words.consensus.format(words=second.consensus.strip()))
    return tuple(sentences)


def _tumour_readings(review: SignedReview, seen: TumourReading, texts: ReportTexts) -> list[str]:
    """EASE wants both assessments in the report: the one by eye, and the one with the volumes."""
    words, measured, size = texts.tumour.pages, review.eye_diameters, ""
    if measured is not None:
        longest, across = (
            texts.tumour.figure(length_mm, 0) for length_mm in (measured.longest_mm, measured.perpendicular_mm)
        )
        size = words.measured_by_eye.format(longest=longest, across=across)
    sentences = [words.by_eye.format(reader=review.reader_name, reading=texts.readings[seen], diameters=size)]
    if review.with_volumes is not None:
        concluded = texts.readings[review.with_volumes]
        sentences.append(words.read_with_volumes.format(reader=review.reader_name, reading=concluded))
    return sentences
