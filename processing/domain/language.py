"""Languages that a report is written in."""

from __future__ import annotations

from enum import StrEnum


class Language(StrEnum):
    """A language of the report (ISO 639-1)."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
