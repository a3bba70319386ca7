"""What a check finds: how it stands, and what to do about it, in an administrator's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check : str
        What was looked at.
    verdict : Verdict
    says : str
        How it stands, without identity, secrets or passwords.
    do : str
        What an administrator does about it; empty when there is nothing to do.
    """

    check: str
    verdict: Verdict
    says: str
    do: str = ""


def good(check: str, says: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(check, Verdict.GOOD, says)


def warning(check: str, says: str, do: str) -> Finding:
    """Return a finding that can wait until tomorrow."""
    return Finding(check, Verdict.WARNING, says, do)


def bad(check: str, says: str, do: str) -> Finding:
    """Return a finding that stops work, or will."""
    return Finding(check, Verdict.BAD, says, do)
