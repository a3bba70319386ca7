"""From a signature to the objects that leave: finalise, restore the identity, and let them be sent."""

from __future__ import annotations

from datetime import tzinfo

from pydicom.dataset import Dataset
from sqlalchemy.orm import Session

from gateway.cases.prior import why_not_certain, why_outdated
from gateway.db.tables import Case, Job, User
from gateway.flow import shipping
from gateway.flow.priors import rule_of
from gateway.flow.services import Services
from gateway.flow.shipping import Released
from gateway.flow.step import Lease, run_step
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.record import StudyRecord
from gateway.pseudonymise.reidentify import Demographics, reidentify
from gateway.review import decisions
from gateway.review.edits import DrawnLesion, standing_edits
from gateway.review.finalise import final_objects
from processing.dicom.result import ResultObject
from processing.dicom.write_pdf import fill_pages
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect, InputRejected
from processing.domain.messages import JobOrder, JobOutcome

log = get_logger(__name__)
ACTOR = "dispatch"
FIRST_LOOK = "This is a first look at the FLAIR alone. The whole study follows as a revision of its own; sign that one."


def sign(services: Services, case_id: str, user_name: str, display_name: str, edit: int) -> SignedReview:
    """Close a case's review and let its delivery begin, in one transaction.

    Parameters
    ----------
    services : Services
    case_id : str
    user_name : str
        Of the reader, whose password was checked again.
    display_name : str
        As it shall stand in the report.
    edit : int
        The edit of the review that the reader saw.

    Raises
    ------
    InputRejected
        If there is nothing to sign, the review is not complete or was changed meanwhile, or the study must be, or
        may have to be, compared with another one.
    """
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        job = store.latest_job(case) if case is not None else None
        if case is None or job is None:
            raise InputRejected("There is no result to sign.")
        if case.early:
            raise InputRejected(FIRST_LOOK)
        rules = rule_of(services)
        doubt = why_outdated(session, case, rules) or why_not_certain(session, case, rules)
        if doubt:
            raise InputRejected(doubt)
        now = services.clock()
        review = decisions.sign(session, case, job, reader=user_name, reader_name=display_name, edit=edit, now=now)
        store.record(session, case, CaseEvent.SIGNED, actor=user_name, detail=review.acceptance.value, at=now)
    log.info("review signed", case_id=case_id)
    return review


def dispatch(services: Services, case_id: str) -> bool:
    """Send a signed case's objects to its targets, as far as something is to be done there now.

    Returns
    -------
    bool
        False when somebody else works on the case, or it was put off or quarantined.
    """
    # A PACS may be away for a weekend. Only what it refuses is a person's business.
    return run_step(services, case_id, shipping.SIGNED, ACTOR, _dispatch, gives_up=False)


def _dispatch(services: Services, lease: Lease) -> None:
    with services.sessions.begin() as session:
        case = lease.case(session, shipping.SIGNED)
        targets = shipping.due_targets(services, session, case)
        if case.state == CaseState.SIGNED.value:
            store.record(session, case, CaseEvent.DISPATCH_STARTED, actor=ACTOR, at=services.clock())
    if targets:
        objects = _final_objects(services, lease)
        for target in targets:
            shipping.ship(services, lease, target, objects)
    shipping.conclude(services, lease)


def _final_objects(services: Services, lease: Lease) -> list[Released]:
    """Return what the reader signed, under the patient's own name."""
    with services.sessions.begin() as session:
        case = lease.case(session, shipping.SIGNED)
        order, outcome, review, drawn = _signed_result(session, case, services.settings.zone)
    current = services.vault.get(order.current.study_instance_uid)
    prior = services.vault.get(order.prior.study_instance_uid)
    finals = final_objects(services.research, order, outcome, review, drawn)
    created = {str(final.dataset.SOPInstanceUID) for final in finals}
    created |= {stored.sop_instance_uid for stored in outcome.objects}
    archive = _as_in_archive(services, current)
    released = [Released(final.kind, _released(final, current, prior, created, archive)) for final in finals]
    lease.renew()
    return released


def _released(
    final: ResultObject, current: StudyRecord, prior: StudyRecord, created: set[str], archive: Demographics
) -> Dataset:
    """Give an object its patient back; the pages of a document are drawn again with the name on them."""
    released = reidentify(final.dataset, current, prior, created=created, archive=archive)
    if final.content is not None:
        fill_pages(released, final.content)
    return released


def _signed_result(
    session: Session, case: Case, zone: tzinfo
) -> tuple[JobOrder, JobOutcome, SignedReview, tuple[DrawnLesion, ...]]:
    job: Job | None = store.latest_job(case)
    review = decisions.review_of(session, job) if job is not None else None
    if job is None or job.outcome is None or review is None:
        raise Defect("The signed case has no result or no review.")
    reader = session.get(User, review.reader) if review.reader else None
    reader_name = reader.display_name if reader is not None else ""
    return (
        JobOrder.model_validate(job.order),
        JobOutcome.model_validate(job.outcome),
        decisions.signed_review(review, reader_name=reader_name, zone=zone),
        standing_edits(session, review),
    )


def _as_in_archive(services: Services, record: StudyRecord) -> Demographics:
    """Return what the clinical archive says about the patient now: a correction since then must be seen by a person."""
    study = services.clinical.study(record.original_study_instance_uid)
    if study is None or not study.images:
        raise InputRejected("The clinical archive no longer holds the study that the result belongs to.")
    # What was compared has the last word, as when the study was prepared; other series may lack the issuer.
    used = [series for series in study.images if series.series_instance_uid in record.series.values()]
    header = services.clinical.header((used or study.images)[0].instances[0])
    return Demographics(
        patient_id=str(header.get("PatientID", "") or ""),
        issuer_of_patient_id=str(header.get("IssuerOfPatientID", "") or ""),
        patient_name=str(header.get("PatientName", "") or ""),
        birth_date=str(header.get("PatientBirthDate", "") or ""),
        sex=str(header.get("PatientSex", "") or ""),
    )
