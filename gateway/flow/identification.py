"""Whose study it is, decided by the images that are used, and who else has the same patient ID.

The first image of a study names its case. What it says may differ from the images that are compared: a report scanned
elsewhere, or a localiser, often lacks the issuer of the patient ID, and with another issuer it would be another
patient. So the chosen series has the last word, before anything is pseudonymised.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gateway.cases.select import Selection
from gateway.clinical_study import ClinicalStudy
from gateway.db.tables import Case
from gateway.flow.series_files import SeriesFiles
from gateway.flow.services import Services
from gateway.flow.sight import identity_at_sight, record_at_sight, shifted_study_date
from gateway.flow.step import Lease
from gateway.jobs import store
from gateway.log import get_logger
from gateway.pseudonymise.identity import uid_under
from gateway.pseudonymise.record import StudyRecord
from processing.domain.case import CaseState

log = get_logger(__name__)
OTHER_ISSUER = (
    "An earlier study with the same patient ID but another issuer is in the archive; "
    "confirm that it is the same patient."
)
_NO_COMPARISON = (CaseState.NOT_ROUTED.value, CaseState.SUPERSEDED.value)


def identify(
    services: Services,
    lease: Lease,
    states: Collection[CaseState],
    record: StudyRecord,
    study: ClinicalStudy,
    selection: Selection,
    files: SeriesFiles,
) -> StudyRecord:
    """Let the chosen series say whose study it is; vault and cases follow when that is another than at first sight.

    Nothing is changed once images were pseudonymised: a contradiction is then found when more of them are.

    Returns
    -------
    StudyRecord
        As the vault holds it now.
    """
    if record.instances:
        return record
    uid = next(iter(selection.chosen.values())).series_instance_uid
    series = next(series for series in study.series if series.series_instance_uid == uid)
    identity, header = identity_at_sight(files.one_of(series), study)
    if identity.message == record.identity.message:
        return record
    pseudonymiser = services.pseudonymiser
    named = record_at_sight(header, identity, record.original_study_instance_uid, pseudonymiser)
    with services.sessions.begin() as session:
        lease.case(session, states)
        services.vault_in(session).replace(record, named)
        session.execute(
            update(Case)
            .where(Case.study_uid == record.study_instance_uid)
            .values(
                study_uid=named.study_instance_uid,
                pseudonym=named.pseudonym,
                readable_name=pseudonymiser.readable_name(identity),
                study_date_shifted=shifted_study_date(header, named.shift_days),
            )
        )
    log.info("study renamed by its images", case_id=lease.case_id)
    return named


def ask_about_issuer(services: Services, current: StudyRecord) -> str:
    """Return a question to a person when an earlier study may be the same patient's; empty when there is none.

    Two issuers are two patients. But a study that names none may well be of the patient of the other one, and that
    must not silently be no earlier study, whether or not there is another one to compare with. Pseudonyms are made of
    both, so only a correction in the archive joins them. Where this study is the earlier one, the later ones' cases
    get the question.
    """
    uids = services.clinical.study_uids_of_patient(current.patient_id) - {current.original_study_instance_uid}
    with services.sessions() as session:
        found = [case for uid in sorted(uids) for case in _cases_of(services, session, uid)]
    day = _day(current)
    question, asked = "", []
    for case in found:
        if case.pseudonym == current.pseudonym or case.state in _NO_COMPARISON:
            continue
        other = services.vault.get(case.study_uid)
        if bool(other.issuer_of_patient_id.strip()) == bool(current.issuer_of_patient_id.strip()):
            continue
        if _day(other) < day:
            question = OTHER_ISSUER
        elif _day(other) > day:
            asked.append(case.case_id)
    _ask(services, asked)
    return question


def _day(record: StudyRecord) -> str:
    return str(record.general_study.get("StudyDate", "") or "")


def _ask(services: Services, case_ids: Collection[str]) -> None:
    """Put the question to cases that were examined before the earlier study was."""
    if not case_ids:
        return
    with services.sessions.begin() as session:
        for case in session.scalars(select(Case).where(Case.case_id.in_(case_ids))):
            if OTHER_ISSUER not in case.question:
                case.question = f"{case.question} {OTHER_ISSUER}".strip()


def _cases_of(services: Services, session: Session, original_uid: str) -> list[Case]:
    cases = (store.newest_revision(session, uid_under(keys, original_uid)) for keys in services.keys.all)
    return [case for case in cases if case is not None]
