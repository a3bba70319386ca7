"""Which images a case was complete with: the same ones sent again change nothing, others do, however many they are."""

from __future__ import annotations

import hmac
from datetime import datetime
from functools import cached_property

from sqlalchemy.orm import Session

from gateway.clinical import ClinicalArchive
from gateway.clinical_study import ClinicalStudy
from gateway.db.tables import Case, CaseImages
from gateway.jobs import store
from processing.domain.case import CaseEvent, CaseState

_DIGEST_BYTES = 16


class ImageDigests:
    """Keyed digests of a study's images that can be measured: of their UIDs, and of the archive's own list of them.

    The archive is asked for the UIDs only when its list differs from the one that the case was complete with.

    Parameters
    ----------
    archive : ClinicalArchive
    study : ClinicalStudy or None
        None when the archive no longer holds it.
    key : bytes
        Of the patient, and the same for all of its studies after a change of keys.
    """

    def __init__(self, archive: ClinicalArchive, study: ClinicalStudy | None, key: bytes) -> None:
        self._archive, self._key = archive, key
        self._series = study.measurable if study is not None else ()

    @cached_property
    def listing(self) -> bytes:
        """Of the archive's identifiers of all images."""
        listed = sorted(instance for series in self._series for instance in series.instances)
        return self._digest("\n".join(listed))

    @cached_property
    def of_images(self) -> frozenset[bytes]:
        """Of each SOP Instance UID."""
        uids = (uid for series in self._series for uid in self._archive.sop_instance_uids(series))
        return frozenset(self._digest(uid) for uid in uids)

    def look(self) -> None:
        """Ask the archive now, so that no transaction has to wait for it."""
        len(self.of_images)

    def new_to(self, session: Session, case: Case) -> int | None:
        """Return how many images a case was not complete with; None when that was not written down."""
        row = session.get(CaseImages, case.case_id)
        if row is None or not row.listing:
            return None
        if hmac.compare_digest(row.listing, self.listing):
            return 0
        known = {row.digests[i : i + _DIGEST_BYTES] for i in range(0, len(row.digests), _DIGEST_BYTES)}
        return len(self.of_images - known)

    def note(self, session: Session, case: Case) -> None:
        """Write down which images a case is complete with, in the caller's transaction."""
        row = _row(session, case)
        row.listing = self.listing
        row.digests = b"".join(sorted(self.of_images))

    def _digest(self, text: str) -> bytes:
        return hmac.digest(self._key, b"image\0" + text.encode(), "sha256")[:_DIGEST_BYTES]


def note_ignored(session: Session, case: Case, ignored: int, now: datetime) -> None:
    """Leave an event when images came that nothing is measured on: nothing that arrives is passed over in silence."""
    row = session.get(CaseImages, case.case_id)
    before = row.ignored if row is not None else 0
    if ignored <= before or case.state == CaseState.SUPERSEDED.value:
        return
    _row(session, case).ignored = ignored
    detail = f"{ignored - before} images of another modality: nothing is measured on them."
    store.record(session, case, CaseEvent.IMAGES_IGNORED, actor="receive", detail=detail, at=now)


def _row(session: Session, case: Case) -> CaseImages:
    row = session.get(CaseImages, case.case_id)
    if row is None:
        row = CaseImages(case_id=case.case_id, listing=b"", digests=b"", ignored=0)
        session.add(row)
    return row
