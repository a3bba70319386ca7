"""Corrections of a patient's data."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from gateway.api.schemas.body import Body


class PatientCorrection(Body):
    """An operator's confirmation that the patient's data changed in the clinical archive."""

    reason: str = Field(min_length=1, max_length=500)
    """Kept and shown; it should name nobody."""
    merge: bool = False
    """The studies are now filed under another patient ID; without it only name, birth date or sex may differ."""


class CorrectionDone(Body):
    """What a confirmation changed."""

    studies: int
    prepared_again: int
    """Cases whose measurements are made anew."""


class CorrectionLine(Body):
    """One change in the vault; it holds no identity."""

    at: datetime
    operation: str
    actor: str
    reason: str
    pseudonym: str
    new_pseudonym: str
    changed: list[str]
    """Keywords of the attributes that changed, without their values."""


class Corrections(Body):
    """Every change in the vault, the newest first."""

    corrections: list[CorrectionLine]
