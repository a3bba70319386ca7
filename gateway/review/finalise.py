"""From the worker's draft and the reader's signature to the objects that may leave.

Everything here is pseudonymous; identity comes back in the next step, and only there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydicom.dataset import Dataset

from gateway.review.edits import DrawnLesion, edited_result
from processing.dicom.archive import DicomArchive
from processing.dicom.provenance import Provenance
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import ResultObject, read_result, write_result
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus
from processing.domain.study import SeriesRole
from processing.pipelines.registry import find_spec


def final_objects(
    archive: DicomArchive,
    order: JobOrder,
    outcome: JobOutcome,
    review: SignedReview,
    drawn: Sequence[DrawnLesion] = (),
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
    current = read_series(
        parse_part10(archive.retrieve_series(order.current.study_instance_uid, order.current.series[SeriesRole.FLAIR]))
    )
    prior_headers = archive.retrieve_headers(order.prior.study_instance_uid, order.prior.series[SeriesRole.FLAIR])
    result = read_result(
        _draft(archive, outcome),
        current.volume.grid,
        lesions=outcome.lesions,
        quality=outcome.quality,
        warnings=outcome.warnings,
    )
    return write_result(current, prior_headers, edited_result(result, drawn), provenance_of(order), review)


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
