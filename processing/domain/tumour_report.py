"""The draft of a report on a tumour in words; the reader edits it before signing, and it names no diagnosis."""

from __future__ import annotations

from collections.abc import Sequence

from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourFindings, TumourLabel

_NEVER_ASSESSED = (
    "change since an earlier study",
    "diffusion, perfusion and spectroscopy",
    "the kind or grade of a tumour",
    "findings of other diseases",
)


def draft_tumour_report(
    found: TumourFindings, parts: Sequence[TumourLabel], used: Sequence[SeriesRole], notes: Sequence[str] = ()
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

    Returns
    -------
    str
        Paragraphs with an empty line between them.
    """
    paragraphs = [f"Technique: volumes on {', '.join(role.value for role in used)}.", _findings(found, parts)]
    if TumourLabel.ENHANCING in parts and found.diameters is not None:
        size = f"{found.diameters.longest_mm:.0f} by {found.diameters.perpendicular_mm:.0f} mm"
        rano = "" if found.diameters.measurable else ", not measurable (under 10 mm)"
        paragraphs.append(f"Diameters: largest enhancing lesion {size} on one slice{rano}.")
    if found.alarms:
        names = ", ".join(dict.fromkeys(alarm.segmenter for alarm in found.alarms))
        paragraphs.append(
            f"Agreement: {len(found.alarms)} of {found.comparisons} comparisons raise an alarm ({names})."
        )
    paragraphs.append(f"Not assessed: {', '.join(_NEVER_ASSESSED[:-1])} or {_NEVER_ASSESSED[-1]}.")
    if notes:
        paragraphs.append("Limits: " + " ".join(notes))
    return "\n\n".join(paragraphs)


def _findings(found: TumourFindings, parts: Sequence[TumourLabel]) -> str:
    if not parts:
        return "Findings: no part of a tumour is reported."
    listed = "; ".join(f"{label.words} {found.volumes.of(label):.1f} ml" for label in parts)
    whole = f"; {found.volumes.whole_ml:.1f} ml in all" if tuple(parts) == found.parts else ""
    side = f" ({found.side})" if found.side is not None else ""
    return f"Volumes{side}: {listed}{whole}."
