"""Reference cases in the worklist, so that readers can rate a new version on the same page as any other case.

A reference case is a study that an operator marked as one. Which version made the result that a reader looks at is
not said, and every reader gets the cases in an order of their own. What readers signed is given out for the gate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, ReferenceStudy, Review
from processing.domain.case import CaseState
from processing.domain.decision import Acceptance
from processing.domain.errors import InputRejected
from processing.domain.messages import JobOrder


@dataclass(frozen=True)
class RatedResult:
    """What one reader signed about one version's result of a reference case."""

    dataset: str
    case: str
    pipeline: str
    version: str
    rater: str
    acceptable: bool
    rating: int


def mark(session: Session, case: Case, *, dataset: str, name: str, actor: str) -> None:
    """Mark a case's study as a reference case.

    Raises
    ------
    InputRejected
        If another study is that case already.
    """
    other = session.scalar(select(ReferenceStudy).where(ReferenceStudy.dataset == dataset, ReferenceStudy.name == name))
    if other is not None and other.study_uid != case.study_uid:
        raise InputRejected("Another study is marked as this reference case.")
    if other is None:
        session.merge(ReferenceStudy(study_uid=case.study_uid, dataset=dataset, name=name, actor=actor))
        session.flush()


def to_rate(session: Session, reader: str) -> list[str]:
    """Return the ids of the reference cases that wait for this reader, in an order that is the reader's own."""
    waiting = session.scalars(
        select(Case.case_id)
        .join(ReferenceStudy, ReferenceStudy.study_uid == Case.study_uid)
        .where(Case.state == CaseState.READY_FOR_REVIEW.value)
    )
    return sorted(waiting, key=lambda case_id: hashlib.sha256(f"{reader} {case_id}".encode()).digest())


def ratings(session: Session) -> Sequence[RatedResult]:
    """Return every signed rating of a reference case; who rated is a number of this list, not a name."""
    rows = session.execute(
        select(ReferenceStudy, Job, Review)
        .join(Case, Case.study_uid == ReferenceStudy.study_uid)
        .join(Job, Job.case_id == Case.case_id)
        .join(Review, Review.job_id == Job.job_id)
        .where(Review.signed_at.is_not(None), Review.rating.is_not(None))
        .order_by(Review.signed_at)
    ).all()
    raters: dict[str | None, str] = {}
    found = []
    for reference, job, review in rows:
        order = JobOrder.model_validate(job.order)
        rater = raters.setdefault(review.reader, f"reader {len(raters) + 1}")
        found.append(
            RatedResult(
                dataset=reference.dataset,
                case=reference.name,
                pipeline=order.pipeline,
                version=order.version,
                rater=rater,
                acceptable=review.acceptance == Acceptance.ACCEPTABLE.value,
                rating=review.rating or 0,
            )
        )
    return found
