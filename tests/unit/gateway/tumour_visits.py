"""A patient's measured tumours, visit by visit."""

from __future__ import annotations

from datetime import timedelta

from pydicom.dataset import Dataset

from gateway.db.tables import Case, Review
from gateway.flow import Services
from processing.domain.decision import Acceptance, Verdict
from processing.domain.messages import JobOutcome, OutcomeStatus
from processing.domain.tumour import Diameters, TumourFindings, TumourVolumes
from tests.unit.gateway.front import NOON, Made, make_case
from tests.unit.gateway.front_result import Compared


def findings(scale: float) -> TumourFindings:
    volumes = TumourVolumes(core_ml=5.0 * scale, hyperintensity_ml=30.0 * scale, enhancing_ml=10.0 * scale)
    return TumourFindings(volumes, Diameters(12, 30.0 * scale, 20.0), (), (), 30, ((3, 4, 5),) * 3)


def visit(services: Services, compared: Compared, day: str, outcome: JobOutcome, pipeline: str) -> Made:
    """A case of the demo patient on a day, with a result that nobody has looked at."""
    study_uid = f"{compared.current.study_instance_uid[:50]}.{day}"
    general = Dataset.from_json(compared.current.general_study_module)
    general.StudyDate = day
    record = compared.current.model_copy(
        update={"study_instance_uid": study_uid, "general_study_module": general.to_json()}
    )
    made = make_case(services.sessions, study_uid=study_uid, lesions=outcome.lesions)
    with services.sessions.begin() as session:
        services.vault_in(session).put(record)
        case = session.get_one(Case, made.case_id)
        case.pipeline = pipeline
        case.study_date_shifted = day
        (job,) = case.jobs
        job.order = job.order | {"pipeline": pipeline, "version": "0.1.0"}
        job.outcome = outcome.model_copy(update={"job_id": job.job_id}).model_dump(mode="json")
    return made


def sign(
    services: Services, made: Made, verdicts: dict[str, str], acceptance: Acceptance = Acceptance.ACCEPTABLE
) -> None:
    with services.sessions.begin() as session:
        session.add(
            Review(
                job_id=made.job_id,
                acceptance=acceptance.value,
                rating=4,
                verdicts=verdicts,
                reader="anna",
                signed_at=NOON + timedelta(hours=1),
            )
        )


def outcome(**found: object) -> JobOutcome:
    return JobOutcome.model_validate({"job_id": "x", "attempt": 1, "status": OutcomeStatus.SUCCEEDED} | found)


def tumour(services: Services, compared: Compared, day: str, scale: float, *, signed: bool = True) -> Made:
    made = visit(services, compared, day, outcome(tumour=findings(scale)), "tumour_volumetry")
    if signed:
        sign(services, made, dict.fromkeys("123", Verdict.ACCEPTED.value))
    return made
