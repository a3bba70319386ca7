"""Who made an object, and which UIDs it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from processing.dicom.uids import derived_uid

SOFTWARE_VERSION = "0.1.0"
MANUFACTURER = "Interval"
RESEARCH_USE = "Research use, not a medical device"


@dataclass(frozen=True)
class Provenance:
    """What every object that Interval writes says about its origin.

    Parameters
    ----------
    pipeline, version : str
        Name and version of the pipeline's SPEC.
    title : str
        What a reader sees of it.
    seed : str
        What the objects stand for, usually the job: the same seed gives the same UIDs.
    signed : bool
        Drafts and signed objects carry different UIDs; lesions keep theirs.
    edition : int
        Of the signed objects: those of a case that was reopened and signed again carry other UIDs than the first.
    """

    pipeline: str
    version: str
    title: str
    seed: str
    signed: bool = False
    edition: int = 1

    @property
    def software_versions(self) -> tuple[str, str]:
        """Versions of Interval and of the pipeline, as Software Versions (0018,1020)."""
        return f"interval {SOFTWARE_VERSION}", f"{self.pipeline} {self.version}"

    @property
    def device_serial_number(self) -> str:
        """Type 1 in enhanced objects: software has no serial number but its version."""
        return f"{self.pipeline}-{self.version}"

    def as_signed(self, edition: int = 1) -> Provenance:
        """Return the provenance of the objects that a reader signed, for the first time or again."""
        return replace(self, signed=True, edition=edition)

    def as_draft(self) -> Provenance:
        """Return the provenance of the objects that wait for a reader."""
        return replace(self, signed=False, edition=1)

    def uid(self, kind: str, number: int = 0) -> str:
        """Return the UID of a series (number 0) or instance (from 1) of one kind."""
        status = "draft" if not self.signed else "signed" if self.edition == 1 else f"signed {self.edition}"
        return derived_uid(self.seed, status, kind, str(number))

    def tracking_uid(self, lesion: int) -> str:
        """Return the UID that follows one lesion through draft and signed objects."""
        return derived_uid(self.seed, "lesion", str(lesion))

    @property
    def device_uid(self) -> str:
        """UID of this version of the pipeline as an observer (PS3.16 TID 1004)."""
        return derived_uid("device", self.pipeline, self.version)
