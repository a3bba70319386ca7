"""The draft of a report on a tumour in words; the reader edits it before signing, and it names no diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from processing.domain.growth import Growth, Part
from processing.domain.growth_words import by_days_before, change_in_words, doubts_in_words
from processing.domain.language import Language
from processing.domain.report_texts import ReportTexts, texts_in
from processing.domain.study import SeriesRole
from processing.domain.tumour import Alarm, TumourFindings, TumourLabel


def draft_tumour_report(
    found: TumourFindings,
    parts: Sequence[TumourLabel],
    used: Sequence[SeriesRole],
    notes: Sequence[str] = (),
    *,
    growth: Growth | None = None,
    language: Language = Language.ENGLISH,
) -> str:
    """Write the draft of a report.

    Parameters
    ----------
    found : TumourFindings
    parts : sequence of TumourLabel
        Those that the reader has not rejected.
    used : sequence of SeriesRole
    notes : sequence of str
        Sentences that limit what was found.
    growth : Growth, optional
        Over three time points, where that can be told.
    language : Language

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    texts = texts_in(language)
    draft = texts.tumour.draft
    paragraphs = [draft.technique.format(series=", ".join(role.value for role in used)), _findings(found, parts, texts)]
    if TumourLabel.ENHANCING in parts and found.diameters is not None:
        size = {"longest": f"{found.diameters.longest_mm:.0f}", "across": f"{found.diameters.perpendicular_mm:.0f}"}
        rano = "" if found.diameters.measurable else draft.not_measurable
        paragraphs.append(draft.diameters.format(**size, rano=rano))
    if growth is not None:
        paragraphs.append(_change(growth, texts))
    if found.alarms:
        names = ", ".join(dict.fromkeys(alarm.segmenter for alarm in found.alarms))
        counts = {"alarms": len(found.alarms), "comparisons": found.comparisons}
        paragraphs.append(draft.agreement.format(**counts, names=names))
    never = draft.never_assessed if growth is not None else (draft.no_change, *draft.never_assessed)
    paragraphs.append(draft.not_assessed.format(words=f"{', '.join(never[:-1])} {draft.either} {never[-1]}"))
    if growth is not None:
        notes = (*notes, *doubts_in_words(growth, texts.tumour, by_days_before(growth, texts.tumour)))
    if notes:
        paragraphs.append(draft.limits.format(words=" ".join(notes)))
    return "\n\n".join(paragraphs)


def alarm_in_words(alarm: Alarm, texts: ReportTexts) -> str:
    """Return an alarm as a reader is told it."""
    words, tumour = texts.tumour.pages, texts.tumour
    named = {
        "segmenter": alarm.segmenter,
        "region": tumour.regions.get(alarm.region, alarm.region),
        "metric": tumour.metrics.get(alarm.metric, alarm.metric),
    }
    if alarm.value is None:
        return words.nothing_to_compare.format(**named)
    limit = "" if alarm.threshold is None else words.usually.format(threshold=_significant(alarm.threshold, texts))
    return words.alarm.format(**named, value=_significant(alarm.value, texts)) + limit


def _significant(value: float, texts: ReportTexts) -> str:
    return f"{value:.3g}".replace(".", texts.tumour.decimal)


def _findings(found: TumourFindings, parts: Sequence[TumourLabel], texts: ReportTexts) -> str:
    words = texts.tumour
    if not parts:
        return words.draft.nothing
    listed = "; ".join(f"{words.part(label)} {words.figure(found.volumes.of(label), 1)} ml" for label in parts)
    whole = words.draft.whole.format(volume=words.figure(found.volumes.whole_ml, 1))
    return words.draft.volumes.format(
        side=f" ({texts.sides[found.side]})" if found.side is not None else "",
        listed=listed,
        whole=whole if tuple(parts) == found.parts else "",
    )


def _change(growth: Growth, texts: ReportTexts) -> str:
    """Say how the whole and the enhancing tumour changed; the pages hold the rest."""
    words, named = texts.tumour, by_days_before(growth, texts.tumour)
    told = (
        change_in_words(part, change, words, named(change.since))
        for part in (Part.WHOLE, Part.ENHANCING)
        for change in growth.volumes[part]
        if change.before > 0 or change.after > 0
    )
    return words.draft.change.format(changes="; ".join(told))
