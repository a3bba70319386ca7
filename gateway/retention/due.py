"""Which studies' copies in the research archive nobody needs any more.

A copy can be made again from the clinical archive at any time. It stays while a case of its study, or one that is
compared with it, waits for anybody or was used within the retention time, and while a legal hold stands on its
patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, LegalHold, RemovedCopies, Review
from processing.domain.case import CaseState
from processing.domain.messages import JobOutcome

SETTLED = frozenset(
    {CaseState.ARCHIVED, CaseState.SUPERSEDED, CaseState.DISCARDED, CaseState.NOT_ROUTED, CaseState.BASELINE}
)
"""States in which a case waits for nobody. One whose result is signed and not yet in the PACS is not among them."""

_DERIVED_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
"""SOP class MR Image: what a pipeline derives, the registered prior and the subtraction, is intermediate."""


class Why(StrEnum):
    """Why copies are removed."""

    AGE = "age"
    ROOM = "room"


@dataclass(frozen=True)
class Copy:
    """A study in the research archive, with the last time that anything happened to a case that uses it."""

    study_uid: str
    pseudonym: str
    used_at: datetime


def due_copies(session: Session, *, unused_since: datetime) -> list[Copy]:
    """Return the copies that may go, the longest unused first.

    Parameters
    ----------
    session : Session
    unused_since : datetime
        Copies that were used after it stay.
    """
    cases = session.execute(
        select(Case.case_id, Case.study_uid, Case.pseudonym, Case.state, Case.changed_at, Case.prior_case_id)
    ).all()
    study_of = {row.case_id: row.study_uid for row in cases}
    used_at: dict[str, datetime] = {}
    pseudonyms: dict[str, str] = {}
    needed: set[str] = set()
    for row in cases:
        pseudonyms[row.study_uid] = row.pseudonym
        for study_uid in {row.study_uid, study_of.get(row.prior_case_id or "", row.study_uid)}:
            used_at[study_uid] = max(used_at.get(study_uid, row.changed_at), row.changed_at)
            if CaseState(row.state) not in SETTLED:
                needed.add(study_uid)
    removed, held = _removed(session), held_pseudonyms(session)
    due = [
        Copy(study_uid, pseudonyms[study_uid], used)
        for study_uid, used in used_at.items()
        if study_uid not in needed
        and used <= unused_since
        and pseudonyms[study_uid] not in held
        and not (study_uid in removed and removed[study_uid] >= used)
    ]
    return sorted(due, key=lambda copy: (copy.used_at, copy.study_uid))


def still_due(session: Session, copy: Copy) -> bool:
    """Whether nothing happened to a copy's cases meanwhile; they stay locked until the transaction ends."""
    own = select(Case.case_id).where(Case.study_uid == copy.study_uid)
    concerned = select(Case).where((Case.study_uid == copy.study_uid) | Case.prior_case_id.in_(own)).with_for_update()
    cases = session.scalars(concerned.execution_options(populate_existing=True)).all()
    return all(CaseState(case.state) in SETTLED and case.changed_at <= copy.used_at for case in cases)


def signed_series(session: Session, study_uid: str) -> frozenset[str]:
    """Return the series of a study that hold signed results: they stay when its copies go."""
    rows = session.execute(
        select(Job.outcome)
        .join(Case, Case.case_id == Job.case_id)
        .join(Review, Review.job_id == Job.job_id)
        .where(Case.study_uid == study_uid, Review.signed_at.is_not(None))
    )
    outcomes = (JobOutcome.model_validate(row.outcome) for row in rows if row.outcome is not None)
    return frozenset(
        stored.series_instance_uid
        for outcome in outcomes
        for stored in outcome.objects
        if stored.sop_class_uid != _DERIVED_IMAGE
    )


def why_copies_are_gone(session: Session, case: Case) -> str:
    """Return why a case can't be worked on any more, in a sentence; empty while the copies that it uses stand."""
    prior = session.get(Case, case.prior_case_id) if case.prior_case_id is not None else None
    removed = _removed(session)
    used = [case.study_uid] if prior is None else [case.study_uid, prior.study_uid]
    if any(study_uid in removed and removed[study_uid] >= case.changed_at for study_uid in used):
        return "The study's research copy was removed when its retention time was over: nothing can be drawn on it."
    return ""


def held_pseudonyms(session: Session) -> frozenset[str]:
    """Return the patients of whom nothing may be removed."""
    return frozenset(session.scalars(select(LegalHold.pseudonym).where(LegalHold.lifted_at.is_(None))))


def _removed(session: Session) -> dict[str, datetime]:
    """Return when each study's copies were last removed."""
    latest = select(RemovedCopies.study_uid, RemovedCopies.at).order_by(RemovedCopies.removal_id)
    return {row.study_uid: row.at for row in session.execute(latest)}
