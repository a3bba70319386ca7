from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from processing.dicom.read import parse_part10
from processing.dicom.result import to_part10
from processing.dicom.write_registration import read_registration, write_registration
from processing.domain.errors import InputRejected
from tests.unit.dicom.made import PROVENANCE, Comparison, dciodvfy_errors


def written(made: Comparison) -> Dataset:
    dataset = write_registration(made.current, made.prior_headers, made.result.current_to_prior, PROVENANCE)
    (parsed,) = parse_part10([to_part10(dataset)])
    return parsed


def test_the_transformation_comes_back(compared: Comparison) -> None:
    read = read_registration(written(compared))
    np.testing.assert_allclose(read.matrix, compared.result.current_to_prior.matrix, atol=1e-9)


def test_the_matrix_maps_the_prior_into_the_current_space(compared: Comparison) -> None:
    # PS3.3 C.20.2.1.1: the matrix leads from the item's frame of reference to the registered one.
    dataset = written(compared)
    item = dataset.RegistrationSequence[1]
    assert item.FrameOfReferenceUID == compared.prior_headers[0].FrameOfReferenceUID
    values = item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
    matrix = np.array([float(v) for v in values]).reshape(4, 4)
    current_mm = np.array([10.0, -20.0, 30.0])
    prior_mm = compared.result.current_to_prior.apply(current_mm)
    np.testing.assert_allclose((matrix @ [*prior_mm, 1.0])[:3], current_mm, atol=1e-6)
    assert dataset.FrameOfReferenceUID == compared.current.reference.FrameOfReferenceUID


def test_something_else_is_refused(compared: Comparison) -> None:
    with pytest.raises(InputRejected, match="doesn't relate two studies"):
        read_registration(Dataset())
    dataset = written(compared)
    matrix = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    matrix.FrameOfReferenceTransformationMatrix[0] = 3
    with pytest.raises(InputRejected, match="no rigid transformation"):
        read_registration(dataset)


def test_dciodvfy_finds_no_error(compared: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "reg.dcm"
    path.write_bytes(to_part10(written(compared)))
    assert dciodvfy_errors(path) == []
