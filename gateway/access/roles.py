"""What an account may do."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account may do.

    Readers review and sign; technologists watch what comes from their scanner; operators run the system; auditors
    read who did what, and see no images and no patient.
    """

    READER = "reader"
    TECHNOLOGIST = "technologist"
    OPERATOR = "operator"
    AUDITOR = "auditor"


SEES_IDENTITY = frozenset({Role.READER, Role.TECHNOLOGIST, Role.OPERATOR})
"""Who is shown patients' names. An operator settles corrections and quarantine, which name patients."""
