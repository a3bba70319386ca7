"""The phases of the day: a bare Orthanc, Interval's way in, its workers, and one study alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from demo.installation import Ports, System
from demo.load.resources import MemoryWatch, processor_s, quarters
from demo.load.sending import send_all
from demo.load.studies import Day
from demo.processes import RunningSystem
from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import Case, ChangesCursor, Event, Job
from processing.domain.case import CaseEvent, CaseState

Say = Callable[[str], None]

GATEWAY = ("gateway-api", "gateway-tasks")
_TAKING_IN = ("orthanc-clinical", "gateway-tasks", "orthanc-research")
_WITHOUT_WORKER = ("redis", "orthanc-clinical", "orthanc-research", "orthanc-demo-pacs", *GATEWAY)
_ORDERED = (CaseState.PSEUDONYMISED, CaseState.QUEUED, CaseState.RUNNING, CaseState.READY_FOR_REVIEW)
_LONGEST_WAIT_S = 1800.0


@dataclass(frozen=True)
class LoadSystem(System):
    """A system with a chosen number of worker processes, of one thread each."""

    worker_processes: int = 1

    def worker_environment(self) -> dict[str, str]:
        """What the worker is told."""
        chosen = {"INTERVAL_WORKER_PROCESSES": str(self.worker_processes), "INTERVAL_WORKER_THREADS": "1"}
        return super().worker_environment() | chosen


class StandsStill(RuntimeError):
    """What should happen did not."""


@dataclass
class Figures:
    """What was measured; rates in instances per second."""

    bare_rate: float = 0.0
    stored_rate: float = 0.0
    """C-STORE into Interval's own clinical archive while the gateway works beside it."""
    ingest_rate: float = 0.0
    """From the first image sent to the last order placed, without the last quiet time."""
    processor_ms: dict[str, float] = field(default_factory=dict)
    """Processor time per instance: of the bare Orthanc, and of each service during the ingest."""
    memory_mib: dict[str, list[float]] = field(default_factory=dict)
    """Largest in each quarter of the ingest."""
    throughput: dict[int, float] = field(default_factory=dict)
    """Worker processes to cases per minute."""
    pipeline_s: dict[int, float] = field(default_factory=dict)
    queue_wait_s: list[float] = field(default_factory=list)
    overhead_s: list[float] = field(default_factory=list)
    """Of studies that came alone: from the last image to "ready for review", without quiet time and pipeline."""


def bare_orthanc(home: Path, day: Day, figures: Figures) -> None:
    """Send the day to an Orthanc that does nothing else."""
    system = System(home / "bare", Ports.free())
    with RunningSystem(system, only=("orthanc-clinical",)) as running:
        figures.bare_rate = day.instances / send_all(day.folders, system.ports.clinical_dicom)
        (spent_s,) = processor_s(running, ("orthanc-clinical",)).values()
    figures.processor_ms["bare Orthanc"] = 1000 * spent_s / day.instances


def measure_ingest(
    running: RunningSystem, sessions: sessionmaker[Session], day: Day, figures: Figures, say: Say
) -> None:
    """Send the day to Interval, whose workers are not up yet, and wait for the last order."""
    _until(lambda: _follows_changes(sessions), "the gateway looks at its archive")
    watch = MemoryWatch(running, GATEWAY)
    watch.start()
    before = processor_s(running, _TAKING_IN)
    started = datetime.now(UTC)
    figures.stored_rate = day.instances / send_all(day.folders, running.system.ports.clinical_dicom)
    say(f"sent {day.instances} instances in {len(day.folders)} studies")
    _until(lambda: _count(sessions, _ORDERED) >= day.patients, "every second study is ordered")
    figures.memory_mib = {name: quarters(samples) for name, samples in watch.stop().items()}
    for name, spent_s in processor_s(running, _TAKING_IN).items():
        figures.processor_ms[name] = 1000 * (spent_s - before[name]) / day.instances
    with sessions() as session:
        ordered = max(_times(session, CaseEvent.PSEUDONYMISED))
    figures.ingest_rate = day.instances / ((ordered - started).total_seconds() - running.system.quiet_time_s)


def measure_workers(
    system: LoadSystem, sessions: sessionmaker[Session], processes: int, cases: int, figures: Figures
) -> None:
    """Let so many worker processes finish so many of the ordered cases."""
    before = _count(sessions, (CaseState.READY_FOR_REVIEW,))
    begun = _count_begun(sessions)
    with RunningSystem(replace(system, worker_processes=processes), only=("worker",)):
        # The worker's own start does not count.
        _until(lambda: _count_begun(sessions) > begun, "a first case is begun")
        began_s = time.monotonic()
        _wait_for(sessions, CaseState.READY_FOR_REVIEW, before + cases)
        done = _count(sessions, (CaseState.READY_FOR_REVIEW,)) - before
        figures.throughput[processes] = 60 * done / (time.monotonic() - began_s)
    with sessions() as session:
        finished = session.scalars(select(Job).where(Job.outcome.is_not(None)).order_by(Job.finished_at.desc()))
        durations = [float(job.outcome["duration_s"]) for job in finished.fetchmany(cases) if job.outcome]
        figures.pipeline_s[processes] = statistics.median(durations)
        figures.queue_wait_s = _waits(session)


def measure_alone(
    running: RunningSystem, sessions: sessionmaker[Session], pairs: Sequence[Day], figures: Figures
) -> None:
    """Send one patient after the other into a system that has nothing else to do."""
    port = running.system.ports.clinical_dicom
    with RunningSystem(running.system, only=("worker",)):
        for done, pair in enumerate(pairs, start=1):
            send_all(pair.folders[:1], port)
            _wait_for(sessions, CaseState.BASELINE, done)
            send_all(pair.folders[1:], port)
            sent = datetime.now(UTC)
            _wait_for(sessions, CaseState.READY_FOR_REVIEW, done)
            with sessions() as session:
                job = session.scalars(select(Job).order_by(Job.finished_at.desc()).limit(1)).one()
                ready = max(_times(session, CaseEvent.SUCCEEDED))
            outside_s = (ready - sent).total_seconds() - running.system.quiet_time_s
            figures.overhead_s.append(outside_s - float((job.outcome or {})["duration_s"]))


def _wait_for(sessions: sessionmaker[Session], state: CaseState, cases: int) -> None:
    _until(lambda: _count(sessions, (state,)) >= cases, f"{cases} cases are '{state}'")


def open_database(system: System) -> sessionmaker[Session]:
    """Return sessions that only read."""
    return session_factory(make_engine(system.gateway_environment()["DATABASE_URL"]), read_only=True)


def without_worker(system: System) -> RunningSystem:
    """Return everything but the worker, not started yet."""
    return RunningSystem(system, only=_WITHOUT_WORKER)


def _count(sessions: sessionmaker[Session], states: Sequence[CaseState]) -> int:
    with sessions() as session:
        return len(session.scalars(select(Case.case_id).where(Case.state.in_([state.value for state in states]))).all())


def _follows_changes(sessions: sessionmaker[Session]) -> bool:
    with sessions() as session:
        return session.scalars(select(ChangesCursor)).first() is not None


def _count_begun(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return len(_times(session, CaseEvent.STARTED))


def _times(session: Session, event: CaseEvent) -> Sequence[datetime]:
    return session.scalars(select(Event.at).where(Event.event == event.value)).all()


def _waits(session: Session) -> list[float]:
    """Seconds from each order to its worker's first word."""
    ordered: dict[str, datetime] = {}
    waits: list[float] = []
    for event in session.scalars(select(Event).order_by(Event.event_id)):
        if event.event == CaseEvent.ORDERED.value:
            ordered[event.case_id] = event.at
        elif event.event == CaseEvent.STARTED.value and event.case_id in ordered:
            waits.append((event.at - ordered.pop(event.case_id)).total_seconds())
    return waits


def _until(happened: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT_S
    while not happened():
        if time.monotonic() > deadline:
            raise StandsStill(f"waited {_LONGEST_WAIT_S:.0f} s in vain until {what}")
        time.sleep(0.2)
