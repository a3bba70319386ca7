"""Earlier studies of an announced patient, fetched from the PACS before its first image comes.

For this the patient ID is kept, encrypted, until the PACS was asked. What was fetched is compared with and not measured
itself, as with every search.
"""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import select, update

from gateway.db.tables import ScheduledStudy
from gateway.flow import priors
from gateway.flow.services import Services
from gateway.log import get_logger
from gateway.pseudonymise.identity import PatientIdentity
from gateway.retrieve.source import PriorSource
from gateway.routes.model import PriorPlace, PriorRule
from processing.domain.errors import Defect, InputRejected, Transient

log = get_logger(__name__)
STEP = "prefetch"
_CLAIMED_FOR = timedelta(minutes=10)
"""So long nobody else asks; what is fetched twice changes nothing."""


def sealed_patient(services: Services, identity: PatientIdentity) -> str:
    """Return an announced patient's ID and issuer, sealed; empty where no earlier study would be fetched."""
    if services.prior_source is None or _rule(services) is None:
        return ""
    words = json.dumps([identity.patient_id, identity.issuer_of_patient_id])
    return services.seal.close(words, _place(services.pseudonymiser.pseudonym(identity)))


def prefetch_priors(services: Services) -> int:
    """Ask the PACS for the earlier studies of announced patients; return for how many it was asked."""
    source, rule = services.prior_source, _rule(services)
    now = services.clock()
    with services.sessions.begin() as session:
        session.execute(
            update(ScheduledStudy)
            .where(ScheduledStudy.expires_at <= now, ScheduledStudy.sealed_patient != "")
            .values(sealed_patient="")
        )
        waiting = ScheduledStudy.sealed_patient != "", ScheduledStudy.not_before <= now
        due = list(session.scalars(select(ScheduledStudy.scheduled_id).where(*waiting)))
    if source is None or rule is None:
        return 0
    return sum(_prefetch_or_put_off(services, source, rule, scheduled_id) for scheduled_id in due)


def _prefetch_or_put_off(services: Services, source: PriorSource, rule: PriorRule, scheduled_id: int) -> bool:
    now = services.clock()
    with services.sessions.begin() as session:
        claimed = session.execute(
            update(ScheduledStudy)
            .where(ScheduledStudy.scheduled_id == scheduled_id, ScheduledStudy.not_before <= now)
            .values(not_before=now + _CLAIMED_FOR)
            .returning(ScheduledStudy.sealed_patient, ScheduledStudy.pseudonym)
        ).first()
    if claimed is None:
        return False
    try:
        words = services.seal.open(claimed.sealed_patient, _place(claimed.pseudonym))
        _prefetch(services, source, rule, PatientIdentity(*json.loads(words)), scheduled_id)
    except Transient:
        _put_off(services, scheduled_id)
    except (InputRejected, Defect) as error:
        log.warning("priors not prefetched", step=STEP, error=type(error).__name__)
        _end(services, scheduled_id)
    else:
        _end(services, scheduled_id)
    return True


def _prefetch(
    services: Services, source: PriorSource, rule: PriorRule, identity: PatientIdentity, scheduled_id: int
) -> None:
    """Fetch the study that the rule prefers, unless it is here."""
    today = services.clock().astimezone(services.settings.zone).date()
    modalities = services.routes.modalities("")  # which route it will take is not known yet
    held = priors.of_patient(services, source.find_studies(identity.patient_id, today, modalities), identity)
    order = rule.in_order([(study.study_date, uid) for uid, study in held.items()], today)
    if not order or priors.is_here(services, order[0]):
        return
    with services.sessions.begin() as session:
        # Before it comes: by then it must be known why.
        session.get_one(ScheduledStudy, scheduled_id).fetched = [order[0]]
    count = source.fetch(held[order[0]].study_instance_uid, modalities, lambda: None)
    log.info("earlier study fetched", step=STEP, count=count)


def _end(services: Services, scheduled_id: int) -> None:
    with services.sessions.begin() as session:
        session.get_one(ScheduledStudy, scheduled_id).sealed_patient = ""


def _put_off(services: Services, scheduled_id: int) -> None:
    with services.sessions.begin() as session:
        row = session.get_one(ScheduledStudy, scheduled_id)
        row.attempts += 1
        row.not_before = services.clock() + timedelta(seconds=services.step_policy.wait_s(row.attempts))


def _rule(services: Services) -> PriorRule | None:
    """Return the rule of the first route that looks in the PACS: which one the study will take is not known yet."""
    rules = (route.prior for route in services.routes.routes)
    return next((rule for rule in rules if PriorPlace.PACS in rule.look_in), None)


def _place(pseudonym: str) -> str:
    return f"announced study of {pseudonym}"
