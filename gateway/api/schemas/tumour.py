"""A measured tumour on the case page."""

from __future__ import annotations

from datetime import date

from gateway.api.schemas.body import Body
from processing.domain.decision import Verdict
from processing.domain.side import Side


class TumourPartLine(Body):
    """A part of a tumour, and the reader's verdict so far."""

    number: int
    """Its label in the displayed map, and in the address of its verdict."""
    name: str
    volume_ml: float
    place: tuple[int, int, int]
    """(z, y, x) in the displayed volumes: the middle of its largest slice."""
    verdict: Verdict | None


class RatioLine(Body):
    """One of the volumetric ratios."""

    name: str
    value: float


class DiametersLine(Body):
    """The two diameters of the largest enhancing lesion on one slice (RANO)."""

    slice_index: int
    longest_mm: float
    perpendicular_mm: float
    measurable: bool


class VoteLine(Body):
    """What a segmenter contributed."""

    segmenter: str
    weights: list[float]
    """In the fusion of whole tumour, tumour core and enhancing tumour; 0 where its vote was dropped."""


class TumourState(Body):
    """What was found of a tumour."""

    parts: list[TumourPartLine]
    whole_ml: float
    side: Side | None
    ratios: list[RatioLine]
    diameters: DiametersLine | None
    votes: list[VoteLine]
    alarms: list[str]
    comparisons: int
    """How many could have raised an alarm."""
    risk: float
    """Part of them that did, 0 to 1."""


class EarlierTumour(Body):
    """An earlier study of the patient whose tumour was measured."""

    case_id: str
    study_date: date | None
    accepted: bool
    """Whether a reader signed it as acceptable with all its parts: only then it is compared."""


class FollowUp(Body):
    """A tumour over three time points: what there is to compare with, and what comes first."""

    earlier: list[EarlierTumour]
    """The newest first."""
    compared: bool
    """Whether two of them were accepted: then the case is read in steps."""
    eye_first: bool
    """Whether the images are to be read before any outline or volume is shown."""
