"""What the API says and accepts. The viewer's client is generated from these."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from gateway.access.roles import Role
from gateway.audit.trail import AuditAction, AuditOutcome
from gateway.review.visits import ImageKind
from processing.domain.case import CaseEvent, CaseState
from processing.domain.decision import Acceptance, Reading, Verdict
from processing.domain.priority import Priority
from processing.domain.result import LesionChange, Outline, Region, Side
from processing.domain.study import SeriesRole


class Body(BaseModel):
    """Unknown keys are errors, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Credentials(Body):
    """Of a local account."""

    user_name: str = Field(max_length=64)
    password: str = Field(max_length=256)


class SessionInfo(Body):
    """Who is signed in. `csrf_token` goes into the header X-CSRF-Token of every changing request."""

    user_name: str
    display_name: str
    role: Role
    csrf_token: str
    expires_at: datetime
    external: bool
    """Whether an identity provider answers for the person, who then has no password here."""
    confirmed_until: datetime | None
    """How long such a person may sign results before the provider is asked again."""


class SignInWays(Body):
    """How one may sign in, beside a local account."""

    provider: str | None
    """What the identity provider is called; none when there is none."""


class Patient(Body):
    """Identity, decrypted for a signed-in person."""

    name: str
    patient_id: str
    birth_date: str
    sex: str


class ProgressLine(Body):
    """What the worker is doing now."""

    stage: str
    fraction: float


class CaseSummary(Body):
    """A line of the worklist."""

    case_id: str
    revision: int
    readable_name: str
    patient: Patient
    study_date: str
    state: CaseState
    reason: str
    changed_at: datetime
    received_at: datetime
    pipeline: str
    version: str
    early: bool
    """A first look of the fast track, at the required series alone."""
    progress: ProgressLine | None
    new_lesions: int | None
    growing_lesions: int | None
    disputed_lesions: int | None
    """Found by one of two detectors only."""
    priority: Priority
    alarms: list[str]
    """Names of the quality figures outside their expected range."""
    notes: list[str] = []
    """What a person has to know or to decide: open questions, studies passed over, an earlier signature."""


class Worklist(Body):
    """All cases, those that want a reader first."""

    cases: list[CaseSummary]
    generated_at: datetime


class SeriesLine(Body):
    """One series of the study: taken for a role, or left, and why."""

    series_number: int | None
    modality: str
    instance_count: int
    role: SeriesRole | None
    reason: str


class EventLine(Body):
    """One line of the case's history."""

    at: datetime
    event: CaseEvent
    from_state: CaseState
    to_state: CaseState
    actor: str
    detail: str


class LesionLine(Body):
    """A lesion with its measurements and the reader's verdict so far."""

    number: int
    change: LesionChange
    volume_mm3: float
    prior_volume_mm3: float
    centroid_index: tuple[int, int, int]
    """(z, y, x) in the displayed volumes."""
    region: Region
    side: Side
    score: float
    outline: Outline
    measured_mm3: float | None
    """Where the reader corrected the outline, the volume within the algorithm's."""
    verdict: Verdict | None


class QualityLine(Body):
    """A quality figure of the images or of a step."""

    name: str
    value: float
    unit: str
    acceptable: bool


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
    blind_reading: Reading | None
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
    visual_reading: Reading | None
    """What the reader saw without the result."""
    second: SecondReaderState | None


class ReportState(Body):
    """The report's words."""

    draft: str
    """From the findings as they are now."""
    words: str
    """The reader's own, or the draft."""
    edited: bool
    outdated: bool
    """The findings changed after the reader wrote; it can't be signed so."""


class ReportChange(Body):
    """The reader's own words; empty ones take the draft again."""

    edit: int
    words: str = Field(max_length=12000)


class BlindReading(Body):
    """What a second reader sees in the images alone."""

    edit: int
    reading: Reading


class Consensus(Body):
    """What two readers of different opinions agreed to report."""

    edit: int
    words: str = Field(min_length=1, max_length=4000)


class Reopening(Body):
    """Why a signed case is opened again."""

    reason: str = Field(min_length=3, max_length=1000)
    password: str = Field(max_length=256)


class StoredLine(Body):
    """An object that Interval sent to a target."""

    target: str
    kind: str
    sop_class_uid: str
    sop_class_name: str
    confirmed_at: datetime | None


class CaseDetail(Body):
    """Everything that the case page shows, without pixels."""

    summary: CaseSummary
    prior_study_date: str | None
    series: list[SeriesLine]
    lesions: list[LesionLine]
    lesions_hidden: bool
    """Whoever asks has to read the images alone first: that no lesion stands here then says nothing."""
    quality: list[QualityLine]
    warnings: list[str]
    review: ReviewState | None
    events: list[EventLine]
    deliveries: list[StoredLine]


class ImageLine(Body):
    """An image that the case page can show; all lie on the current FLAIR's grid."""

    name: str
    """For the address of its header and pixels."""
    kind: ImageKind
    visit: int
    """0 is the current study, 1 the prior, 2 and more the ones before."""
    role: SeriesRole
    study_date: str


class VisitLine(Body):
    """A study of the comparison."""

    visit: int
    study_date: str
    scanner: str


class ImageList(Body):
    """What there is to look at in a case."""

    result: str
    """Names the result; another one when the case was measured again."""
    images: list[ImageLine]
    visits: list[VisitLine]


class ImageHeader(Body):
    """Geometry of a volume. The pixels follow as raw little-endian bytes from `.../pixels`, x fastest."""

    name: str
    shape: tuple[int, int, int]
    """(z, y, x)."""
    spacing_mm: tuple[float, float, float]
    """(z, y, x)."""
    origin_mm: tuple[float, float, float]
    """LPS (x, y, z) of the first voxel's centre."""
    directions: list[list[float]]
    """Three LPS unit vectors: along x (columns), y (rows), z (slices)."""
    pixel_type: str
    """`int16` or `uint8`."""
    window_center: float
    window_width: float
    study_date: str


class VerdictChange(Body):
    """A reader's verdict on one lesion; none takes it back."""

    edit: int
    verdict: Verdict | None


class OutlineMask(Body):
    """Voxels in a box of the displayed volumes' grid."""

    first: tuple[int, int, int]
    """(z, y, x)."""
    size: tuple[int, int, int]
    """(z, y, x)."""
    bits: str
    """One bit per voxel, x fastest, most significant bit first; compressed with zlib, in base64."""


class OutlineLine(Body):
    """An outline that the reader drew."""

    number: int
    mask: OutlineMask


class Outlines(Body):
    """Every outline of the reader's that stands in place of the algorithm's, or of a lesion that it missed."""

    edit: int
    outlines: list[OutlineLine]


class GrowRequest(Body):
    """A click into a lesion that the algorithm missed."""

    index: tuple[int, int, int]
    """(z, y, x)."""
    level: float = Field(default=0.5, ge=0.1, le=0.9)
    """Between the intensity of the surroundings (0) and of the lesion's peak (1); lower grows further."""


class GrownRegion(Body):
    """What hangs together with the click. Nothing is stored yet."""

    mask: OutlineMask
    volume_mm3: float
    side: Side
    """A proposal by the middle of the head."""


class OutlineChange(Body):
    """A reader's outline of a lesion; region and side are given for one that the algorithm missed."""

    edit: int
    mask: OutlineMask
    region: Region | None = None
    side: Side | None = None


class DrawnReview(Body):
    """The review after an outline changed."""

    review: ReviewState
    lesions: list[LesionLine]


class AssessmentChange(Body):
    """A reader's verdict on the whole."""

    edit: int
    acceptance: Acceptance | None
    rating: int | None = Field(ge=1, le=5)
    comment: str = Field(max_length=4000)
    visual_reading: Reading | None = None


class Signature(Body):
    """Signing needs the password again and the edit that the reader saw."""

    edit: int
    password: str = Field(max_length=256)


class QuarantineLine(Body):
    """An upload that is no usable DICOM object."""

    upload_id: int
    at: datetime
    source: str
    size_bytes: int
    reason: str


class Quarantine(Body):
    """Everything that waits for an operator's decision."""

    cases: list[CaseSummary]
    uploads: list[QuarantineLine]


class UploadResult(Body):
    """What became of the parts of an upload."""

    accepted: int
    quarantined: list[QuarantineLine]


class PatientCorrection(Body):
    """An operator's confirmation that the patient's data changed in the clinical archive."""

    reason: str = Field(min_length=1, max_length=500)
    """Kept and shown; it should name nobody."""
    merge: bool = False
    """The studies are now filed under another patient ID; without it only name, birth date or sex may differ."""


class CorrectionDone(Body):
    """What a confirmation changed."""

    studies: int
    prepared_again: int
    """Cases whose measurements are made anew."""


class CorrectionLine(Body):
    """One change in the vault; it holds no identity."""

    at: datetime
    operation: str
    actor: str
    reason: str
    pseudonym: str
    new_pseudonym: str
    changed: list[str]
    """Keywords of the attributes that changed, without their values."""


class Corrections(Body):
    """Every change in the vault, the newest first."""

    corrections: list[CorrectionLine]


class AuditLine(Body):
    """One entry of the audit trail; it names no patient."""

    sequence: int
    at: datetime
    action: AuditAction
    outcome: AuditOutcome
    actor: str
    role: str
    case_id: str | None
    pseudonyms: list[str]
    detail: str


class AuditPage(Body):
    """Entries of the audit trail, the newest first."""

    entries: list[AuditLine]
    more: bool


class AuditVerification(Body):
    """What came of looking at every entry's hash."""

    entries: int
    head: str
    """Of the newest entry; kept elsewhere, it shows later that nothing before it was changed."""
    problem: str
    """Empty when the trail is whole."""


class ComponentHealth(Body):
    """One thing that the gateway depends on."""

    name: str
    ready: bool
    detail: str


class Health(Body):
    """Ready when every component is."""

    ready: bool
    version: str
    components: list[ComponentHealth]


class Problem(Body):
    """Every error of the API: one sentence in the user's words."""

    detail: str
