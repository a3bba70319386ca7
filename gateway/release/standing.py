"""Whether cases may be routed to a version: the gate's ledger says so, or an operator permits it, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import VersionPermit
from gateway.log import get_logger
from processing.domain.errors import InputRejected
from processing.domain.versions import Ledger, VersionEntry, why_refused
from processing.pipelines.spec import PipelineSpec

log = get_logger(__name__)

HOW_TO_GO_ON = "An operator can permit it with a reason; then try the case again."


@dataclass(frozen=True)
class Standing:
    """How an installed version stands.

    Parameters
    ----------
    pipeline, version : str
    entry : VersionEntry or None
        What the gate said; None where it was never asked.
    permit : VersionPermit or None
        An operator's standing permission.
    refusal : str
        Why no case is routed to it; empty where cases are.
    """

    pipeline: str
    version: str
    entry: VersionEntry | None
    permit: VersionPermit | None
    refusal: str


def read_ledger(path: Path) -> Ledger:
    """Read the gate's ledger as it is now; one that is absent or broken lets nothing pass."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError:
        log.warning("the ledger of versions is missing")
        return Ledger()


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> Ledger:
    try:
        return Ledger.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError):
        log.warning("the ledger of versions can't be read")
        return Ledger()


def standing(session: Session, ledger: Ledger, pipeline: str, version: str) -> Standing:
    """Return how a version stands."""
    permit = session.scalar(
        select(VersionPermit).where(
            VersionPermit.pipeline == pipeline,
            VersionPermit.version == version,
            VersionPermit.withdrawn_at.is_(None),
        )
    )
    refused = why_refused(ledger, pipeline, version)
    refusal = f"{refused} {HOW_TO_GO_ON}" if refused and permit is None else ""
    return Standing(pipeline, version, ledger.entry(pipeline, version), permit, refusal)


def standings(session: Session, ledger: Ledger, specs: Sequence[PipelineSpec]) -> list[Standing]:
    """Return how every installed pipeline stands."""
    return [standing(session, ledger, spec.name, spec.version) for spec in specs]


def permit(
    session: Session, ledger: Ledger, pipeline: str, version: str, *, actor: str, reason: str, at: datetime
) -> VersionPermit:
    """Let cases be routed to a version that the gate has not passed.

    Raises
    ------
    InputRejected
        If it needs no permission, or has one.
    """
    now = standing(session, ledger, pipeline, version)
    if not now.refusal:
        raise InputRejected("Cases are routed to this version already.")
    row = VersionPermit(pipeline=pipeline, version=version, actor=actor, reason=reason, at=at)
    session.add(row)
    session.flush()
    return row


def withdraw(session: Session, pipeline: str, version: str, *, actor: str, at: datetime) -> None:
    """Take a permission back.

    Raises
    ------
    InputRejected
        If there is none.
    """
    rows = list(
        session.scalars(
            select(VersionPermit).where(
                VersionPermit.pipeline == pipeline,
                VersionPermit.version == version,
                VersionPermit.withdrawn_at.is_(None),
            )
        )
    )
    if not rows:
        raise InputRejected("Nobody permitted this version.")
    for row in rows:
        row.withdrawn_at, row.withdrawn_by = at, actor
