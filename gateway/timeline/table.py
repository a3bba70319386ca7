"""The timeline as comma-separated values (RFC 4180), one line for each value."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

from gateway.timeline.measurements import Measurement

COLUMNS = (
    "study_date",
    "pipeline",
    "version",
    "quantity",
    "value",
    "unit",
    "low",
    "high",
    "rating",
    "signed_by",
    "signed_at",
    "note",
)
DISCLAIMER = "research use, not a medical device"


def table(measurements: Iterable[Measurement]) -> str:
    """Return the table; it names no patient, the reader's name alone.

    A cell never begins with what a spreadsheet would take for a formula.
    """
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for one in measurements:
        for value in one.values:
            low, high = value.limits or ("", "")
            writer.writerow(
                [
                    one.day.isoformat() if one.day is not None else "",
                    one.pipeline,
                    one.version,
                    value.quantity.value,
                    f"{value.value:.3f}",
                    value.quantity.unit,
                    f"{low:.3f}" if low != "" else "",
                    f"{high:.3f}" if high != "" else "",
                    one.rating,
                    _harmless(one.reader),
                    one.signed_at.isoformat(timespec="seconds"),
                    _harmless("; ".join((*one.warnings, DISCLAIMER))),
                ]
            )
    return written.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
