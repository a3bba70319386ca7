"""What a worker stores for an order, without running a pipeline: two lesions, written by the real writers."""

from __future__ import annotations

import numpy as np

from gateway.review.finalise import provenance_of
from processing.dicom.archive import DicomArchive
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10, write_draft
from processing.domain.imaging import LabelMap, RigidTransform
from processing.domain.messages import JobOrder, JobOutcome, OutcomeStatus
from processing.domain.result import Lesion, LesionChange, LongitudinalResult, Region, Side
from processing.domain.study import SeriesRole


def carry_out(order: JobOrder, archive: DicomArchive) -> JobOutcome:
    """Store a draft result in the research archive and return its outcome."""
    current_uid, prior_uid = order.current.study_instance_uid, order.require_prior().study_instance_uid
    source = read_series(parse_part10(archive.retrieve_series(current_uid, order.current.series[SeriesRole.FLAIR])))
    prior_headers = archive.retrieve_headers(prior_uid, order.require_prior().series[SeriesRole.FLAIR])
    grid = source.volume.grid
    labels = np.zeros(grid.shape, dtype=np.uint16)
    labels[8:10, 4:7, 4:7], labels[14, 10, 10] = 1, 2
    lesions = tuple(
        Lesion(
            number=number,
            change=change,
            volume_mm3=float((labels == number).sum() * grid.voxel_volume_mm3),
            prior_volume_mm3=prior_mm3,
            centroid_mm=(float(x), float(y), float(z)),
            region=Region.DEEP_WHITE_MATTER,
            side=Side.LEFT,
            score=0.8,
        )
        for number, change, prior_mm3 in ((1, LesionChange.NEW, 0.0), (2, LesionChange.GROWING, 40.0))
        for x, y, z in [grid.index_to_lps(np.argwhere(labels == number)[0])]
    )
    result = LongitudinalResult(
        lesions=lesions,
        lesion_map=LabelMap(labels, grid),
        registered_prior=source.volume,
        subtraction=source.volume.with_array(source.volume.array * 0),
        current_to_prior=RigidTransform.identity(),
        quality=(),
    )
    written = write_draft(source, prior_headers, result, provenance_of(order))
    archive.store(to_part10(one.dataset) for one in written)
    return JobOutcome(
        job_id=order.job_id,
        attempt=order.attempt,
        status=OutcomeStatus.SUCCEEDED,
        lesions=lesions,
        objects=tuple(one.stored for one in written),
    )
