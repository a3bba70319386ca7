"""The words of an alert, put into the site's templates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from string import Template

from processing.dicom.provenance import SOFTWARE_VERSION

OWN = Path(__file__).with_name("templates")


class Status(StrEnum):
    """What is told."""

    WRONG = "wrong"
    STILL_WRONG = "still wrong"
    OVER = "over"


@dataclass(frozen=True)
class Alert:
    """One thing that somebody is told."""

    name: str
    words: str
    since: datetime
    status: Status


class Templates:
    """Subject and body of an e-mail, and the body of a webhook.

    Parameters
    ----------
    folder : Path or None
        The site's own; a file that is not in it is taken from those that come with Interval.

    Raises
    ------
    ValueError
        If one names a placeholder that there is none of, or the webhook's is no JSON.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        example = Alert("disk", 'A "quoted" word.', datetime(2026, 1, 1), Status.WRONG)
        try:
            self.subject(example), self.mail(example), json.loads(self.webhook(example))
        except (KeyError, ValueError) as wrong:
            raise ValueError("a template for alerts has an unknown placeholder, or the webhook's is no JSON") from wrong

    def subject(self, alert: Alert) -> str:
        """Return the subject, one line."""
        return " ".join(self._fill("subject.txt", _values(alert)).split())

    def mail(self, alert: Alert) -> str:
        """Return the text of an e-mail."""
        return self._fill("mail.txt", _values(alert))

    def webhook(self, alert: Alert) -> str:
        """Return the body of a webhook, as JSON."""
        quoted = {name: json.dumps(value)[1:-1] for name, value in _values(alert).items()}
        return self._fill("webhook.json", quoted)

    def _fill(self, name: str, values: dict[str, str]) -> str:
        own = self._folder / name if self._folder is not None else None
        file = own if own is not None and own.is_file() else OWN / name
        return Template(file.read_text(encoding="utf-8")).substitute(values)


def _values(alert: Alert) -> dict[str, str]:
    return {
        "name": alert.name,
        "words": alert.words,
        "status": alert.status.value,
        "since": f"{alert.since:%Y-%m-%d %H:%M} UTC",
        "version": SOFTWARE_VERSION,
    }
