"""What both forms of a report say: the gate's word, and the rows of their tables as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from processing.domain.versions import VersionEntry
from validation.release import CaseSummary
from validation.statistics import Estimate, SetFigures, SizeClass
from validation.tolerances import SUBSTANTIAL_PERCENT


def told(estimate: Estimate | None, digits: int = 2) -> str:
    """Return an estimate with its interval in words."""
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f} (one value)"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def size_name(size: SizeClass) -> str:
    """Return a size class in words."""
    return f"{size.low_mm3:.0f}-{size.high_mm3:.0f} mm³" if size.high_mm3 else f"over {size.low_mm3:.0f} mm³"


def gate_words(entry: VersionEntry | None, blocked: str) -> str:
    """Return what the gate said in a sentence or two."""
    if entry is None:
        return f"The gate stays closed. {blocked}"
    said = f"{'Deployable' if entry.passed else 'Not deployable'}: {entry.basis.value}."
    if entry.incompatible_with_earlier:
        size = entry.largest_volume_change_percent
        moved = f"by {size:.0f} %" if size is not None else "from nothing"
        said += (
            f" Incompatible with earlier versions: the volume of {entry.case} moved {moved}, more than "
            f"{SUBSTANTIAL_PERCENT:.0f} %. Volumes of earlier versions must not be compared with this one's."
        )
    return said


def set_rows(sets: Sequence[SetFigures]) -> list[list[str]]:
    """Return a line for each set, after the head."""
    rows = [["set", "cases", "found, by size", "false positives a case", "Dice", "scores (Brier)"]]
    for one in sets:
        sizes = [
            f"{size_name(size)}: {size.found}/{size.present}, {told(size.sensitivity)}"
            for size in one.sizes
            if size.present
        ]
        brier = f"{one.calibration.brier:.3f}" if one.calibration is not None else "-"
        cases = f"{one.cases}" + (f", {one.failed} refused" if one.failed else "")
        rows.append(
            [one.dataset, cases, "\n".join(sizes) or "-", told(one.false_positives_per_case), told(one.dice), brier]
        )
    return rows


NOT_COMPARED = "new"
"""What a summary says of a case that the reference does not hold."""


def case_rows(cases: Sequence[CaseSummary]) -> list[list[str]]:
    """Return a line for each case, after the head."""
    rows = [["case", "against the reference", "volume moved", "more, mm³", "less, mm³", "lesions"]]
    for one in cases:
        moved = "from nothing" if one.volume_change_percent is None else f"{one.volume_change_percent:.1f} %"
        moved = "-" if one.verdict == NOT_COMPARED else moved
        rows.append(
            [
                f"{one.dataset}/{one.case}",
                one.verdict,
                moved,
                f"{one.increase_mm3:.0f}",
                f"{one.decrease_mm3:.0f}",
                str(one.lesions),
            ]
        )
    return rows
