"""Which versions cases may be routed to, and an operator's word on one that the gate has not passed."""

from __future__ import annotations

from sqlalchemy.orm import Session

from gateway.audit import trail
from gateway.audit.trail import AuditAction, Subject
from gateway.flow.services import Services
from gateway.jobs import store
from gateway.log import get_logger
from gateway.release import ratings, standing
from gateway.release.ratings import ToRate
from gateway.release.settings import ReleaseSettings
from gateway.release.standing import Standing
from processing.domain.errors import InputRejected
from processing.domain.versions import Ledger
from processing.pipelines.spec import PipelineSpec

log = get_logger(__name__)


def ledger() -> Ledger:
    """Return the gate's ledger as it is now."""
    return standing.read_ledger(ReleaseSettings().compatibility_file)


def why_closed(services: Services, spec: PipelineSpec) -> str:
    """Return in one sentence why no case is routed to an installed version; empty where cases are."""
    with services.sessions() as session:
        return standing.standing(session, ledger(), spec.name, spec.version).refusal


def standings(services: Services, session: Session) -> list[Standing]:
    """Return how every installed version stands."""
    return standing.standings(session, ledger(), services.specs)


def permit_version(services: Services, pipeline: str, version: str, *, actor: str, role: str, reason: str) -> None:
    """Let cases be routed to a version that the gate has not passed, by an operator's word; audited.

    Raises
    ------
    InputRejected
        If the version is not installed, or needs no permission.
    """
    _require_installed(services, pipeline, version)
    with services.sessions.begin() as session:
        at = services.clock()
        standing.permit(session, ledger(), pipeline, version, actor=actor, reason=reason, at=at)
        detail = f"permitted {pipeline} {version} past the validation gate: {reason}"
        trail.append(session, AuditAction.OPERATED, actor=actor, role=role, detail=detail, at=at)
    log.warning("version permitted past the gate", pipeline=pipeline, version=version)


def withdraw_permit(services: Services, pipeline: str, version: str, *, actor: str, role: str) -> None:
    """Take such a permission back; audited.

    Raises
    ------
    InputRejected
        If there is none.
    """
    with services.sessions.begin() as session:
        at = services.clock()
        standing.withdraw(session, pipeline, version, actor=actor, at=at)
        detail = f"withdrew the permission of {pipeline} {version}"
        trail.append(session, AuditAction.OPERATED, actor=actor, role=role, detail=detail, at=at)
    log.info("permission withdrawn", pipeline=pipeline, version=version)


def mark_reference(services: Services, case_id: str, *, dataset: str, name: str, actor: str, role: str) -> None:
    """Mark a case's study as a reference case of validation; audited.

    Raises
    ------
    InputRejected
        If there is no such case, or another study is that reference case.
    """
    with services.sessions.begin() as session:
        case = store.locked_case(session, case_id)
        if case is None:
            raise InputRejected("There is no such case.")
        ratings.mark(session, case, dataset=dataset, name=name, actor=actor)
        about = Subject(case_id, (case.pseudonym,))
        detail = f"marked as reference case {dataset}/{name}"
        trail.append(
            session, AuditAction.OPERATED, actor=actor, role=role, subject=about, detail=detail, at=services.clock()
        )


def rate(
    services: Services, wanted: ToRate, reader: str, role: str, *, acceptable: bool, rating: int, comment: str
) -> None:
    """Keep a reader's blind rating of a reference case; audited, without what was said.

    Raises
    ------
    InputRejected
        If it does not wait for this reader.
    """
    with services.sessions.begin() as session:
        at = services.clock()
        sealed = services.seal.close(comment.strip(), f"{wanted.job_id}/rating/{reader}")
        ratings.rate(session, wanted, reader, acceptable=acceptable, rating=rating, comment=sealed, at=at)
        about = Subject(wanted.case_id, ())
        detail = "rated a reference case without knowing the version"
        trail.append(session, AuditAction.READING_SIGNED, actor=reader, role=role, subject=about, detail=detail, at=at)


def _require_installed(services: Services, pipeline: str, version: str) -> None:
    if not any((spec.name, spec.version) == (pipeline, version) for spec in services.specs):
        raise InputRejected("This version is not installed here.")
