"""From the worker's draft and the reader's signature to the objects that may leave.

Everything here is pseudonymous; identity comes back in the next step, and only there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from gateway.review.edits import DrawnLesion, edited_result
from processing.dicom import formats
from processing.dicom.archive import DicomArchive
from processing.dicom.provenance import Provenance
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import ObjectKind, ResultObject, replacing
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect
from processing.domain.growth import Growth
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus
from processing.domain.result import LongitudinalResult, PipelineResult, TumourResult
from processing.domain.versions import Ledger, with_limits
from processing.pipelines.registry import find_spec

EMPTY_LEDGER = Ledger()


@dataclass(frozen=True, eq=False)
class EarlierSignature:
    """The signature before this one, of a case that was reopened.

    Parameters
    ----------
    review : SignedReview
    drawn : sequence of DrawnLesion
        The reader's outlines of then.
    sop_classes : frozenset of str
        What the targets took of it.
    """

    review: SignedReview
    drawn: Sequence[DrawnLesion]
    sop_classes: frozenset[str]


def final_objects(
    archive: DicomArchive,
    order: JobOrder,
    outcome: JobOutcome,
    review: SignedReview,
    drawn: Sequence[DrawnLesion] = (),
    *,
    earlier: EarlierSignature | None = None,
    notes: Sequence[str] = (),
    ledger: Ledger = EMPTY_LEDGER,
    growth: Growth | None = None,
) -> tuple[ResultObject, ...]:
    """Write a signed result: the accepted lesions alone, or the rejection alone.

    Nothing is computed anew: the images, the lesion map and the transform are those of the stored draft that the
    reader saw, with the outlines that the reader drew in place of the algorithm's own. The same review gives the
    same objects with the same UIDs, so that a dispatch that was interrupted can be repeated.

    Parameters
    ----------
    archive : DicomArchive
        Of the pseudonymous zone.
    order : JobOrder
    outcome : JobOutcome
        Of a job that succeeded.
    review : SignedReview
    drawn : sequence of DrawnLesion
        The reader's outlines.
    earlier : EarlierSignature, optional
        What this signature replaces: the objects of then are withdrawn, and the report names its predecessor.
    notes : sequence of str
        Sentences that the reports must carry beside the pipeline's own.
    ledger : Ledger
        Holds how well the version that ran repeats its measurements.
    growth : Growth, optional
        Of a tumour over three time points, by shifted dates.

    Raises
    ------
    Transient
        If the archive can't be reached.
    InputRejected
        If the archive does not hold the images or the draft any more.
    Defect
        If the job has no result, or the review is not of this result's lesions.
    """
    if outcome.status is not OutcomeStatus.SUCCEEDED:
        raise Defect("Only a result can be finalised, and this job has none.")
    images = _measured(archive, order)
    current = images.reference
    result = formats.read(_draft(archive, outcome), current.volume.grid, outcome)
    provenance = provenance_of(order)
    reported = _reported(result, drawn, notes, order, ledger)
    if isinstance(reported, TumourResult):
        reported = replace(reported, growth=growth)
    finals = formats.write(images, reported, provenance, review)
    if earlier is None:
        return finals
    replaced = _reported(result, earlier.drawn, notes, order, ledger)
    before = formats.write(images, replaced, provenance, earlier.review)
    held = [one for one in before if str(one.dataset.SOPClassUID) in earlier.sop_classes]
    return replacing(current.reference, finals, held, provenance.as_signed(review.edition), review)


def _measured(archive: DicomArchive, order: JobOrder) -> formats.Measured:
    """Fetch what a result was measured on, as far as its objects refer to it."""
    spec, current = find_spec(order.pipeline), order.current
    wanted = [] if spec.compares else [role for role in current.series if role is not spec.reference]
    prior = order.require_prior() if spec.compares else None
    return formats.Measured(
        reference=read_series(
            parse_part10(archive.retrieve_series(current.study_instance_uid, current.series[spec.reference]))
        ),
        prior=(
            archive.retrieve_headers(prior.study_instance_uid, prior.series[spec.reference])
            if prior is not None
            else ()
        ),
        others={role: archive.retrieve_headers(current.study_instance_uid, current.series[role]) for role in wanted},
    )


def _reported(
    result: PipelineResult, drawn: Sequence[DrawnLesion], notes: Sequence[str], order: JobOrder, ledger: Ledger
) -> PipelineResult:
    """Put notes and the reader's outlines into a result, and beside every change how well such changes repeat."""
    result = replace(result, warnings=(*result.warnings, *notes))
    if not isinstance(result, LongitudinalResult):
        return result
    edited = edited_result(result, drawn)
    return replace(edited, lesions=with_limits(ledger, order.pipeline, order.version, edited.lesions))


def withdrawn_uids(finals: Sequence[ResultObject]) -> set[str]:
    """Return the SOP Instance UIDs of the objects that a withdrawal among the finals names."""
    return {
        str(element.value)
        for final in finals
        if final.kind is ObjectKind.WITHDRAWAL
        for element in final.dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID"
    }


def provenance_of(order: JobOrder) -> Provenance:
    """Return what the objects of an order say about their origin: the version that ran, not the one installed now."""
    spec = find_spec(order.pipeline)
    return Provenance(pipeline=order.pipeline, version=order.version, title=spec.title, seed=order.job_id)


def _draft(archive: DicomArchive, outcome: JobOutcome) -> Iterator[Dataset]:
    """Yield the stored objects of this job; another job's objects in the same study are passed over."""
    ours = {stored.sop_instance_uid for stored in outcome.objects}
    series = dict.fromkeys((stored.study_instance_uid, stored.series_instance_uid) for stored in outcome.objects)
    found = set()
    for study_instance_uid, series_instance_uid in series:
        for dataset in parse_part10(archive.retrieve_series(study_instance_uid, series_instance_uid)):
            if str(dataset.SOPInstanceUID) in ours:
                found.add(str(dataset.SOPInstanceUID))
                yield dataset
    if found != ours:
        raise Defect("The research archive no longer holds every object of the result.")
