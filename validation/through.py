"""Reference cases through a running Interval: sent as a scanner sends them, measured by its workers, collected again.

What its API gives a reader is collected: the lesions, their map, quality figures and warnings. That is compared with
the committed reference in the same way as a run in this process; the registration and the images between stay inside.
Whoever runs this needs an operator account that sends and a reader account that collects.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np

from demo.reader import Reader
from demo.sending import send_study
from demo.studies import StudyToSend, write_visits
from gateway.api.schemas import CaseDetail, CaseSummary, ImageHeader, LesionLine
from processing.dicom.archive import DicomWebArchive
from processing.domain.case import CaseState
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.result import Lesion, QualityFigure
from processing.domain.study import SeriesRole
from processing.stages.resample import Interpolation, resample
from validation.against_truth import truth_figures
from validation.compare import CaseComparison, compare_case, reference_folder
from validation.datasets import ReferenceCase, find_manifest, read_case
from validation.fetch import fetched
from validation.outputs import CaseOutput, CaseRecord, RunProvenance, load, map_print, save
from validation.run import RUNS, CaseKey, Say
from validation.stability import require_comparing

POLL_S = 1.0
FAILED = frozenset({CaseState.NOT_ROUTED, CaseState.QUARANTINED, CaseState.REGISTRATION_FAILED})


class NotMeasured(RuntimeError):
    """The running system did not measure what it was sent."""


@dataclass(frozen=True)
class Account:
    """A user of the running system."""

    user_name: str
    password: str


@dataclass(frozen=True)
class Receiver:
    """Who takes images by C-STORE."""

    ae_title: str
    host: str
    port: int


@dataclass(frozen=True)
class Running:
    """A running Interval.

    Parameters
    ----------
    url : str
        Of its viewer and API.
    sender : Account
        An operator.
    reader : Account
    receiver : Receiver or None
        Takes the images by C-STORE; without one they are sent by STOW-RS.
    wait_s : float
        How long a case may take.
    """

    url: str
    sender: Account
    reader: Account
    receiver: Receiver | None = None
    wait_s: float = 3600.0


def run_through(
    keys: Sequence[CaseKey], pipeline: str, system: Running, *, say: Say, to_rate: bool = False, root: Path = RUNS
) -> tuple[CaseComparison, ...]:
    """Send cases, wait for their results, and compare each with the committed reference.

    Parameters
    ----------
    keys : sequence of CaseKey
    pipeline : str
    system : Running
    say : callable
    to_rate : bool
        Mark every case as a reference case, so that readers rate its result blind.
    root : Path
        Under it the outputs are kept.

    Raises
    ------
    NotMeasured
        If a case is not done in time, or another version than the installed one measured it.
    """
    spec = require_comparing(pipeline)
    folder = root / f"{spec.name}-{spec.version}-through"
    compared = []
    for key in keys:
        manifest = find_manifest(key.dataset)
        case = read_case(manifest, manifest.case(key.case), fetched)
        if not case.prior:
            say(f"{key} is left out: it is no pair of visits\n")
            continue
        output = _measure(case, pipeline, system, say=say, to_rate=to_rate)
        save(output, folder)
        reference = load(reference_folder(pipeline), key.dataset, key.case)
        compared.append(compare_case(output, collectable(reference) if reference is not None else None))
        say(f"{key}: {compared[-1].verdict.words}, {output.record.provenance.seconds:.0f} s\n")
    return tuple(compared)


def collectable(reference: CaseOutput) -> CaseOutput:
    """Return of a reference what a running system gives out."""
    record = reference.record
    kept = record.model_copy(
        update={
            "images": {name: one for name, one in record.images.items() if name == "lesions"},
            "current_to_prior": None,
            "provenance": record.provenance.model_copy(update={"libraries": {}}),
        }
    )
    return replace(reference, record=kept, samples={})


def _measure(case: ReferenceCase, pipeline: str, system: Running, *, say: Say, to_rate: bool) -> CaseOutput:
    started = time.monotonic()
    with TemporaryDirectory() as files:
        name = f"REF-{case.name}".upper().replace(" ", "-").replace("/", "-")[:32]
        visits = write_visits((case.prior, case.current), Path(files), name)
        for visit in visits:
            _send(visit, system)
    current = visits[-1]
    say(f"{case.dataset}/{case.name}: sent as {current.patient_id}\n")
    with Reader(system.url, system.reader.user_name, system.reader.password) as reader:
        detail = _wait(reader, current, frozenset(case.current), system.wait_s)
        summary = detail.summary
        if summary.state in FAILED:
            return CaseOutput(_record(case, summary, pipeline, system, started, failure=summary.reason), None, {})
        lesion_map = _on_grid(_lesion_map(reader, summary.case_id), case.current[SeriesRole.FLAIR].grid)
    if to_rate:
        _mark(system, summary.case_id, case)
    lesions = tuple(_lesion(line, lesion_map) for line in detail.lesions)
    truth = truth_figures(lesions, lesion_map, case.truth) if case.truth is not None else None
    record = _record(
        case, summary, pipeline, system, started,
        lesions=lesions, quality=_quality(detail), warnings=tuple(detail.warnings),
        images={"lesions": map_print(lesion_map)}, truth=truth,
    )  # fmt: skip
    return CaseOutput(record, lesion_map, {})


def _send(visit: StudyToSend, system: Running) -> None:
    if system.receiver is not None:
        receiver = system.receiver
        report = send_study(visit.files, receiver.host, receiver.port, called_aet=receiver.ae_title)
        if report.failed:
            raise NotMeasured(f"{len(report.failed)} images were refused: {report.failed[0][1]}.")
        return
    account = system.sender
    with DicomWebArchive(f"{system.url}/api/dicomweb", account.user_name, account.password) as archive:
        archive.store(path.read_bytes() for path in visit.files)


def _wait(reader: Reader, study: StudyToSend, roles: frozenset[SeriesRole], wait_s: float) -> CaseDetail:
    """Wait for the result on all series: what was measured before the last of them came is replaced by it."""
    deadline, seen = time.monotonic() + wait_s, "not seen yet"
    while time.monotonic() < deadline:
        for line in reader.worklist():
            if (line.patient.patient_id, line.study_date) != (study.patient_id, study.study_date):
                continue
            seen = line.state.value
            if line.state in FAILED:
                return reader.case(line.case_id)
            if line.state is CaseState.READY_FOR_REVIEW:
                detail = reader.case(line.case_id)
                used = {one.role for one in detail.series if one.role is not None}
                if used == roles:
                    return detail
                seen = f"measured on {', '.join(sorted(used))} alone"
        time.sleep(POLL_S)
    raise NotMeasured(f"A case is not measured after {wait_s:.0f} s: it is {seen}.")


def _lesion_map(reader: Reader, case_id: str) -> LabelMap:
    header = reader.image(case_id, "lesions")
    kind = "<i2" if header.pixel_type == "int16" else np.uint8
    pixels = np.frombuffer(reader.pixels(case_id, "lesions"), kind).reshape(header.shape)
    return LabelMap(pixels.astype(np.uint16), grid_of(header))


def grid_of(header: ImageHeader) -> Grid:
    """Return the grid that the viewer is told of; its directions are along x, y and z."""
    directions = np.array(header.directions)[::-1].T
    return Grid.from_axes(header.shape, origin_mm=header.origin_mm, spacing_mm=header.spacing_mm, directions=directions)


def _on_grid(label_map: LabelMap, grid: Grid) -> LabelMap:
    """Count the same voxels as the reference does: a scanner may have written them along other axes."""
    labels = Volume(label_map.array.astype(np.float32), label_map.grid)
    moved = resample(labels, grid, interpolation=Interpolation.NEAREST)
    return LabelMap(moved.array.astype(np.uint16), grid)


def _lesion(line: LesionLine, lesion_map: LabelMap) -> Lesion:
    z, y, x = np.argwhere(lesion_map.array == line.number).mean(axis=0)
    px, py, pz = lesion_map.grid.index_to_lps((z, y, x))
    return Lesion(
        number=line.number,
        change=line.change,
        volume_mm3=line.volume_mm3,
        prior_volume_mm3=line.prior_volume_mm3,
        centroid_mm=(float(px), float(py), float(pz)),
        region=line.region,
        side=line.side,
        score=line.score,
        outline=line.outline,
    )


def _quality(detail: CaseDetail) -> tuple[QualityFigure, ...]:
    return tuple(QualityFigure(one.name, one.value, one.unit, one.acceptable) for one in detail.quality)


def _record(
    case: ReferenceCase, summary: CaseSummary, pipeline: str, system: Running, started: float, **found: object
) -> CaseRecord:
    measured_by = (summary.pipeline, summary.version)
    installed = require_comparing(pipeline).version
    if summary.pipeline and measured_by != (pipeline, installed):
        raise NotMeasured(f"{' '.join(measured_by)} measured the case, and {pipeline} {installed} is compared here.")
    made_by = RunProvenance(
        parameters_sha256="", code_sha256="", libraries={}, python="", machine=system.url, cores=0,
        seconds=round(time.monotonic() - started, 1),
    )  # fmt: skip
    return CaseRecord.model_validate(
        {
            "dataset": case.dataset,
            "case": case.name,
            "pipeline": pipeline,
            "version": installed,
            "provenance": made_by,
            **found,
        }
    )


def _mark(system: Running, case_id: str, case: ReferenceCase) -> None:
    """Let readers rate the result: say which reference case it is."""
    with httpx.Client(base_url=system.url, timeout=60) as http:
        account = {"user_name": system.sender.user_name, "password": system.sender.password}
        session = http.post("/api/session", json=account).raise_for_status().json()
        http.put(
            f"/api/releases/reference-cases/{case_id}",
            json={"dataset": case.dataset, "case": case.name},
            headers={"X-CSRF-Token": session["csrf_token"]},
        ).raise_for_status()
