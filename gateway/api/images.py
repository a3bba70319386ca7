"""The images of the case page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response, status
from sqlalchemy.orm import Session

from gateway.access.accounts import SignedIn
from gateway.api.case_rows import CaseRows, read_case
from gateway.api.case_view import clinical_study_date
from gateway.api.cases import rows_of
from gateway.api.deps import ApiState, Reader, State
from gateway.api.problems import problems
from gateway.api.schemas import ImageHeader, ImageLine, ImageList, VisitLine
from gateway.db.tables import Case
from gateway.review.decisions import rejected
from gateway.review.display import ReviewVolume
from gateway.review.visits import Comparison, ImageKind, ReviewImage, chain, review_images
from processing.domain.imaging import Grid
from processing.domain.messages import JobOrder

router = APIRouter(prefix="/cases/{case_id}/images", tags=["images"])

MOST_VISITS = 10
"""How far back in time the page offers studies."""

ImageName = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,32}$")]


@dataclass(frozen=True, eq=False)
class Shown:
    """A case's images, and the case of each visit."""

    rows: CaseRows
    comparison: Comparison
    images: dict[str, ReviewImage]
    visits: Sequence[Case | None]


@router.get("", operation_id="listImages", responses=problems(401, 403, 404, 503))
def list_images(who: Reader, case_id: str, state: State) -> ImageList:
    """Every series of every compared visit, and what the worker made of them."""
    shown = _shown(case_id, state, who)
    dates = [clinical_study_date(case, state.identities) if case is not None else "" for case in shown.visits]
    flairs = {
        image.visit: image
        for image in shown.images.values()
        if image.kind is ImageKind.SERIES and image.role is shown.comparison.reference
    }
    return ImageList(
        result=shown.comparison.key,
        images=[
            ImageLine(
                name=image.name,
                kind=image.kind,
                visit=image.visit,
                role=image.role,
                study_date=dates[image.visit],
            )
            for image in shown.images.values()
        ],
        visits=[
            VisitLine(visit=visit, study_date=dates[visit], scanner=state.images.scanner(flairs[visit]))
            for visit in sorted(flairs)
        ],
    )


@router.get("/{name}", operation_id="getImage", responses=problems(401, 403, 404, 409, 503))
def get_image(who: Reader, case_id: str, name: ImageName, state: State) -> ImageHeader:
    """Geometry of a volume and how to show it."""
    shown = _shown(case_id, state, who)
    volume = _volume(shown, name, state)
    case = shown.visits[shown.images[name].visit]
    return ImageHeader(
        name=name,
        shape=volume.grid.shape,
        spacing_mm=volume.grid.spacing_mm,
        origin_mm=_triple(volume.grid.origin_mm.tolist()),
        directions=viewer_directions(volume.grid),
        pixel_type=volume.pixel_type,
        window_center=volume.window_center,
        window_width=volume.window_width,
        study_date=clinical_study_date(case, state.identities) if case is not None else "",
    )


@router.get(
    "/{name}/pixels",
    operation_id="getPixels",
    response_class=Response,
    responses=problems(401, 403, 404, 409, 503)
    | {200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_pixels(who: Reader, case_id: str, name: ImageName, state: State) -> Response:
    """Return the voxels, little-endian, x fastest, then y, then z: int16, or uint8 for few lesions' numbers."""
    shown = _shown(case_id, state, who)
    volume = _volume(shown, name, state)
    pixels = volume.pixels
    if name == "lesions" and shown.rows.withheld:
        # An empty map and not 404: the page then still shows current and prior.
        pixels = bytes(len(pixels))
    return Response(pixels, media_type="application/octet-stream")


def comparison_of(rows: CaseRows) -> Comparison:
    """Return a case's finished comparison, or refuse with 404."""
    if rows.job is None or rows.result is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There are no images to review, or not yet.")
    return Comparison(JobOrder.model_validate(rows.job.order), rows.result)


def _shown(case_id: str, state: ApiState, who: SignedIn) -> Shown:
    rows = rows_of(case_id, state, who)
    state.disclosures.of_case(who, rows.case, images=True)
    comparison = comparison_of(rows)
    with state.read_sessions() as session:
        older = _older(session, rows.prior)
    linked = chain(comparison, [comparison for _case, comparison in older])
    visits = [rows.case, rows.prior, *(case for case, _comparison in older[: len(linked)])]
    images = review_images(comparison, linked)
    if rows.images_alone:
        # What the algorithm subtracted is no image that the scanner made.
        images = {name: image for name, image in images.items() if image.kind is not ImageKind.SUBTRACTION}
    return Shown(rows, comparison, images, visits)


def _older(session: Session, case: Case | None) -> list[tuple[Case | None, Comparison]]:
    """Return the comparisons before this one, back in time, each with the case of its prior.

    One that a reader rejected leads nowhere: its registration may be the reason.
    """
    found: list[tuple[Case | None, Comparison]] = []
    while case is not None and len(found) < MOST_VISITS:
        rows = read_case(session, case.case_id)
        if rows is None or rows.job is None or rows.result is None or rejected(rows.review):
            break
        found.append((rows.prior, Comparison(JobOrder.model_validate(rows.job.order), rows.result)))
        case = rows.prior
    return found


def _volume(shown: Shown, name: str, state: ApiState) -> ReviewVolume:
    image = shown.images.get(name)
    if image is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "The case has no image of this name.")
    return state.images.volume(shown.comparison, image)


def viewer_directions(grid: Grid) -> list[list[float]]:
    """Return the LPS unit vectors along x (columns), y (rows) and z (slices): the grid counts z, y, x."""
    vectors: list[list[float]] = grid.directions.T[::-1].tolist()
    return vectors


def _triple(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
