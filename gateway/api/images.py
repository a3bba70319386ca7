"""The three volumes of the case page."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response, status

from gateway.api.case_view import clinical_study_date
from gateway.api.deps import Reader, ReadSession, State
from gateway.api.problems import problems
from gateway.api.schemas import ImageHeader, ImageName
from gateway.db.tables import Case
from gateway.jobs import store
from gateway.review.images import ReviewVolume
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus

router = APIRouter(prefix="/cases/{case_id}/images", tags=["images"])


@router.get("/{name}", operation_id="getImage", responses=problems(401, 403, 404, 503))
def get_image(_: Reader, case_id: str, name: ImageName, state: State, session: ReadSession) -> ImageHeader:
    """Geometry of a volume and how to show it."""
    case, volume = _volume(case_id, name, state, session)
    shown = case
    if name is ImageName.PRIOR:
        prior = store.get_case(session, case.prior_case_id) if case.prior_case_id else None
        if prior is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, "This case has no prior study.")
        shown = prior
    return ImageHeader(
        name=name,
        shape=volume.grid.shape,
        spacing_mm=volume.grid.spacing_mm,
        origin_mm=_triple(volume.grid.origin_mm.tolist()),
        # The grid's columns are z, y, x; the viewer counts x first.
        directions=volume.grid.directions.T[::-1].tolist(),
        pixel_type=volume.pixel_type,
        window_center=volume.window_center,
        window_width=volume.window_width,
        study_date=clinical_study_date(shown, state.services),
    )


@router.get(
    "/{name}/pixels",
    operation_id="getPixels",
    response_class=Response,
    responses=problems(401, 403, 404, 503)
    | {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_pixels(_: Reader, case_id: str, name: ImageName, state: State, session: ReadSession) -> Response:
    """Return the voxels, little-endian, x fastest, then y, then z: int16, or uint8 for the lesions' numbers."""
    _case, volume = _volume(case_id, name, state, session)
    return Response(volume.pixels, media_type="application/octet-stream")


def _volume(case_id: str, name: ImageName, state: State, session: ReadSession) -> tuple[Case, ReviewVolume]:
    case = store.get_case(session, case_id)
    job = store.latest_job(case) if case is not None else None
    outcome = JobOutcome.model_validate(job.outcome) if job is not None and job.outcome else None
    if case is None or job is None or outcome is None or outcome.status is not OutcomeStatus.SUCCEEDED:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There are no images to review, or not yet.")
    volumes = state.images.volumes(JobOrder.model_validate(job.order), outcome)
    return case, volumes.named(name.value)


def _triple(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
