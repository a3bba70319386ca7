"""How the prior lies in the current study, as a Spatial Registration (PS3.3 A.39)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import SpatialRegistrationStorage

from processing.dicom.attributes import SeriesFacts, decimal, described, set_identity, set_instance
from processing.dicom.provenance import RESEARCH_USE, Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import instance_reference
from processing.domain.errors import InputRejected
from processing.domain.imaging import RigidTransform

KIND = "registration"


def write_registration(
    source: SourceSeries,
    prior_headers: Sequence[Dataset],
    current_to_prior: RigidTransform,
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> Dataset:
    """Write the rigid transformation from the prior's frame of reference into the current one's.

    Parameters
    ----------
    source : SourceSeries
        The current FLAIR, whose frame of reference is the registered one.
    prior_headers : sequence of Dataset
    current_to_prior : RigidTransform
        DICOM asks for its inverse: the matrix maps points of the prior into the registered space.
    provenance : Provenance
    signed_at : datetime, optional
    """
    dataset = Dataset()
    facts = SeriesFacts(KIND, "REG", described("Interval registration"))
    set_identity(dataset, source.reference, provenance, facts, signed_at=signed_at)
    set_instance(dataset, SpatialRegistrationStorage, provenance.uid(KIND, 1), 1)
    dataset.ContentLabel = "REGISTRATION"
    dataset.ContentDescription = RESEARCH_USE
    dataset.ContentCreatorName = ""
    dataset.FrameOfReferenceUID = source.reference.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.BodyPartExamined = "BRAIN"
    dataset.RegistrationSequence = [
        _item(source.headers, RigidTransform.identity()),
        _item(prior_headers, current_to_prior.inverse()),
    ]
    _set_references(dataset, source.headers, prior_headers)
    return dataset


def read_registration(dataset: Dataset) -> RigidTransform:
    """Read the transformation from the current study to the prior that `write_registration` wrote.

    Raises
    ------
    InputRejected
        If it holds no rigid transformation of two studies.
    """
    items = dataset.get("RegistrationSequence") or []
    if len(items) != 2:
        raise InputRejected("The registration doesn't relate two studies.")
    try:
        values = items[1].MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
        return RigidTransform(np.array([float(value) for value in values]).reshape(4, 4)).inverse()
    except (AttributeError, IndexError, ValueError) as error:
        raise InputRejected("The registration holds no rigid transformation.") from error


def _item(headers: Sequence[Dataset], to_registered: RigidTransform) -> Dataset:
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    values = to_registered.matrix.reshape(-1)
    matrix.FrameOfReferenceTransformationMatrix = [decimal(value) for value in values]
    registration = Dataset()
    registration.RegistrationTypeCodeSequence = []
    registration.MatrixSequence = [matrix]
    item = Dataset()
    item.FrameOfReferenceUID = headers[0].FrameOfReferenceUID
    item.ReferencedImageSequence = [instance_reference(header) for header in headers]
    item.MatrixRegistrationSequence = [registration]
    return item


def _set_references(dataset: Dataset, current: Sequence[Dataset], prior: Sequence[Dataset]) -> None:
    """Name the series that are referenced, those of the other study apart (PS3.3 C.12.2)."""
    if current[0].StudyInstanceUID == prior[0].StudyInstanceUID:
        dataset.ReferencedSeriesSequence = [_series(current), _series(prior)]
        return
    dataset.ReferencedSeriesSequence = [_series(current)]
    other = Dataset()
    other.StudyInstanceUID = prior[0].StudyInstanceUID
    other.ReferencedSeriesSequence = [_series(prior)]
    dataset.StudiesContainingOtherReferencedInstancesSequence = [other]


def _series(headers: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = headers[0].SeriesInstanceUID
    item.ReferencedInstanceSequence = [instance_reference(header) for header in headers]
    return item
