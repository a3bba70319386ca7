"""One order: fetch, read, run, write, store, and say how it went.

This is one of the two places where any exception is caught: whatever happens becomes an outcome, and the reason in it
holds nothing of the patient.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from billiard.exceptions import SoftTimeLimitExceeded
from pydantic import ValidationError

from processing.dicom import formats
from processing.dicom.archive import DicomArchive
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.dicom.result import ResultObject, to_part10
from processing.domain.errors import Defect, InputRejected, IntervalError, RegistrationFailed, Transient
from processing.domain.imaging import Grid, Volume
from processing.domain.messages import (
    JobOrder,
    JobOutcome,
    JobProgress,
    OutcomeStatus,
    StudyOrder,
)
from processing.domain.result import PipelineResult
from processing.domain.study import SeriesRole, TimePoint
from processing.pipelines.registry import find_spec
from processing.pipelines.spec import PipelineSpec, Progress
from processing.worker.ensemble import find_runner
from processing.worker.log import get_logger

log = get_logger(__name__)

Series = Mapping[SeriesRole, SourceSeries]

_PROGRESS_EVERY_S = 1.0
"""A reader sees no difference, and the broker has little to do."""

BEAT_EVERY_S = 20.0
"""So often the last word is repeated: a stage may take minutes, and a silent worker is taken for dead."""

_SHARES = {"fetch": (0.0, 0.15), "run": (0.15, 0.85), "write": (0.85, 0.92), "store": (0.92, 1.0)}
"""Which part of the whole each step takes, roughly."""

UNEXPECTED = "An unexpected error stopped the measurement. It was logged; the case can be tried again."
TOO_LONG = "The measurement took longer than the worker allows."
NOT_UNDERSTOOD = "The order can't be understood by this worker."


@dataclass
class Clock:
    """Tells what is done, at most every so often, and notes how long each stage took."""

    order: JobOrder
    tell: Callable[[JobProgress], None]
    durations_s: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _since_s: float = field(default_factory=time.monotonic)
    _told_s: float = float("-inf")
    _told: JobProgress | None = None

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Repeat the last word now and then while something takes long."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_EVERY_S):
                if self._told is not None:
                    self.tell(self._told)

        threading.Thread(target=beat, name="heartbeat", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def step(self, name: str) -> Progress:
        """Return a callback for one step, whose own 0 to 1 becomes its share of the whole."""
        start, end = _SHARES[name]

        def tell(stage: str, fraction: float) -> None:
            self.note(stage, start + (end - start) * min(max(fraction, 0.0), 1.0))

        return tell

    def note(self, stage: str, fraction: float) -> None:
        """Note that a stage runs, and tell it when it is new or the last word is old enough."""
        now_s = time.monotonic()
        if stage != self._stage:
            self.stop()
            self._stage, self._since_s, self._told_s = stage, now_s, float("-inf")
        if now_s - self._told_s >= _PROGRESS_EVERY_S:
            self._told_s = now_s
            job, part = self.order, round(fraction, 3)
            self._told = JobProgress(job_id=job.job_id, attempt=job.attempt, stage=stage, fraction=part)
            self.tell(self._told)

    def stop(self) -> None:
        """Close the account of the stage that ran last."""
        if self._stage:
            spent_s = time.monotonic() - self._since_s
            self.durations_s[self._stage] = round(self.durations_s.get(self._stage, 0.0) + spent_s, 3)
            self._stage = ""


def run_job(
    message: Mapping[str, object], archive: DicomArchive, tell: Callable[[JobProgress], None]
) -> JobOutcome | None:
    """Carry out an order and return its outcome, whatever happens.

    Parameters
    ----------
    message : mapping
        A `JobOrder` as it came over the broker.
    archive : DicomArchive
        The research archive.
    tell : callable
        Sends a line of progress.

    Returns
    -------
    JobOutcome or None
        None if the message doesn't even say which job it is about.
    """
    try:
        order = JobOrder.model_validate(message)
    except ValidationError:
        return _not_understood(message)
    started_s = time.monotonic()
    clock = Clock(order, tell)
    log.info("order taken", **_facts(order))
    try:
        with clock.beating():
            outcome = _carry_out(order, archive, clock)
    except RegistrationFailed as error:
        outcome = _failure(order, OutcomeStatus.REGISTRATION_FAILED, error.reason)
    except InputRejected as error:
        outcome = _failure(order, OutcomeStatus.REJECTED, error.reason)
    except Transient as error:
        outcome = _failure(order, OutcomeStatus.TRANSIENT, error.reason)
    except SoftTimeLimitExceeded:
        outcome = _failure(order, OutcomeStatus.DEFECT, TOO_LONG)
    except IntervalError as error:
        log.exception("order failed", **_facts(order))
        outcome = _failure(order, OutcomeStatus.DEFECT, error.reason)
    except Exception:  # the border: an unknown error becomes an outcome, and nothing of its message is passed on
        log.exception("order failed", **_facts(order))
        outcome = _failure(order, OutcomeStatus.DEFECT, UNEXPECTED)
    clock.stop()
    duration_s = round(time.monotonic() - started_s, 3)
    log.info("order done", **_facts(order), state=outcome.status.value, duration_s=duration_s)
    return outcome.model_copy(update={"duration_s": duration_s, "stage_durations_s": clock.durations_s})


def _carry_out(order: JobOrder, archive: DicomArchive, clock: Clock) -> JobOutcome:
    spec = find_spec(order.pipeline, order.version)
    series = _fetch(order, spec, archive, clock.step("fetch"))
    current, prior = series[TimePoint.CURRENT], series.get(TimePoint.PRIOR, {})
    result = find_runner(order.pipeline, order.version)(_images(current), _images(prior), clock.step("run"))
    objects = _write(order, spec, current, prior, result, clock.step("write"))
    outcome = formats.succeeded(
        JobOutcome(
            job_id=order.job_id,
            attempt=order.attempt,
            status=OutcomeStatus.SUCCEEDED,
            objects=tuple(item.stored for item in objects),
        ),
        result,
    )
    _require_readable(objects, current[spec.reference].volume.grid, result, outcome)
    _store(archive, objects, clock.step("store"))
    return outcome


def _fetch(
    order: JobOrder, spec: PipelineSpec, archive: DicomArchive, progress: Progress
) -> dict[TimePoint, dict[SeriesRole, SourceSeries]]:
    """Fetch and read the series that the pipeline uses, required ones at each time point that it looks at."""
    studies: dict[TimePoint, StudyOrder] = {TimePoint.CURRENT: order.current}
    if spec.compares:
        if order.prior is None:
            raise InputRejected("The order names no earlier study to compare with.")
        studies[TimePoint.PRIOR] = order.prior
    for time_point, study in studies.items():
        missing = [role.value for role in spec.required_roles if role not in study.series]
        if missing:
            raise InputRejected(f"The order names no {', '.join(missing)} of the {time_point} study.")
    used = {*spec.required_roles, *spec.optional_roles}
    wanted = [(point, role) for point, study in studies.items() for role in study.series if role in used]
    series: dict[TimePoint, dict[SeriesRole, SourceSeries]] = {point: {} for point in studies}
    for number, (point, role) in enumerate(wanted):
        progress(f"reading {point} {role}", number / len(wanted))
        study = studies[point]
        parts = archive.retrieve_series(study.study_instance_uid, study.series[role])
        try:
            series[point][role] = read_series(parse_part10(parts))
        except InputRejected as error:
            raise InputRejected(f"{point.value.capitalize()} {role}: {error.reason}") from error
    return series


def _images(series: Series) -> dict[SeriesRole, Volume]:
    return {role: source.volume for role, source in series.items()}


def _write(
    order: JobOrder,
    spec: PipelineSpec,
    current: Series,
    prior: Series,
    result: PipelineResult,
    progress: Progress,
) -> tuple[ResultObject, ...]:
    progress("writing the result", 0.0)
    provenance = Provenance(spec.name, spec.version, spec.title, seed=order.job_id)
    images = formats.Measured(
        reference=current[spec.reference],
        prior=prior[spec.reference].headers if prior else (),
        others={role: source.headers for role, source in current.items() if role is not spec.reference},
    )
    return formats.write(images, result, provenance)


def _require_readable(
    objects: tuple[ResultObject, ...], grid: Grid, result: PipelineResult, outcome: JobOutcome
) -> None:
    """Read the result back as the review and the signature will: one that can't be opened must never be called done."""
    try:
        stored = formats.read((item.dataset for item in objects), grid, outcome)
    except InputRejected as error:
        raise Defect(f"The result can't be read back and was not stored: {error.reason}") from error
    if not formats.same_outlines(stored, result):
        raise Defect("The stored outlines are not those that were measured; nothing was stored.")


def _store(archive: DicomArchive, objects: tuple[ResultObject, ...], progress: Progress) -> None:
    def files() -> Iterator[bytes]:
        for number, item in enumerate(objects):
            progress("storing the result", number / len(objects))
            yield to_part10(item.dataset)

    archive.store(files())


def _failure(order: JobOrder, status: OutcomeStatus, reason: str) -> JobOutcome:
    return JobOutcome(job_id=order.job_id, attempt=order.attempt, status=status, reason=reason)


def given_up(message: Mapping[str, object], deaths: int) -> JobOutcome | None:
    """Return the outcome of an order that is not carried out again; None if the message doesn't name its job."""
    log.error("order given up")
    return _defect(message, f"The worker was killed {deaths} times by this order.")


def _not_understood(message: Mapping[str, object]) -> JobOutcome | None:
    log.error("order not understood")
    return _defect(message, NOT_UNDERSTOOD)


def _defect(message: Mapping[str, object], reason: str) -> JobOutcome | None:
    job_id, attempt = message.get("job_id"), message.get("attempt")
    if not isinstance(job_id, str) or not isinstance(attempt, int):
        return None
    return JobOutcome(job_id=job_id, attempt=attempt, status=OutcomeStatus.DEFECT, reason=reason)


def _facts(order: JobOrder) -> dict[str, str | int]:
    return {
        "job_id": order.job_id,
        "case_id": order.case_id,
        "attempt": order.attempt,
        "pipeline": order.pipeline,
        "version": order.version,
    }
