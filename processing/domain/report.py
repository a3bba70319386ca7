"""The draft of a report in words: what was found, compared with what, and what nobody looked at.

The reader edits it before signing. It says nothing that the measurements do not say, and names no diagnosis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from processing.domain.result import Lesion, LesionChange
from processing.domain.study import SeriesRole

_NEVER_ASSESSED = (
    "lesions that did not change",
    "enhancement after contrast",
    "the spinal cord",
    "brain volume",
    "findings of other diseases",
)
_GROUPS = (
    (LesionChange.NEW, "New"),
    (LesionChange.GROWING, "Growing"),
    (LesionChange.SHRINKING, "Shrinking"),
    (LesionChange.VANISHED, "Vanished"),
)
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


def draft_report(lesions: Sequence[Lesion], comparison: Comparison, notes: Sequence[str] = ()) -> str:
    """Write the draft of a report.

    Parameters
    ----------
    lesions : sequence of Lesion
        Those that the reader has not rejected.
    comparison : Comparison
    notes : sequence of str
        Sentences of the pipeline that limit what was found.

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    paragraphs = [_compared(comparison), *_findings(lesions), _not_assessed(comparison)]
    if notes:
        paragraphs.append("Limits: " + " ".join(notes))
    paragraphs.append("Impression: " + impression(lesions))
    return "\n\n".join(paragraphs)


def impression(lesions: Sequence[Lesion]) -> str:
    """Return the one sentence that a referring physician reads first."""
    counts = Counter(lesion.change for lesion in lesions)
    more = [f"{counts[kind]} {kind}" for kind in LesionChange if kind.increase and counts[kind]]
    less = [f"{counts[kind]} {kind}" for kind in LesionChange if not kind.increase and counts[kind]]
    if more:
        lesion = "lesion" if counts.total() == 1 else "lesions"
        return f"{_listed(more + less)} {lesion} since the comparison."
    if less:
        lesion = "lesion" if counts.total() == 1 else "lesions"
        return f"No new or growing lesion; {_listed(less)} {lesion} since the comparison."
    return "No new, growing, shrinking or vanished lesion since the comparison."


def _compared(comparison: Comparison) -> str:
    words = "Comparison: "
    if comparison.prior is None:
        words += "MR of the earlier study (date not known)"
    else:
        words += f"MR of {day_in_words(comparison.prior)}"
    if comparison.prior is not None and comparison.current is not None:
        words += f", {(comparison.current - comparison.prior).days} days before the present one"
    return f"{words}; on {_listed([role.value for role in comparison.used])}."


def _findings(lesions: Sequence[Lesion]) -> list[str]:
    paragraphs = []
    for kind, word in _GROUPS:
        found = sorted((lesion for lesion in lesions if lesion.change is kind), key=lambda item: -item.volume_mm3)
        if not found:
            continue
        listed = "; ".join(_one(lesion) for lesion in found[:_MOST_LISTED])
        rest = f"; and {len(found) - _MOST_LISTED} smaller ones" if len(found) > _MOST_LISTED else ""
        total = sum(lesion.volume_mm3 for lesion in found)
        paragraphs.append(f"{word} lesions: {len(found)} ({_total(kind, total)}): {listed}{rest}.")
    return paragraphs or ["Findings: no lesion changed."]


def _one(lesion: Lesion) -> str:
    volume = f"{lesion.volume_mm3:.0f} mm³"
    if lesion.change is LesionChange.GROWING:
        volume = f"{volume} added to {lesion.prior_volume_mm3:.0f} mm³"
    elif lesion.change is LesionChange.SHRINKING:
        volume = f"{volume} lost of {lesion.prior_volume_mm3:.0f} mm³"
    within = ", within the measurement error" if lesion.exceeds_measurement_error is False else ""
    return f"{lesion.side}, {lesion.region}, {volume}{within} (no. {lesion.number})"


def _total(kind: LesionChange, volume_mm3: float) -> str:
    return f"{volume_mm3:.0f} mm³ {'in all' if kind is LesionChange.NEW else 'added' if kind.increase else 'lost'}"


def _not_assessed(comparison: Comparison) -> str:
    missing = [f"{role.value} images" for role in comparison.missing]
    return f"Not assessed: {_listed([*_NEVER_ASSESSED, *missing], last='or')}."


def _listed(words: Sequence[str], *, last: str = "and") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def day_in_words(day: date) -> str:
    """Return a date with its month in letters, so that no country misreads it."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
