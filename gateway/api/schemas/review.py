"""A review while it is open, and once it is signed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from gateway.api.schemas.body import Body
from processing.domain.decision import Acceptance, Reading, TumourReading, Verdict


class SecondStage(StrEnum):
    """Where a second reading stands, for the person who asks."""

    WAITING = "waits for another reader"
    BLIND = "read the images alone first"
    IN_LINE = "both readers agree"
    DIFFERS = "the readers differ"


class SecondReaderState(Body):
    """What a second reader has said; nothing of the first opinion while they still read blind."""

    stage: SecondStage
    reader: str | None
    blind_reading: Reading | TumourReading | None
    consensus: str


class ReviewState(Body):
    """The open or signed review."""

    edit: int
    acceptance: Acceptance | None
    rating: int | None
    comment: str
    reader: str | None
    signed_at: datetime | None
    edition: int
    """2 and more: the case was reopened."""
    visual_reading: Reading | TumourReading | None
    """What the reader saw without the result."""
    visual_diameters_mm: tuple[float, float] | None
    """Longest and perpendicular, as the reader measured a tumour by eye."""
    volume_reading: TumourReading | None
    """What the reader concluded of a tumour with its volumes."""
    second: SecondReaderState | None


class BlindReading(Body):
    """What a second reader sees in the images alone."""

    edit: int
    reading: Reading | TumourReading


class Consensus(Body):
    """What two readers of different opinions agreed to report."""

    edit: int
    words: str = Field(min_length=1, max_length=4000)


class Reopening(Body):
    """Why a signed case is opened again."""

    reason: str = Field(min_length=3, max_length=1000)
    password: str = Field(max_length=256)


class VerdictChange(Body):
    """A reader's verdict on one lesion; none takes it back."""

    edit: int
    verdict: Verdict | None


class AssessmentChange(Body):
    """A reader's verdict on the whole."""

    edit: int
    acceptance: Acceptance | None
    rating: int | None = Field(ge=1, le=5)
    comment: str = Field(max_length=4000)
    visual_reading: Reading | None = None


class EyeReading(Body):
    """What a reader sees of a tumour over three time points in the images alone, and measures there."""

    edit: int
    reading: TumourReading
    diameters_mm: tuple[float, float] | None = None
    """Longest and perpendicular, where the lesion can be measured."""


class VolumeReading(Body):
    """What the reader concludes with the volumes."""

    edit: int
    reading: TumourReading


class Signature(Body):
    """Signing needs the password again and the edit that the reader saw."""

    edit: int
    password: str = Field(max_length=256)
