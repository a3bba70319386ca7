"""What readers decide and draw."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gateway.db.tables.access import User
from gateway.db.tables.base import Base


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
    language: Mapped[str] = mapped_column(String(2), default="en", server_default="en")
    """Of the report; the site's at the signature."""
    visual_reading: Mapped[str | None] = mapped_column(String(32))
    """What the reader saw without the result."""
    visual_diameters: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    """Longest and perpendicular (mm) as the reader measured a tumour by eye."""
    volume_reading: Mapped[str | None] = mapped_column(String(32))
    """What the reader concluded of a tumour over three time points, with the volumes."""
    first_signed_at: Mapped[datetime | None]
    """When the first reader signed a case that wanted a second one."""
    second_reader: Mapped[str | None] = mapped_column(String(64))
    blind_reading: Mapped[str | None] = mapped_column(String(32))
    blind_at: Mapped[datetime | None]
    consensus: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Sealed, as the comment is."""
    at_signature: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    """`gateway.review.at_signature.AtSignature` of the last signature, as JSON; older versions kept none.
    Its edition says of which. Read when it is needed: the worklist reads every review."""

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
    language: Mapped[str] = mapped_column(String(2), default="en", server_default="en")
    visual_reading: Mapped[str | None] = mapped_column(String(32))
    visual_diameters: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True))
    volume_reading: Mapped[str | None] = mapped_column(String(32))
    reader: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime]
    second_reader: Mapped[str | None] = mapped_column(String(64))
    blind_reading: Mapped[str | None] = mapped_column(String(32))
    consensus: Mapped[str] = mapped_column(Text)


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
    change: Mapped[str] = mapped_column(String(16), default="", server_default="")
    """new or growing; only of an added lesion, and empty of one that was added before readers could choose: new."""
    prior_volume_mm3: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")
    """Of an added lesion that is growing."""
    box: Mapped[list[int]] = mapped_column(JSON)
    """First index (z, y, x), then size (z, y, x)."""
    mask: Mapped[bytes] = mapped_column(LargeBinary)
    """One bit per voxel of the box, in its order, most significant bit first, compressed with zlib."""
    volume_mm3: Mapped[float] = mapped_column(Float, default=0.0)
    centroid_index: Mapped[list[int]] = mapped_column(JSON)
    """Of a voxel (z, y, x) inside the lesion, near its middle."""
