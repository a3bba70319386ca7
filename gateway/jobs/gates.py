"""Gates: whether a queue or a target lets work pass. An operator shuts and opens them; a restart changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import Gate
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE

PREPARATION = "preparation"
"""Selecting, finding the prior and pseudonymising complete studies."""
QUEUES = (PREPARATION, FAST_TRACK_QUEUE, PIPELINE_QUEUE)
"""Every queue that has a gate; each target has one too."""


class Mode(StrEnum):
    """What a gate lets pass."""

    OPEN = "open"
    DRAINING = "draining"
    """What waits already is still begun; nothing that comes later is."""
    PAUSED = "paused"
    """Nothing is begun. What runs goes on to its end."""


@dataclass(frozen=True)
class GateState:
    """A gate as it stands; `since` is none where nobody ever touched it."""

    mode: Mode = Mode.OPEN
    since: datetime | None = None
    actor: str = ""
    reason: str = ""

    def lets_pass(self, waiting_since: datetime) -> bool:
        """Whether something that waits since a time may begin."""
        if self.mode is Mode.DRAINING:
            return self.since is not None and waiting_since <= self.since
        return self.mode is Mode.OPEN


OPEN = GateState()


def target_gate(target: str) -> str:
    """Return the name of a target's gate."""
    return f"target {target}"


def gate(session: Session, name: str) -> GateState:
    """Return how a gate stands."""
    row = session.get(Gate, name)
    return _state(row) if row is not None else OPEN


def all_gates(session: Session) -> dict[str, GateState]:
    """Return every gate that was ever touched."""
    return {row.name: _state(row) for row in session.scalars(select(Gate))}


def turn(session: Session, name: str, mode: Mode, *, actor: str, reason: str, at: datetime) -> None:
    """Open or shut a gate."""
    row = session.get(Gate, name, with_for_update=True)
    if row is None:
        row = Gate(name=name)
        session.add(row)
    row.mode, row.changed_at, row.actor, row.reason = mode.value, at, actor, reason


def _state(row: Gate) -> GateState:
    return GateState(Mode(row.mode), row.changed_at, row.actor, row.reason)
