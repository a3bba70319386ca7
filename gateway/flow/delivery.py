"""From a signature to the objects that leave: finalise, restore the identity, and let them be sent."""

from __future__ import annotations

from datetime import datetime

from pydicom.dataset import Dataset
from sqlalchemy.orm import Session

from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.cases.prior import why_not_certain, why_outdated
from gateway.db.tables import Case, Review
from gateway.flow import reports, shipping, signed_results, time_points
from gateway.flow.priors import rule_of
from gateway.flow.services import Services
from gateway.flow.shipping import Released
from gateway.flow.step import Lease, run_step
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.record import StudyRecord
from gateway.pseudonymise.reidentify import Demographics, reidentify
from gateway.retention.due import why_copies_are_gone
from gateway.review import decisions, reopening, signing
from gateway.review.finalise import final_objects, withdrawn_uids
from gateway.review.second_reader import ReviewRefused
from processing.dicom.result import ResultObject
from processing.dicom.write_pdf import fill_pages
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected

log = get_logger(__name__)
ACTOR = "dispatch"
FIRST_LOOK = "This is a first look at the FLAIR alone. The whole study follows as a revision of its own; sign that one."
SECOND_READER_WANTED = "The reader saw something else without the result; a second reader looks at the images first."


def sign(services: Services, case_id: str, user_name: str, edit: int) -> Review:
    """Close a case's review and let its delivery begin, or hand it to a second reader, in one transaction.

    Parameters
    ----------
    services : Services
    case_id : str
    user_name : str
        Of the reader, who proved again who they are.
    edit : int
        The edit of the review that the reader saw.

    Returns
    -------
    Review
        Signed when `signed_at` is set; else it waits for a second reader.

    Raises
    ------
    InputRejected
        If there is nothing to sign, the review is not complete or was changed meanwhile, the report's words were
        written before the findings changed, the reader has to read the images without the result first, or the study
        must be, or may have to be, compared with another one.
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
        time_points.must_be_seen(session, case, job, user_name)
        now = services.clock()
        report = reports.words_to_sign(services, session, case, job)
        language = services.settings.report_language
        review = signing.sign(
            session,
            case,
            job,
            reader=user_name,
            edit=edit,
            report=report,
            language=language,
            followed=time_points.is_followed(session, case, job),
            now=now,
        )
        if review.signed_at is not None:
            signed_results.keep(services, session, case, job, review)
        event, detail = CaseEvent.SIGNED, review.acceptance or ""
        if review.signed_at is None:
            event, detail = CaseEvent.SECOND_READING_ASKED, SECOND_READER_WANTED
        store.record(session, case, event, actor=user_name, detail=detail, at=now)
        action = AuditAction.SIGNED if review.signed_at is not None else AuditAction.SENT_TO_SECOND_READER
        _audit(session, action, case, user_name, f"{review.acceptance}, revision {review.edition}", now)
    log.info("review signed", case_id=case_id)
    return review


def reopen(services: Services, case_id: str, user_name: str, reason: str) -> None:
    """Open a signed and delivered case again; what is signed next replaces what the targets hold.

    Raises
    ------
    InputRejected
        If the case is not archived.
    """
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        job = store.latest_job(case) if case is not None else None
        review = decisions.review_of(session, job) if job is not None else None
        if case is None or review is None or case.state != CaseState.ARCHIVED.value:
            raise ReviewRefused("Only a case that is signed and stored in the PACS can be reopened.")
        gone = why_copies_are_gone(session, case)
        if gone:
            raise ReviewRefused(gone)
        sealed = services.seal.close(reason, f"{review.job_id}/reason")
        now = services.clock()
        reopening.reopen(session, review, actor=user_name, reason=sealed, at=now)
        detail = f"Reopened; what is signed next replaces revision {review.edition - 1} in the PACS."
        store.record(session, case, CaseEvent.REOPENED, actor=user_name, detail=detail, at=now)
        _audit(session, AuditAction.REOPENED, case, user_name, f"revision {review.edition} begun", now)
    log.info("case reopened", case_id=case_id)


def _audit(session: Session, action: AuditAction, case: Case, user_name: str, detail: str, at: datetime) -> None:
    subject = Subject(case.case_id, (case.pseudonym,))
    trail.append(session, action, actor=user_name, role="reader", subject=subject, detail=detail, at=at)


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
        signed = signed_results.signed_result(services, session, case)
    order, outcome = signed.order, signed.outcome
    current = services.vault.get(order.current.study_instance_uid)
    prior = services.vault.get(order.prior.study_instance_uid) if order.prior is not None else None
    finals = final_objects(
        services.research,
        order,
        outcome,
        signed.review,
        signed.drawn,
        earlier=signed.earlier,
        notes=signed.notes,
        ledger=signed.ledger,
        growth=signed.growth,
    )
    created = {str(final.dataset.SOPInstanceUID) for final in finals}
    created |= {stored.sop_instance_uid for stored in outcome.objects}
    if signed.earlier is not None:
        # The one object that names them was made here, from the signature before.
        created |= withdrawn_uids(finals)
    archive = _as_in_archive(services, current)
    released = [Released(final.kind, _released(final, current, prior, created, archive)) for final in finals]
    lease.renew()
    return released


def _released(
    final: ResultObject, current: StudyRecord, prior: StudyRecord | None, created: set[str], archive: Demographics
) -> Dataset:
    """Give an object its patient back; the pages of a document are drawn again with the name on them."""
    released = reidentify(final.dataset, current, prior, created=created, archive=archive)
    if final.content is not None:
        fill_pages(released, final.content)
    return released


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
