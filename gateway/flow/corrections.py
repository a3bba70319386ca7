"""An operator confirms that a patient's data changed in the clinical archive: the vault follows, audited.

A changed name, or a patient ID that turned out to be another's, keeps results from being released until somebody
confirms it here. The new data is never typed in: it is what the clinical archive holds, on every series of the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.db.tables import Case, Correction
from gateway.flow.services import Services
from gateway.flow.sight import shifted_study_date
from gateway.jobs import store
from gateway.jobs.revision import must_be_replaced, replace_revision
from gateway.log import get_logger
from gateway.pseudonymise.corrections import AuditEntry, correct_patient, merge_patients
from gateway.pseudonymise.identity import PatientIdentity
from gateway.pseudonymise.record import StudyRecord
from processing.domain.case import CaseEvent, CaseState
from processing.domain.errors import InputRejected, Transient

log = get_logger(__name__)
_PERSON = ("PatientName", "PatientBirthDate", "PatientSex")
_IDENTITY = ("PatientID", "IssuerOfPatientID", *_PERSON)


@dataclass(frozen=True)
class CorrectionResult:
    """What an operator's confirmation changed.

    Parameters
    ----------
    studies : int
        Whose records were changed in the vault.
    prepared_again : int
        Cases whose measurements are made anew: of merged studies, and of those that were compared with one.
    """

    studies: int
    prepared_again: int


@dataclass(frozen=True)
class _Study:
    """A patient's study in the vault and what the clinical archive says about its patient now."""

    record: StudyRecord
    header: Dataset

    @property
    def identity_now(self) -> PatientIdentity:
        return PatientIdentity(
            str(self.header.get("PatientID", "") or ""), str(self.header.get("IssuerOfPatientID", "") or "")
        )

    @property
    def moved(self) -> bool:
        return self.identity_now.message != self.record.identity.message

    @property
    def changed(self) -> frozenset[str]:
        old, new = self.record.patient, self.header
        return frozenset(word for word in _PERSON if str(old.get(word) or "") != str(new.get(word) or ""))


class _Trail:
    """Writes the audit rows with the caller's transaction."""

    def __init__(self, session: Session, services: Services) -> None:
        self._session, self._services = session, services

    def append(self, entry: AuditEntry) -> None:
        self._session.add(
            Correction(
                at=self._services.clock(),
                operation=entry.operation.value,
                actor=entry.actor,
                reason=entry.reason,
                study_uid=entry.study_instance_uid,
                new_study_uid=entry.new_study_instance_uid,
                pseudonym=entry.pseudonym,
                new_pseudonym=entry.new_pseudonym,
                changed=" ".join(entry.changed),
            )
        )
        self._session.flush()


def take_over_patient(
    services: Services, case_id: str, user_name: str, reason: str, *, merge: bool
) -> CorrectionResult:
    """Take a patient's data over from the clinical archive into the vault, for all of the patient's studies.

    Without `merge` the patient ID must be the same as before: a name, a birth date or the sex was corrected. What is
    signed can be delivered afterwards; a correction of the sex makes the measurements anew, because the results name
    it. With `merge` the studies are now filed under another patient ID: they take that patient's pseudonym, and they
    and what was compared with them are prepared again.

    Parameters
    ----------
    services : Services
    case_id : str
        Of any study of the patient that was changed in the archive.
    user_name : str
    reason : str
        In the operator's words; it is kept and shown, so it should name nobody.
    merge : bool

    Raises
    ------
    InputRejected
        If the archive's data is what the vault holds already, is of another patient ID without `merge` or of the
        same with it, differs from image to image, or the study is gone.
    Transient
        If an archive can't be reached, or a step works on one of the cases at this moment.
    """
    study_uids = _studies_of_patient(services, case_id)
    asked = _look_up(services, study_uids[0])
    if asked.moved and not merge:
        raise InputRejected(
            "The archive files the study under another patient ID; confirm that as a merge of patients."
        )
    if merge and not asked.moved:
        raise InputRejected("The archive files the study under the same patient ID as before; nothing is to be merged.")
    if not asked.moved and not asked.changed:
        raise InputRejected("The archive's data of the patient is what Interval holds already.")
    studies = [asked, *_others_changed_alike(services, asked, study_uids[1:])]
    write = _merge if merge else _correct
    try:
        with services.sessions.begin() as session:
            _require_idle(session, services, [study.record.study_instance_uid for study in studies])
            again = write(session, services, studies, user_name, reason)
    except (ValueError, LookupError) as error:  # what pydicom raises for text that its character set does not hold
        raise InputRejected("The patient's data in the archive can't be read.") from error
    log.info("patient data taken over", case_id=case_id, count=len(studies))
    return CorrectionResult(len(studies), again)


def corrections(session: Session) -> list[Correction]:
    """Return what operators changed, the newest first."""
    return list(session.scalars(select(Correction).order_by(Correction.correction_id.desc())))


def _studies_of_patient(services: Services, case_id: str) -> list[str]:
    """Return the pseudonymous UIDs of all studies of the case's patient, its own first."""
    with services.sessions() as session:
        case = session.get(Case, case_id)
        if case is None:
            raise InputRejected("There is no such case.")
        others = {other.study_uid for other in store.cases_of_patient(session, case.pseudonym)}
    return [case.study_uid, *sorted(others - {case.study_uid})]


def _look_up(services: Services, study_uid: str) -> _Study:
    try:
        record = services.vault.get(study_uid)
    except KeyError:
        raise InputRejected("The vault holds no entry for this study.") from None
    study = services.clinical.study(record.original_study_instance_uid)
    if study is None or not study.images:
        raise InputRejected("The clinical archive no longer holds the study.")
    if len(study.patient_ids) > 1:
        raise InputRejected(
            "The archive holds the study under several patient IDs; remove it under the wrong one first."
        )
    # Every image: an archive that was corrected image by image may have been left half-way.
    said: dict[tuple[str, ...], Dataset] = {}
    for instance in (instance for series in study.images for instance in series.instances):
        header = services.clinical.header(instance)
        said.setdefault(tuple(str(header.get(word) or "") for word in _IDENTITY), header)
    if len(said) > 1:
        raise InputRejected("The images of the study do not agree on the patient; correct all of them in the archive.")
    (header,) = said.values()
    return _Study(record, header)


def _others_changed_alike(services: Services, asked: _Study, study_uids: Sequence[str]) -> list[_Study]:
    """Return the patient's other studies that were changed in the archive in the same way."""
    alike = []
    for study_uid in study_uids:
        try:
            other = _look_up(services, study_uid)
            same = other.identity_now.message == asked.identity_now.message
        except InputRejected:
            continue
        if same and (other.moved or other.changed):
            alike.append(other)
    return alike


def _correct(session: Session, services: Services, studies: Sequence[_Study], user_name: str, reason: str) -> int:
    vault, trail = services.vault_in(session), _Trail(session, services)
    for study in studies:
        uid = study.record.study_instance_uid
        correct_patient(vault, [uid], study.header, trail, actor=user_name, reason=reason)
    # Every result names the sex, and one that names another is refused at release.
    anew = [study.record.study_instance_uid for study in studies if "PatientSex" in study.changed]
    return _prepare_again(session, services, _cases_of(session, anew), user_name)


def _merge(session: Session, services: Services, studies: Sequence[_Study], user_name: str, reason: str) -> int:
    vault, trail = services.vault_in(session), _Trail(session, services)
    again: list[Case] = []
    for study in studies:
        old_uid = study.record.study_instance_uid
        (merged,) = merge_patients(
            vault, [old_uid], study.header, services.pseudonymiser, trail, actor=user_name, reason=reason
        )
        again += _cases_of(session, [old_uid])
        session.execute(
            update(Case)
            .where(Case.study_uid == old_uid)
            .values(
                study_uid=merged.study_instance_uid,
                pseudonym=merged.pseudonym,
                readable_name=services.pseudonymiser.readable_name(merged.identity),
                study_date_shifted=shifted_study_date(study.header, merged.shift_days),
            )
        )
    session.expire_all()
    return _prepare_again(session, services, again, user_name)


def _cases_of(session: Session, study_uids: Sequence[str]) -> list[Case]:
    cases = (store.newest_revision(session, study_uid) for study_uid in study_uids)
    return [case for case in cases if case is not None]


def _require_idle(session: Session, services: Services, study_uids: Sequence[str]) -> None:
    """Make sure that no step works on one of the cases, or on one that was compared with them."""
    now = services.clock()
    for case in _with_compared(session, _cases_of(session, study_uids)):
        if case.lease_owner is not None and case.lease_until is not None and case.lease_until > now:
            raise Transient("Interval works on a case of this patient at the moment; try again in a minute.")


def _with_compared(session: Session, cases: Sequence[Case]) -> list[Case]:
    """Return the cases, and those that have one of them as their prior, locked until the transaction ends."""
    case_ids = [case.case_id for case in cases]
    compared = session.scalars(
        select(Case.case_id).where(
            Case.prior_case_id.in_(case_ids),
            Case.case_id.not_in(case_ids),
            Case.state != CaseState.SUPERSEDED.value,
        )
    )
    locked = (store.locked_case(session, case_id) for case_id in [*case_ids, *compared])
    return [case for case in locked if case is not None]


def _prepare_again(session: Session, services: Services, cases: Sequence[Case], user_name: str) -> int:
    """Let cases begin with their images: what was computed is replaced visibly by a new revision."""
    detail = "The patient's data was corrected; the study is prepared again."
    count = 0
    for case in _with_compared(session, cases):
        state, now = CaseState(case.state), services.clock()
        if must_be_replaced(case):
            replace_revision(session, case, actor=user_name, detail=detail, at=now)
        elif state is not CaseState.SUPERSEDED:
            if state is not CaseState.RECEIVING:
                store.record(session, case, CaseEvent.IMAGES_RECEIVED, actor=user_name, detail=detail, at=now)
            case.last_image_at = now
            case.prior_case_id = None
        count += 1
    return count
