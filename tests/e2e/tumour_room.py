"""A patient's three measured tumours, two of them accepted, for tests in a browser: no pipeline has to run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, demo_visit, write_study
from gateway.db.tables import Case, Review
from gateway.flow import Services
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from gateway.pseudonymise.record import StudyRecord, StudyRecordBuilder
from gateway.review.finalise import provenance_of
from processing.dicom import formats
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.domain.decision import Acceptance, Verdict
from processing.domain.imaging import Volume
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus, StudyOrder
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourVolumes
from tests.unit.dicom.made import grid_of, head
from tests.unit.dicom.tumour_made import CENTRE_MM, FOUR, MadeTumour, result_of
from tests.unit.gateway.front import NOON, Made, make_case
from tests.unit.gateway.front_result import KEY_ID, SECRET, MemoryArchive

SCALES = (10.0, 10.2, 15.0)
"""Of the volumes that are told: so large that limits of agreement are known."""
FIRST = 2
"""Visits of the demo's patient that another case has already."""


def three_tumours(services: Services, archive: MemoryArchive, folder: Path) -> list[Made]:
    """Make the cases, the oldest first; the newest waits for its reader.

    Parameters
    ----------
    services : Services
    archive : MemoryArchive
        Of the research zone.
    folder : Path
        For the scanner's files.
    """
    images = dict.fromkeys(FOUR, head(grid_of(), blobs=[(CENTRE_MM, 6.0)]))
    return [_case(services, archive, folder / str(number), images, number) for number in range(len(SCALES))]


def _case(
    services: Services, archive: MemoryArchive, folder: Path, images: dict[SeriesRole, Volume], number: int
) -> Made:
    record, study = _study(folder, images, number, archive)
    order = JobOrder(
        job_id=str(uuid4()),
        case_id="case",
        attempt=1,
        pipeline="tumour_volumetry",
        version="0.1.0",
        current=study,
        prior=None,
    )
    outcome = _measured(order, archive, SCALES[number])
    made = make_case(services.sessions, study_uid=record.study_instance_uid, order=order, outcome=outcome)
    with services.sessions.begin() as session:
        services.vault_in(session).put(record)
        case = session.scalars(select(Case).where(Case.case_id == made.case_id)).one()
        case.pipeline, case.version = order.pipeline, order.version
        case.study_date_shifted = demo_visit(FIRST + number).started_at.strftime("%Y%m%d")
        if number < len(SCALES) - 1:
            verdicts = dict.fromkeys("123", Verdict.ACCEPTED.value)
            session.add(
                Review(
                    job_id=order.job_id,
                    acceptance=Acceptance.ACCEPTABLE.value,
                    rating=4,
                    verdicts=verdicts,
                    reader="anna",
                    signed_at=NOON,
                )
            )
            case.state = "archived"
    return made


def _study(
    folder: Path, images: dict[SeriesRole, Volume], number: int, archive: MemoryArchive
) -> tuple[StudyRecord, StudyOrder]:
    pseudonymiser = Pseudonymiser(KeyRing.from_secret(SECRET.encode(), KEY_ID), load_profile())
    written = write_study(
        folder, images, patient=DEMO_PATIENT, study=demo_visit(FIRST + number), scanner=DEMO_SCANNERS[number // 2]
    )
    builder, series = StudyRecordBuilder(pseudonymiser), {}
    for role in images:
        for file in (file for file in written.files if file.parent.name.endswith(f"_{role}")):
            original = file.read_bytes()
            cleaned = pseudonymise_instance(original, pseudonymiser)
            builder.add(cleaned, original)
            archive.store([cleaned.part10])
            series[role] = cleaned.series_instance_uid
    record = builder.build()
    return record, StudyOrder(study_instance_uid=record.study_instance_uid, series=series)


def _measured(order: JobOrder, archive: MemoryArchive, scale: float) -> JobOutcome:
    study = order.current
    series = {
        role: read_series(parse_part10(archive.retrieve_series(study.study_instance_uid, uid)))
        for role, uid in study.series.items()
    }
    result = result_of(series)
    volumes = result.volumes
    told = TumourVolumes(scale * volumes.core_ml, scale * volumes.hyperintensity_ml, scale * volumes.enhancing_ml)
    result = replace(result, findings=replace(result.findings, volumes=told))
    written = formats.write(MadeTumour(series, result).images, result, provenance_of(order))
    archive.store(to_part10(one.dataset) for one in written)
    outcome = JobOutcome(
        job_id=order.job_id,
        attempt=1,
        status=OutcomeStatus.SUCCEEDED,
        objects=tuple(one.stored for one in written),
    )
    return formats.succeeded(outcome, result)
