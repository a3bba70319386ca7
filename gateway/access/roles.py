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


WORKS_WITH_CASES = frozenset({Role.READER, Role.TECHNOLOGIST, Role.OPERATOR})
"""Who sees lists and pages of cases; whether with names is the site's choice (``INTERVAL_IDENTITY_ROLES``)."""
