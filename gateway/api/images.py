"""The three volumes of the case page."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response, status

from gateway.api.case_view import CaseRows, clinical_study_date
from gateway.api.cases import rows_of
from gateway.api.deps import ApiState, Reader, State
from gateway.api.problems import problems
from gateway.api.schemas import ImageHeader, ImageName
from gateway.review.decisions import rejected
from gateway.review.images import ReviewVolume
from processing.domain.imaging import Grid
from processing.domain.messages import JobOrder

router = APIRouter(prefix="/cases/{case_id}/images", tags=["images"])


@router.get("/{name}", operation_id="getImage", responses=problems(401, 403, 404, 503))
def get_image(_: Reader, case_id: str, name: ImageName, state: State) -> ImageHeader:
    """Geometry of a volume and how to show it."""
    rows, volume = _volume(case_id, name, state)
    shown = rows.prior if name is ImageName.PRIOR else rows.case
    return ImageHeader(
        name=name,
        shape=volume.grid.shape,
        spacing_mm=volume.grid.spacing_mm,
        origin_mm=_triple(volume.grid.origin_mm.tolist()),
        directions=viewer_directions(volume.grid),
        pixel_type=volume.pixel_type,
        window_center=volume.window_center,
        window_width=volume.window_width,
        study_date=clinical_study_date(shown, state.identities) if shown is not None else "",
    )


@router.get(
    "/{name}/pixels",
    operation_id="getPixels",
    response_class=Response,
    responses=problems(401, 403, 404, 503)
    | {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_pixels(_: Reader, case_id: str, name: ImageName, state: State) -> Response:
    """Return the voxels, little-endian, x fastest, then y, then z: int16, or uint8 for the lesions' numbers."""
    _rows, volume = _volume(case_id, name, state)
    return Response(volume.pixels, media_type="application/octet-stream")


def _volume(case_id: str, name: ImageName, state: ApiState) -> tuple[CaseRows, ReviewVolume]:
    rows = rows_of(case_id, state)
    if rows.job is None or rows.result is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There are no images to review, or not yet.")
    volumes = state.images.volumes(JobOrder.model_validate(rows.job.order), rows.result)
    if rejected(rows.review):
        # An empty map and not 404: the page then still shows current and prior.
        volumes = volumes.without_lesions()
    return rows, volumes.named(name.value)


def viewer_directions(grid: Grid) -> list[list[float]]:
    """Return the LPS unit vectors along x (columns), y (rows) and z (slices): the grid counts z, y, x."""
    vectors: list[list[float]] = grid.directions.T[::-1].tolist()
    return vectors


def _triple(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
