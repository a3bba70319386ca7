"""The words of the report."""

from __future__ import annotations

from pydantic import Field

from gateway.api.schemas.body import Body


class ReportState(Body):
    """The report's words."""

    draft: str
    """From the findings as they are now."""
    words: str
    """The reader's own, or the draft."""
    edited: bool
    outdated: bool
    """The findings changed after the reader wrote; it can't be signed so."""


class ReportChange(Body):
    """The reader's own words; empty ones take the draft again."""

    edit: int
    words: str = Field(max_length=12000)
