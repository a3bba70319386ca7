"""Blind ratings of reference cases: what the gate asks readers for when a version changed its results.

A reference case is a study that an operator marked as one. Every reader rates every result of one, alone, once, in an
order of their own, and is not told which version made it; what they said is given out for the gate without their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Job, ReferenceRating, ReferenceStudy
from processing.domain.errors import InputRejected
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus


@dataclass(frozen=True)
class RatedResult:
    """What one reader said about one version's result of a reference case."""

    dataset: str
    case: str
    pipeline: str
    version: str
    rater: str
    acceptable: bool
    rating: int


@dataclass(frozen=True)
class ToRate:
    """A result that waits for a reader: the case that shows it, and the job that made it."""

    case_id: str
    job_id: str


def mark(session: Session, case: Case, *, dataset: str, name: str, actor: str) -> None:
    """Mark a case's study as a reference case.

    Raises
    ------
    InputRejected
        If it is another reference case already.
    """
    known = session.get(ReferenceStudy, case.study_uid)
    if known is not None and (known.dataset, known.name) != (dataset, name):
        raise InputRejected("This study is another reference case already.")
    if known is None:
        session.add(ReferenceStudy(study_uid=case.study_uid, dataset=dataset, name=name, actor=actor))
        session.flush()


def reference_studies(session: Session) -> frozenset[str]:
    """Return the pseudonymous study UIDs of all reference cases."""
    return frozenset(session.scalars(select(ReferenceStudy.study_uid)))


def to_rate(session: Session, reader: str) -> list[ToRate]:
    """Return the results that a reader has not rated yet, in an order that is the reader's own."""
    rated = select(ReferenceRating.job_id).where(ReferenceRating.reader == reader)
    rows = session.execute(
        select(Case, Job)
        .join(ReferenceStudy, ReferenceStudy.study_uid == Case.study_uid)
        .join(Job, Job.case_id == Case.case_id)
        .where(Job.job_id.not_in(rated))
        .order_by(Job.number)
    ).all()
    # The page shows a case's latest result only.
    latest = {case.case_id: job for case, job in rows if _succeeded(job)}
    waiting = [ToRate(case_id, job.job_id) for case_id, job in latest.items()]
    return sorted(waiting, key=lambda one: hashlib.sha256(f"{reader} {one.job_id}".encode()).digest())


def _succeeded(job: Job) -> bool:
    return job.outcome is not None and JobOutcome.model_validate(job.outcome).status is OutcomeStatus.SUCCEEDED


def rate(
    session: Session, wanted: ToRate, reader: str, *, acceptable: bool, rating: int, comment: str, at: datetime
) -> None:
    """Keep what a reader says of a result, for good.

    Parameters
    ----------
    session : Session
    wanted : ToRate
        What the reader was shown.
    reader : str
        User name.
    acceptable : bool
    rating : int
        1 (worst) to 5 (best).
    comment : str
        Sealed.
    at : datetime

    Raises
    ------
    InputRejected
        If it is no reference case, the reader has rated it, or another result has taken its place.
    """
    if wanted not in to_rate(session, reader):
        raise InputRejected("This result does not wait for your rating any more.")
    session.add(
        ReferenceRating(
            job_id=wanted.job_id, reader=reader, at=at, acceptable=acceptable, rating=rating, comment=comment
        )
    )
    session.flush()


def ratings(session: Session) -> Sequence[RatedResult]:
    """Return every rating of a reference case; who rated is a number of this list, not a name."""
    rows = session.execute(
        select(ReferenceStudy, Job, ReferenceRating)
        .join(Case, Case.study_uid == ReferenceStudy.study_uid)
        .join(Job, Job.case_id == Case.case_id)
        .join(ReferenceRating, ReferenceRating.job_id == Job.job_id)
        .order_by(ReferenceRating.rating_id)
    ).all()
    raters: dict[str, str] = {}
    found = []
    for reference, job, said in rows:
        order = JobOrder.model_validate(job.order)
        rater = raters.setdefault(said.reader, f"reader {len(raters) + 1}")
        found.append(
            RatedResult(
                dataset=reference.dataset,
                case=reference.name,
                pipeline=order.pipeline,
                version=order.version,
                rater=rater,
                acceptable=said.acceptable,
                rating=said.rating,
            )
        )
    return found
