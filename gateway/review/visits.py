"""Which images a reader can look at: every routed series of every compared visit, and what the worker made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from processing.dicom.write_derived import REGISTERED_PRIOR, SUBTRACTION
from processing.dicom.write_registration import KIND as REGISTRATION
from processing.domain.messages import JobOrder, JobOutcome, StoredObject, StudyOrder
from processing.domain.study import SeriesRole
from processing.pipelines.registry import find_spec


class ImageKind(StrEnum):
    """What an image of the case page is."""

    SERIES = "series"
    OWN_SLICES = "own slices"
    """A series as it was acquired, not resampled; only its place is told in the current study's frame of reference."""
    SUBTRACTION = "subtraction"
    LESIONS = "lesions"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A finished job: what was measured, and what came of it."""

    order: JobOrder
    outcome: JobOutcome

    @property
    def key(self) -> str:
        """Names the result for as long as it exists."""
        return f"{self.order.job_id}/{self.outcome.attempt}"

    @property
    def reference(self) -> SeriesRole:
        """The current series on whose grid everything lies."""
        return find_spec(self.order.pipeline).reference

    def only(self, kind: str) -> StoredObject | None:
        """Return an object of a kind (any of its series); None when there is none."""
        return next((stored for stored in self.outcome.objects if stored.kind == kind), None)


@dataclass(frozen=True, eq=False)
class ReviewImage:
    """One image that can be shown at the place of the current FLAIR: on its grid, or in slices of its own.

    Parameters
    ----------
    name : str
        In addresses: ``current``, ``prior``, ``prior-T2``, ``prior-T2-own``, ``earlier-1``, ``subtraction``,
        ``lesions``.
    kind : ImageKind
    visit : int
        0 is the current study, 1 the prior, 2 and more the ones before.
    role : SeriesRole
    study : StudyOrder
        The visit's.
    through : tuple of Comparison
        Comparisons that lead from the current study to the visit, each to its prior: their registrations, one after
        the other, tell where a point of the current study is there.
    """

    name: str
    kind: ImageKind
    visit: int
    role: SeriesRole
    study: StudyOrder
    through: tuple[Comparison, ...]

    @property
    def series_instance_uid(self) -> str:
        """Pseudonymous UID of the series itself."""
        return self.study.series[self.role]


def review_images(comparison: Comparison, earlier: Sequence[Comparison] = ()) -> dict[str, ReviewImage]:
    """Return the images of a result by name.

    Parameters
    ----------
    comparison : Comparison
    earlier : sequence of Comparison
        Of the prior study with the one before it, and so on back in time; see `chain`.
    """
    reference = comparison.reference
    current, prior = comparison.order.current, comparison.order.prior
    through = (comparison, *earlier)
    visits: list[tuple[StudyOrder, tuple[Comparison, ...]]] = [(current, ())]
    if prior is not None:
        visits += ((one.order.require_prior(), through[: at + 1]) for at, one in enumerate(through))
    images = [
        ReviewImage(_name(visit, role, reference), ImageKind.SERIES, visit, role, study, way)
        for visit, (study, way) in enumerate(visits)
        for role in sorted(study.series, key=list(SeriesRole).index)
    ]
    images += [
        replace(image, name=f"{image.name}-own", kind=ImageKind.OWN_SLICES)
        for image in images
        if image.visit > 0 or image.role is not reference
    ]
    if comparison.only(SUBTRACTION) is not None:
        images.append(ReviewImage("subtraction", ImageKind.SUBTRACTION, 0, reference, current, (comparison,)))
    images.append(ReviewImage("lesions", ImageKind.LESIONS, 0, reference, current, (comparison,)))
    if prior is not None and comparison.only(REGISTERED_PRIOR) is None:
        images = [image for image in images if image.study is not prior]
    return {image.name: image for image in images}


def chain(comparison: Comparison, older: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Return how far back comparisons lead without a gap.

    A comparison is a link only when it has a registration, and when what it calls current is the very series that
    the later one calls prior: only then does the next registration begin where the one before it ends.
    """
    found: list[Comparison] = []
    later = comparison
    for one in older:
        flair, earlier = SeriesRole.FLAIR, later.order.prior
        same = earlier is not None and one.order.current.series[flair] == earlier.series[flair]
        if not same or one.only(REGISTRATION) is None:
            break
        found.append(one)
        later = one
    return tuple(found)


def _name(visit: int, role: SeriesRole, reference: SeriesRole) -> str:
    place = "current" if visit == 0 else "prior" if visit == 1 else f"earlier-{visit - 1}"
    return place if role is reference else f"{place}-{role}"
