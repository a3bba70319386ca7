"""The three ways in which a step can fail, and who may try again.

The borders (the worker's ``run_job`` and the gateway's ``tasks``) turn each of them into an event of the case;
nothing else catches them broadly.
"""

from __future__ import annotations


class IntervalError(Exception):
    """Base of every error that Interval raises on purpose.

    Parameters
    ----------
    reason : str
        One sentence in the user's words. It is shown on the worklist and kept in the event log, so it never
        holds a patient's name, an identifier, an original UID or a path.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class InputRejected(IntervalError):
    """The input can't be used as it is; trying again without a change in the input is pointless."""


class RegistrationFailed(InputRejected):
    """The two studies could not be brought into one space; a person compares them by eye."""


class Transient(IntervalError):
    """Something outside was not available; the same step may succeed later and is retried with back-off."""


class Defect(IntervalError):
    """Interval itself is at fault; the case goes to quarantine, where an operator sees and retries it."""
