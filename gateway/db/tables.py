"""The gateway's tables.

They hold pseudonyms and pseudonymous UIDs only. Who a patient is, and what a UID was before, stands in the rows
of `vault_entries`, encrypted. `Case.state` is changed only by `gateway.jobs.store.record`, which writes the event
in the same transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone in Python and UTC in every database (SQLite keeps no zone of its own)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature of SQLAlchemy
        """Refuse a naive time: it would silently mean another moment elsewhere."""
        if value is not None and value.tzinfo is None:
            raise ValueError("times carry their zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature of SQLAlchemy
        """Give every time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Naming convention, so that migrations can name every constraint on every database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[dict[str, Any]]: JSON}  # noqa: RUF012 - SQLAlchemy's way


class ChangesCursor(Base):
    """How far the clinical archive's list of changes has been read (one row)."""

    __tablename__ = "changes_cursor"

    archive: Mapped[str] = mapped_column(String(32), primary_key=True)
    last_change: Mapped[int]


class Case(Base):
    """One revision of one study on its way."""

    __tablename__ = "cases"
    __table_args__ = (UniqueConstraint("study_uid", "revision"),)

    case_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    study_uid: Mapped[str] = mapped_column(String(64), index=True)
    """Pseudonymous StudyInstanceUID."""
    revision: Mapped[int] = mapped_column(default=1)
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    readable_name: Mapped[str] = mapped_column(String(64))
    study_date_shifted: Mapped[str] = mapped_column(String(8), default="")
    """YYYYMMDD, shifted: enough to order one patient's studies in time."""
    state: Mapped[str] = mapped_column(String(48), index=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    pipeline: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[str] = mapped_column(String(32), default="")
    route: Mapped[str] = mapped_column(String(64), default="")
    """Name of the route that matched when the study was last examined."""
    explanation: Mapped[dict[str, Any] | None]
    """`gateway.routes.explanation.Explanation` as JSON: why this route, and why each series. Holds no identity."""
    priority: Mapped[str] = mapped_column(String(16), default="routine")
    """`processing.domain.priority.Priority`."""
    early: Mapped[bool] = mapped_column(default=False)
    """Measured on the first FLAIR series alone, before the study was complete: the fast track's own revision."""
    question: Mapped[str] = mapped_column(Text, default="")
    """What a person has to decide about the patient's studies; it stays until the study is examined again."""
    prior_case_id: Mapped[str | None] = mapped_column(ForeignKey("cases.case_id"))
    instance_count: Mapped[int] = mapped_column(default=0)
    received_at: Mapped[datetime]
    last_image_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often the gateway's present step failed in a way that is worth another try; jobs count their own."""
    not_before: Mapped[datetime | None]
    """Back-off: no step starts earlier."""

    series: Mapped[list[Series]] = relationship(back_populates="case", cascade="all, delete-orphan")
    events: Mapped[list[Event]] = relationship(back_populates="case", order_by="Event.event_id")
    jobs: Mapped[list[Job]] = relationship(back_populates="case", order_by="Job.number")


class CaseImages(Base):
    """Which images a case was complete with, so that the same ones sent again are told from others."""

    __tablename__ = "case_images"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    listing: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed digest of the archive's own list of them: while it is the same nobody has to ask which images they are."""
    digests: Mapped[bytes] = mapped_column(LargeBinary)
    """Keyed digests of the SOP Instance UIDs, 16 bytes each, sorted."""
    ignored: Mapped[int] = mapped_column(default=0)
    """Images of modalities that no route takes."""


class PriorSearch(Base):
    """Asking the PACS for a case's earlier studies: open until everything that it takes is fetched or given up."""

    __tablename__ = "prior_searches"

    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    """Back-off, and while somebody searches until when nobody else does."""
    fetched: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Pseudonymous StudyInstanceUIDs of what was fetched, in that order."""
    more: Mapped[bool] = mapped_column(default=False)
    """Whether the PACS holds further earlier studies that were not fetched."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """How it stands, or how it ended, in one sentence without identity."""


class Series(Base):
    """One series of a case: what it was taken for, or why it was left."""

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("case_id", "series_uid"),)

    series_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    series_uid: Mapped[str] = mapped_column(String(64))
    """Pseudonymous SeriesInstanceUID."""
    series_number: Mapped[int | None]
    modality: Mapped[str] = mapped_column(String(16), default="")
    instance_count: Mapped[int] = mapped_column(default=0)
    role: Mapped[str | None] = mapped_column(String(16))
    """Role that it was chosen for; none when it was left."""
    reason: Mapped[str] = mapped_column(Text, default="")

    case: Mapped[Case] = relationship(back_populates="series")


class Event(Base):
    """Append-only: what happened to a case. Replaying a case's events gives its state."""

    __tablename__ = "events"

    event_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(48))
    from_state: Mapped[str] = mapped_column(String(48))
    to_state: Mapped[str] = mapped_column(String(48))
    actor: Mapped[str] = mapped_column(String(64))
    """A user name, or the step that acted."""
    detail: Mapped[str] = mapped_column(Text, default="")

    case: Mapped[Case] = relationship(back_populates="events")


class Job(Base):
    """One order to a worker and what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    job_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    number: Mapped[int] = mapped_column(default=1)
    """Counts the case's jobs."""
    attempt: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    heard_at: Mapped[datetime | None]
    """When the worker last said something about it."""
    finished_at: Mapped[datetime | None]
    order: Mapped[dict[str, Any]]
    """`JobOrder` as JSON."""
    outcome: Mapped[dict[str, Any] | None]
    """`JobOutcome` as JSON."""
    stage: Mapped[str] = mapped_column(String(64), default="")
    fraction: Mapped[float] = mapped_column(Float, default=0.0)
    withdrawn_at: Mapped[datetime | None]
    """When what a job without a result may have stored was removed from the research archive."""

    case: Mapped[Case] = relationship(back_populates="jobs")
    review: Mapped[Review | None] = relationship(uselist=False, viewonly=True)


class OutboxMessage(Base):
    """A message that follows from a committed write; the relay sends it and then marks it."""

    __tablename__ = "outbox"

    message_id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None] = mapped_column(index=True)
    queue: Mapped[str] = mapped_column(String(32))
    task: Mapped[str] = mapped_column(String(64))
    body: Mapped[dict[str, Any]]


class Review(Base):
    """A reader's review of one job's result; open until `signed_at` is set, then never changed unless reopened.

    Free text is sealed (`gateway.sealing`): it may name a patient.
    """

    __tablename__ = "reviews"

    review_id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.job_id"), unique=True)
    acceptance: Mapped[str | None] = mapped_column(String(16))
    rating: Mapped[int | None]
    comment: Mapped[str] = mapped_column(Text, default="")
    verdicts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """Lesion number (as text) to verdict."""
    edit: Mapped[int] = mapped_column(default=0)
    """Counts the changes, so that two open browser tabs can't overwrite each other unseen."""
    reader: Mapped[str | None] = mapped_column(ForeignKey("users.user_name"))
    signed_at: Mapped[datetime | None]
    edition: Mapped[int] = mapped_column(default=1, server_default="1")
    """One more each time that the signed case was reopened; what stood before is in `earlier_reviews`."""
    report: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The reader's own words, sealed; empty while the draft stands, and always there once signed."""
    report_basis: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """Digest of the findings that the reader saw when writing."""
    visual_reading: Mapped[str | None] = mapped_column(String(32))
    """What the reader saw without the result."""
    first_signed_at: Mapped[datetime | None]
    """When the first reader signed a case that wanted a second one."""
    second_reader: Mapped[str | None] = mapped_column(String(64))
    blind_reading: Mapped[str | None] = mapped_column(String(32))
    blind_at: Mapped[datetime | None]
    consensus: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Sealed, as the comment is."""

    account: Mapped[User | None] = relationship(viewonly=True, lazy="joined")


class EarlierReview(Base):
    """A review as it was signed, before its case was reopened. Rows are only added."""

    __tablename__ = "earlier_reviews"
    __table_args__ = (UniqueConstraint("review_id", "edition"),)

    earlier_review_id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.review_id"))
    edition: Mapped[int]
    reopened_at: Mapped[datetime]
    reopened_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """Sealed, like every free text here."""
    acceptance: Mapped[str] = mapped_column(String(16))
    rating: Mapped[int]
    comment: Mapped[str] = mapped_column(Text)
    verdicts: Mapped[dict[str, Any]]
    report: Mapped[str] = mapped_column(Text)
    visual_reading: Mapped[str | None] = mapped_column(String(32))
    reader: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime]
    second_reader: Mapped[str | None] = mapped_column(String(64))
    blind_reading: Mapped[str | None] = mapped_column(String(32))
    consensus: Mapped[str] = mapped_column(Text)


class AuditEntry(Base):
    """One line of the audit trail; see `gateway.audit.trail`. Only ever added to: the database refuses the rest."""

    __tablename__ = "audit_trail"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 and so on, without a gap."""
    at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(32))
    outcome: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    case_id: Mapped[str | None] = mapped_column(String(36), index=True)
    pseudonyms: Mapped[list[str]] = mapped_column(JSON)
    """Of the patients concerned; the trail itself names nobody."""
    detail: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(String(64))
    entry_hash: Mapped[str] = mapped_column(String(64))


class LesionEdit(Base):
    """What a reader drew: a lesion's outline, beside the algorithm's own and never over it.

    Rows are only added, and the database itself refuses anything else; the newest of a lesion's number in a review
    is what stands. The mask lies on the current FLAIR's grid, in a box of it.
    """

    __tablename__ = "lesion_edits"

    edit_id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("reviews.review_id"), index=True)
    number: Mapped[int]
    """Of the lesion; above the algorithm's own numbers for one that it missed."""
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    """drawn, or taken back: then the algorithm's own outline stands again, and an added lesion is gone."""
    region: Mapped[str] = mapped_column(String(32), default="")
    side: Mapped[str] = mapped_column(String(16), default="")
    """Region and side as the reader said them; only of an added lesion."""
    box: Mapped[list[int]] = mapped_column(JSON)
    """First index (z, y, x), then size (z, y, x)."""
    mask: Mapped[bytes] = mapped_column(LargeBinary)
    """One bit per voxel of the box, in its order, most significant bit first, compressed with zlib."""
    volume_mm3: Mapped[float] = mapped_column(Float, default=0.0)
    centroid_index: Mapped[list[int]] = mapped_column(JSON)
    """Of a voxel (z, y, x) inside the lesion, near its middle."""


class Consignment(Base):
    """A case's objects on their way to one target, with its own retries: no target waits for another."""

    __tablename__ = "consignments"
    __table_args__ = (UniqueConstraint("case_id", "target"),)

    consignment_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    """`gateway.dispatch.consignments.ConsignmentState`."""
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    """Back-off: nothing is sent earlier."""
    reason: Mapped[str] = mapped_column(Text, default="")
    """What it waits for, or why the target refuses it, without identity."""
    transaction_uid: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Of the storage commitment that is asked for; only who was asked knows it."""
    asked_at: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    """How often commitment was asked for."""


class Gate(Base):
    """Whether a queue or a target lets work pass; one without a row does."""

    __tablename__ = "gates"

    name: Mapped[str] = mapped_column(String(96), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    """`gateway.jobs.gates.Mode`."""
    changed_at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text, default="")


class ScheduledStudy(Base):
    """A study that was announced before its images; only the pseudonym of its patient is kept."""

    __tablename__ = "scheduled_studies"

    scheduled_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    priority: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime]


class Delivery(Base):
    """One object on its way to one target; archived only when every delivery is confirmed."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("target", "sop_instance_uid"),)

    delivery_id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), index=True)
    target: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    sop_instance_uid: Mapped[str] = mapped_column(String(64))
    """Of the object as sent. It is Interval's own derived UID, never one of the patient's images."""
    acknowledged_at: Mapped[datetime | None]
    """When the target said that it took the object."""
    confirmed_at: Mapped[datetime | None]
    """When it was certain that the target keeps it."""
    confirmed_by: Mapped[str] = mapped_column(String(32), default="")
    """How: storage commitment, or reading back; empty before, and for what was sent by older versions."""


class VaultEntry(Base):
    """An encrypted row of the vault; see `gateway.pseudonymise.vault`."""

    __tablename__ = "vault_entries"

    row_key: Mapped[str] = mapped_column(String(128), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)


class Correction(Base):
    """What an operator changed in the vault. Only ever added to: the database itself refuses anything else."""

    __tablename__ = "corrections"

    correction_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    operation: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """In the operator's words."""
    study_uid: Mapped[str] = mapped_column(String(64), index=True)
    """Pseudonymous StudyInstanceUID before; another afterwards only when the patients lived under different keys."""
    new_study_uid: Mapped[str] = mapped_column(String(64))
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    new_pseudonym: Mapped[str] = mapped_column(String(64))
    changed: Mapped[str] = mapped_column(Text)
    """Keywords of the attributes that changed, with spaces between them, without values."""


class QuarantinedUpload(Base):
    """Something that was sent to us and is no usable DICOM object: kept, with the reason, until someone decides."""

    __tablename__ = "quarantined_uploads"

    upload_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size_bytes: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(64))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    """The bytes themselves, encrypted like the vault: nobody knows yet what is in them."""


class VersionPermit(Base):
    """An operator's permission to route cases to a version that the validation gate has not passed."""

    __tablename__ = "version_permits"

    permit_id: Mapped[int] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(64), index=True)
    version: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text)
    """In the operator's words."""
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(String(64), default="")


class ReferenceStudy(Base):
    """A study that is a reference case of validation: readers rate it without being told the version."""

    __tablename__ = "reference_studies"
    __table_args__ = (UniqueConstraint("dataset", "name"),)

    study_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Pseudonymous StudyInstanceUID."""
    dataset: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(64))


class User(Base):
    """A local account."""

    __tablename__ = "users"

    user_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256))
    failed_logins: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(String(255), unique=True, index=True)
    """Of an account that an identity provider answers for: its issuer and subject. It has no password here."""


class LoginSession(Base):
    """A signed-in browser; the cookie holds the token, the table only its hash."""

    __tablename__ = "login_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.user_name"))
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    """When it was last used, to the minute; none of a session from before this was kept."""
    confirmed_at: Mapped[datetime | None]
    """When an identity provider last asked the person for their password."""


class ReadingStudy(Base):
    """A set of cases that several readers read twice, with and without the lesions shown."""

    __tablename__ = "reading_studies"

    study_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    title: Mapped[str] = mapped_column(String(128))
    seed: Mapped[int]
    """Of the random orders."""
    washout_days: Mapped[int]
    """Between a reader's last reading of the first phase and the first of the second."""
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]


class ReadingStudyCase(Base):
    """A case of a reading study, with what is true of it where somebody knows."""

    __tablename__ = "reading_study_cases"

    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.case_id"), primary_key=True)
    reference: Mapped[str | None] = mapped_column(String(32))


class StudyReading(Base):
    """One reading: planned with its place in the order, then shown, then signed and never changed."""

    __tablename__ = "study_readings"
    __table_args__ = (UniqueConstraint("study_id", "reader", "phase", "position"),)

    reading_id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"))
    reader: Mapped[str] = mapped_column(String(64))
    phase: Mapped[int]
    position: Mapped[int]
    case_id: Mapped[str] = mapped_column(String(36))
    overlay: Mapped[bool]
    shown_at: Mapped[datetime | None]
    signed_at: Mapped[datetime | None]
    reading: Mapped[str | None] = mapped_column(String(32))
    new_lesions: Mapped[int | None]
    rating: Mapped[int | None]


class StudySurvey(Base):
    """A reader's answers before or after a reading study."""

    __tablename__ = "study_surveys"

    study_id: Mapped[str] = mapped_column(ForeignKey("reading_studies.study_id"), primary_key=True)
    reader: Mapped[str] = mapped_column(String(64), primary_key=True)
    moment: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]
    answers: Mapped[dict[str, Any]]
