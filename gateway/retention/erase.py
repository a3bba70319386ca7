"""Every row of one patient, out of the database.

Some tables are only added to, and the database itself refuses anything else. The right to erasure is the one reason to
lift that, in one transaction, for the tables that hold something of the patient. The audit trail is not among
them: it names pseudonyms alone, which nobody can turn back into a patient once the vault's rows are gone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, text, update
from sqlalchemy.orm import Session

from gateway.db.tables import (
    Case,
    CaseImages,
    Consignment,
    Correction,
    Delivery,
    EarlierReview,
    Event,
    Job,
    LegalHold,
    LesionEdit,
    OutboxMessage,
    PriorSearch,
    ReadingStudyCase,
    ReferenceRating,
    ReferenceStudy,
    RemovedCopies,
    Review,
    ScheduledStudy,
    Series,
    StudyReading,
    VaultEntry,
)

_ONLY_ADDED = (EarlierReview, LesionEdit, Correction)
_OF_A_CASE = (
    *(Event, Series, CaseImages, PriorSearch, Consignment, Delivery, Job),
    *(ReadingStudyCase, StudyReading),
)


@dataclass(frozen=True)
class Rows:
    """What the database holds of a patient.

    Parameters
    ----------
    case_ids, study_uids : tuple of str
        All revisions; pseudonymous StudyInstanceUIDs.
    pseudonyms : frozenset of str
        The patient's own, and those of which every study was merged into it.
    """

    case_ids: tuple[str, ...]
    study_uids: tuple[str, ...]
    pseudonyms: frozenset[str]

    @property
    def vault_rows(self) -> tuple[str, ...]:
        """Keys of the vault's rows."""
        studies = (f"study/{uid}" for uid in self.study_uids)
        return (*studies, *(f"patient/{pseudonym}" for pseudonym in sorted(self.pseudonyms)))


def rows_of(session: Session, pseudonyms: Collection[str]) -> Rows:
    """Return what belongs to a patient, by every name that the patient has or had."""
    names = _names(session, pseudonyms)
    cases = session.execute(select(Case.case_id, Case.study_uid).where(Case.pseudonym.in_(names))).all()
    before = session.scalars(select(Correction.study_uid).where(Correction.new_pseudonym.in_(names)))
    # A study that was once filed under the patient by mistake is somebody else's by now.
    of_others = session.scalars(select(Case.study_uid).where(Case.pseudonym.not_in(names)))
    study_uids = {row.study_uid for row in cases} | (set(before) - set(of_others))
    return Rows(tuple(row.case_id for row in cases), tuple(sorted(study_uids)), frozenset(names))


def _names(session: Session, pseudonyms: Collection[str]) -> set[str]:
    """Add the names that a patient had before.

    That one study was moved from one patient to another does not make the two one: a name whose owner still has
    studies stays the owner's.
    """
    names = set(pseudonyms)
    while True:
        before = select(Correction.pseudonym).where(
            Correction.new_pseudonym.in_(names),
            Correction.pseudonym.not_in(names),
            Correction.pseudonym.not_in(select(Case.pseudonym)),
        )
        found = set(session.scalars(before))
        if not found:
            return names
        names |= found


def erase_rows(session: Session, rows: Rows) -> None:
    """Delete a patient's rows, in the caller's transaction."""
    cases, jobs = rows.case_ids, _jobs(session, rows.case_ids)
    reviews = list(session.scalars(select(Review.review_id).where(Review.job_id.in_(jobs))))
    with _guards_lifted(session):
        session.execute(delete(LesionEdit).where(LesionEdit.review_id.in_(reviews)))
        session.execute(delete(EarlierReview).where(EarlierReview.review_id.in_(reviews)))
        named = or_(Correction.pseudonym.in_(rows.pseudonyms), Correction.new_pseudonym.in_(rows.pseudonyms))
        session.execute(delete(Correction).where(named))
    session.execute(delete(Review).where(Review.review_id.in_(reviews)))
    session.execute(delete(ReferenceRating).where(ReferenceRating.job_id.in_(jobs)))
    _erase_messages(session, frozenset(jobs))
    for table in _OF_A_CASE:
        session.execute(delete(table).where(table.case_id.in_(cases)))
    session.execute(update(Case).where(Case.prior_case_id.in_(cases)).values(prior_case_id=None))
    session.execute(delete(Case).where(Case.case_id.in_(cases)))
    for by_study in (ReferenceStudy, RemovedCopies):
        session.execute(delete(by_study).where(by_study.study_uid.in_(rows.study_uids)))
    for by_name in (ScheduledStudy, LegalHold):
        session.execute(delete(by_name).where(by_name.pseudonym.in_(rows.pseudonyms)))
    session.execute(delete(VaultEntry).where(VaultEntry.row_key.in_(rows.vault_rows)))


def _jobs(session: Session, case_ids: Sequence[str]) -> list[str]:
    return list(session.scalars(select(Job.job_id).where(Job.case_id.in_(case_ids))))


def _erase_messages(session: Session, job_ids: frozenset[str]) -> None:
    messages = session.scalars(select(OutboxMessage).execution_options(yield_per=500))
    doomed = [message.message_id for message in messages if message.body.get("job_id") in job_ids]
    session.execute(delete(OutboxMessage).where(OutboxMessage.message_id.in_(doomed)))


@contextmanager
def _guards_lifted(session: Session) -> Iterator[None]:
    """Let rows of the tables that are only added to be deleted, until the end of the block."""
    tables = [table.__tablename__ for table in _ONLY_ADDED]
    if session.get_bind().dialect.name == "postgresql":
        for table in tables:
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        for table in tables:
            session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return
    guards = session.execute(
        text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"),
    ).all()
    lifted = [guard for guard in guards if guard.tbl_name in tables]
    for guard in lifted:
        session.execute(text(f"DROP TRIGGER {guard.name}"))
    yield
    for guard in lifted:
        session.execute(text(guard.sql))
