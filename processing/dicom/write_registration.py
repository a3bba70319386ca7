"""How the prior, or the other series of a visit, lie in the current study, as a Spatial Registration (PS3.3 A.39)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import SpatialRegistrationStorage

from processing.dicom.attributes import SeriesFacts, decimal, described, set_identity, set_instance
from processing.dicom.provenance import RESEARCH_USE, Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import instance_reference
from processing.dicom.uids import derived_uid
from processing.domain.errors import InputRejected
from processing.domain.imaging import RigidTransform
from processing.domain.study import SeriesRole

KIND = "registration"
ATLAS = "ICBM152 2009a, symmetric"
"""What the atlas is called; its frame of reference has no registered UID."""


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
    items = [
        _item(source.headers, RigidTransform.identity().matrix),
        _item(prior_headers, current_to_prior.inverse().matrix),
    ]
    dataset = _registration(source, items, provenance, signed_at)
    _set_references(dataset, source.headers, [prior_headers])
    return dataset


def write_coregistration(
    source: SourceSeries,
    others: Mapping[SeriesRole, Sequence[Dataset]],
    to_series: Mapping[SeriesRole, RigidTransform],
    to_atlas: npt.NDArray[np.float64],
    provenance: Provenance,
    *,
    signed_at: datetime | None = None,
) -> Dataset:
    """Write how the series of one visit lie in the source, and how the ICBM152 atlas does.

    Parameters
    ----------
    source : SourceSeries
        T1C, whose frame of reference is the registered one.
    others : mapping of SeriesRole to sequence of Dataset
        Headers of the other series.
    to_series : mapping of SeriesRole to RigidTransform
        Maps a point of the source to each of them. DICOM asks for the inverse.
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of a point of the source to the atlas.
    provenance : Provenance
    signed_at : datetime, optional
    """
    items = [_item(source.headers, RigidTransform.identity().matrix)]
    items += [
        _item(others[role], transform.inverse().matrix, comment=role.value) for role, transform in to_series.items()
    ]
    items.append(_atlas_item(np.asarray(np.linalg.inv(to_atlas), np.float64)))
    dataset = _registration(source, items, provenance, signed_at)
    _set_references(dataset, source.headers, list(others.values()))
    return dataset


def read_coregistration(dataset: Dataset) -> tuple[dict[SeriesRole, RigidTransform], npt.NDArray[np.float64]]:
    """Read what `write_coregistration` wrote: the transform to each series, and the one to the atlas.

    Raises
    ------
    InputRejected
        If it holds no such transforms.
    """
    try:
        matrices = {
            str(item.MatrixRegistrationSequence[0].get("FrameOfReferenceTransformationComment", "")): _matrix(item)
            for item in dataset.RegistrationSequence
        }
        to_atlas = np.asarray(np.linalg.inv(matrices.pop(ATLAS)), np.float64)
        return {
            SeriesRole(name): RigidTransform(matrix).inverse() for name, matrix in matrices.items() if name
        }, to_atlas
    except (AttributeError, IndexError, KeyError, ValueError, np.linalg.LinAlgError) as error:
        raise InputRejected("The registration holds no transforms of the series of one study.") from error


def _registration(
    source: SourceSeries, items: Sequence[Dataset], provenance: Provenance, signed_at: datetime | None
) -> Dataset:
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
    dataset.RegistrationSequence = list(items)
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
        return RigidTransform(_matrix(items[1])).inverse()
    except (AttributeError, IndexError, ValueError) as error:
        raise InputRejected("The registration holds no rigid transformation.") from error


def _matrix(item: Dataset) -> npt.NDArray[np.float64]:
    values = item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
    return np.array([float(value) for value in values]).reshape(4, 4)


def _item(headers: Sequence[Dataset], to_registered: npt.NDArray[np.float64], *, comment: str = "") -> Dataset:
    item = Dataset()
    item.FrameOfReferenceUID = headers[0].FrameOfReferenceUID
    item.ReferencedImageSequence = [instance_reference(header) for header in headers]
    item.MatrixRegistrationSequence = [_matrix_registration(to_registered, "RIGID", comment)]
    return item


def _atlas_item(to_registered: npt.NDArray[np.float64]) -> Dataset:
    item = Dataset()
    item.FrameOfReferenceUID = derived_uid("frame of reference", ATLAS)
    item.MatrixRegistrationSequence = [_matrix_registration(to_registered, "AFFINE", ATLAS)]
    return item


def _matrix_registration(to_registered: npt.NDArray[np.float64], kind: str, comment: str) -> Dataset:
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = kind
    matrix.FrameOfReferenceTransformationMatrix = [decimal(value) for value in to_registered.reshape(-1)]
    registration = Dataset()
    registration.RegistrationTypeCodeSequence = []
    if comment:
        registration.FrameOfReferenceTransformationComment = comment
    registration.MatrixSequence = [matrix]
    return registration


def _set_references(dataset: Dataset, current: Sequence[Dataset], others: Sequence[Sequence[Dataset]]) -> None:
    """Name the series that are referenced, those of another study apart (PS3.3 C.12.2)."""
    here = [series for series in others if series[0].StudyInstanceUID == current[0].StudyInstanceUID]
    dataset.ReferencedSeriesSequence = [_series(series) for series in (current, *here)]
    elsewhere = [series for series in others if series[0].StudyInstanceUID != current[0].StudyInstanceUID]
    if elsewhere:
        other = Dataset()
        other.StudyInstanceUID = elsewhere[0][0].StudyInstanceUID
        other.ReferencedSeriesSequence = [_series(series) for series in elsewhere]
        dataset.StudiesContainingOtherReferencedInstancesSequence = [other]


def _series(headers: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = headers[0].SeriesInstanceUID
    item.ReferencedInstanceSequence = [instance_reference(header) for header in headers]
    return item
