"""The gateway's tables.

They hold pseudonyms and pseudonymous UIDs only. Who a patient is, and what a UID was before, stands in the rows
of `vault_entries`, encrypted. `Case.state` is changed only by `gateway.jobs.store.record`, which writes the event
in the same transaction.

One module per room of the gateway that writes them.
"""

from gateway.db.tables.access import LoginSession, User
from gateway.db.tables.audit import AuditEntry
from gateway.db.tables.base import Base, UtcDateTime
from gateway.db.tables.cases import Case, CaseImages, Event, PriorSearch, Series
from gateway.db.tables.dispatch import Consignment, Delivery
from gateway.db.tables.intake import ChangesCursor, QuarantinedUpload, ScheduledStudy
from gateway.db.tables.jobs import Gate, Job, OutboxMessage
from gateway.db.tables.keeping import Backup, LegalHold, OpenAlert, RemovedCopies
from gateway.db.tables.release import ReferenceRating, ReferenceStudy, VersionPermit
from gateway.db.tables.review import EarlierReview, LesionEdit, Review
from gateway.db.tables.studies import ReadingStudy, ReadingStudyCase, StudyReading, StudySurvey
from gateway.db.tables.vault import Correction, VaultEntry

__all__ = [
    "AuditEntry",
    "Backup",
    "Base",
    "Case",
    "CaseImages",
    "ChangesCursor",
    "Consignment",
    "Correction",
    "Delivery",
    "EarlierReview",
    "Event",
    "Gate",
    "Job",
    "LegalHold",
    "LesionEdit",
    "LoginSession",
    "OpenAlert",
    "OutboxMessage",
    "PriorSearch",
    "QuarantinedUpload",
    "ReadingStudy",
    "ReadingStudyCase",
    "ReferenceRating",
    "ReferenceStudy",
    "RemovedCopies",
    "Review",
    "ScheduledStudy",
    "Series",
    "StudyReading",
    "StudySurvey",
    "User",
    "UtcDateTime",
    "VaultEntry",
    "VersionPermit",
]
