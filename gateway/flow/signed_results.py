"""What a reader signed, as it is needed to write the objects that leave: always the same, whenever it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from gateway.db.tables import Case, EarlierReview, Job, Review, User
from gateway.dispatch.hl7_oru import ACKNOWLEDGED
from gateway.flow import follow_up, release, reports
from gateway.flow.services import Services
from gateway.jobs import store
from gateway.review import decisions, reopening, signing
from gateway.review.at_signature import AtSignature
from gateway.review.edits import DrawnLesion, standing_edits
from gateway.review.finalise import EarlierSignature
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect
from processing.domain.growth import Growth
from processing.domain.messages import JobOrder, JobOutcome
from processing.domain.versions import Ledger


@dataclass(frozen=True, eq=False)
class SignedResult:
    """What is needed of the database to write a signed result; parameters as those of `final_objects`."""

    order: JobOrder
    outcome: JobOutcome
    review: SignedReview
    drawn: tuple[DrawnLesion, ...]
    earlier: EarlierSignature | None
    notes: tuple[str, ...]
    ledger: Ledger
    growth: Growth | None


def keep(services: Services, session: Session, case: Case, job: Job, review: Review) -> None:
    """Keep with a review that was signed just now what stands beside its decisions in the objects that leave."""
    review.at_signature = _beside(services, session, case, job, review).model_dump(mode="json")
    session.flush()


def signed_result(services: Services, session: Session, case: Case) -> SignedResult:
    """Return what was signed last of a case.

    Raises
    ------
    Defect
        If the case has no result or no review.
    ReviewRefused
        If the review is not signed.
    """
    job = store.latest_job(case)
    review = decisions.review_of(session, job) if job is not None else None
    if job is None or job.outcome is None or review is None:
        raise Defect("The signed case has no result or no review.")
    beside = _kept(review) or _beside(services, session, case, job, review)
    names = (beside.reader_name, beside.second_name)
    return SignedResult(
        order=JobOrder.model_validate(job.order),
        outcome=JobOutcome.model_validate(job.outcome),
        review=_as_signed(services, review, review.job_id, beside.time_zone, names),
        drawn=standing_edits(session, review),
        earlier=_earlier(services, session, review, beside),
        notes=beside.notes,
        ledger=beside.ledger,
        growth=beside.growth,
    )


def _kept(review: Review) -> AtSignature | None:
    """Return what was kept; None where an older version of Interval signed: then it is taken as it is now."""
    kept = AtSignature.model_validate(review.at_signature) if review.at_signature is not None else None
    return kept if kept is not None and kept.edition == review.edition else None


def _beside(services: Services, session: Session, case: Case, job: Job, review: Review) -> AtSignature:
    order = JobOrder.model_validate(job.order)
    entry = release.ledger().entry(order.pipeline, order.version)
    rows = [row for row in store.deliveries_of(session, case.case_id) if row.confirmed_at is not None]
    # Who was told by HL7 that there is a result holds no object of it.
    taken = {row.sop_class_uid for row in rows if row.confirmed_by != ACKNOWLEDGED}
    reader_name, second_name = _names(session, review)
    return AtSignature(
        edition=review.edition,
        reader_name=reader_name,
        second_name=second_name,
        time_zone=services.settings.time_zone,
        notes=reports.notes_of(session, case),
        ledger=Ledger(pipelines={order.pipeline: (entry,)} if entry is not None else {}),
        # Only volumes that the reader compared are reported beside each other.
        growth=follow_up.reported_growth(session, case) if review.volume_reading is not None else None,
        replaced_classes=tuple(sorted(taken)) if reopening.earlier_reviews(session, review) else (),
    )


def _names(session: Session, review: Review | EarlierReview) -> tuple[str, str]:
    accounts = [session.get(User, name) if name else None for name in (review.reader, review.second_reader)]
    reader, second = (account.display_name if account is not None else "" for account in accounts)
    return reader, second


def _as_signed(
    services: Services, review: Review | EarlierReview, job_id: str, time_zone: str, names: tuple[str, str]
) -> SignedReview:
    reader_name, second_name = names
    return signing.signed_review(
        review,
        reader_name=reader_name,
        second_name=second_name,
        zone=ZoneInfo(time_zone),
        opened=lambda field, sealed: services.seal.open(sealed, f"{job_id}/{field}"),
    )


def _earlier(services: Services, session: Session, review: Review, beside: AtSignature) -> EarlierSignature | None:
    before = reopening.earlier_reviews(session, review)
    if not before:
        return None
    last = before[-1]
    return EarlierSignature(
        review=_as_signed(services, last, review.job_id, services.settings.time_zone, _names(session, last)),
        drawn=standing_edits(session, review, until=last.signed_at),
        sop_classes=frozenset(beside.replaced_classes),
    )
