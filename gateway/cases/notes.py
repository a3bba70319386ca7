"""What a reader has to know about a case beside its state: questions, passed-over studies, an earlier signature."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from gateway.cases.prior import quarantined_between
from gateway.db.tables import Case, Job, Review
from processing.domain.case import CaseState


def notes_on(session: Session, cases: Sequence[Case], alone: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the notes on cases, without identity: {case id: sentences}; a case without any is left out.

    Nothing of an earlier signature is said of a case that waits for a second reader, who reads blind, nor of those
    (`alone`) whose images whoever asks has to read without the result.
    """
    notes: dict[str, list[str]] = {}
    open_to_all = [case for case in cases if case.state != CaseState.SECOND_READING.value and case.case_id not in alone]
    for case_id, sentence in _signed_before(session, open_to_all).items():
        notes.setdefault(case_id, []).append(sentence)
    for case in cases:
        if case.question:
            notes.setdefault(case.case_id, []).append(case.question)
    for case_id, sentence in quarantined_between(session, cases).items():
        notes.setdefault(case_id, []).append(sentence)
    return notes


def _signed_before(session: Session, cases: Sequence[Case]) -> dict[str, str]:
    """Name the signature that stands on an earlier revision: its reader must hear that there is another result now."""
    earlier = aliased(Case)
    rows = session.execute(
        select(Case.case_id, earlier.revision, earlier.reason, Review)
        .join(earlier, earlier.study_uid == Case.study_uid)
        .join(Job, Job.case_id == earlier.case_id)
        .join(Review, Review.job_id == Job.job_id)
        .where(
            Case.case_id.in_([case.case_id for case in cases if case.revision > 1]),
            earlier.revision < Case.revision,
            Review.signed_at.is_not(None),
        )
        .order_by(earlier.revision)
    )
    told: dict[str, str] = {}
    for case_id, revision, reason, review in rows:
        reader = review.account.display_name if review.account is not None else "a reader"
        day = f"{review.signed_at:%Y-%m-%d}"
        told[case_id] = f"Revision {revision} was signed by {reader} on {day} and is replaced by this one: {reason}"
    return told
