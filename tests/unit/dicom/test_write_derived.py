from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from processing.dicom.geometry import series_geometry
from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.dicom.write_derived import write_registered_prior, write_subtraction
from processing.domain.errors import Defect
from processing.domain.imaging import Grid, RigidTransform, Volume
from tests.unit.dicom.made import PROVENANCE, Comparison, dciodvfy_errors


def stored(datasets: list[Dataset]) -> list[Dataset]:
    return parse_part10(to_part10(dataset) for dataset in datasets)


def registered(made: Comparison, volume: Volume | None = None) -> list[Dataset]:
    result = made.result
    prior = result.registered_prior if volume is None else volume
    return write_registered_prior(made.current, made.prior_headers, prior, result.current_to_prior, PROVENANCE)


def test_the_registered_prior_lies_on_the_current_images(compared: Comparison) -> None:
    series = read_series(stored(registered(compared)))
    assert series.volume.grid.same_as(compared.current.volume.grid)
    np.testing.assert_allclose(series.volume.array, compared.result.registered_prior.array, atol=0.5)
    current = compared.current.reference
    for header in series.headers:
        assert header.FrameOfReferenceUID == current.FrameOfReferenceUID
        assert header.StudyInstanceUID == current.StudyInstanceUID
        assert list(header.ImageType[:2]) == ["DERIVED", "SECONDARY"]
        assert header.DerivationCodeSequence[0].CodeValue == "113085"


def test_so_it_does_on_a_multi_frame_image(compared_multi_frame: Comparison) -> None:
    series = read_series(stored(registered(compared_multi_frame)))
    assert series.volume.grid.same_as(compared_multi_frame.current.volume.grid)
    np.testing.assert_allclose(series.volume.array, compared_multi_frame.result.registered_prior.array, atol=0.5)


@pytest.mark.parametrize("scale", [1e-3, 1e3, -1.0])
def test_any_range_of_intensities_survives(compared: Comparison, scale: float) -> None:
    prior = compared.result.registered_prior
    volume = prior.with_array(prior.array * scale)
    series = read_series(stored(registered(compared, volume)))
    step = max(abs(scale) * float(prior.array.max()) / 32767, 0.5 if abs(scale) == 1 else 0.0)
    np.testing.assert_allclose(series.volume.array, volume.array, atol=step * 1.01)


def test_each_slice_names_the_prior_slices_that_it_crosses(compared: Comparison) -> None:
    geometry = series_geometry(compared.prior_headers)
    transform = compared.result.current_to_prior
    grid = compared.current.volume.grid
    generator = np.random.default_rng(1)
    for z, dataset in enumerate(registered(compared)):
        named = {str(item.ReferencedSOPInstanceUID) for item in dataset.SourceImageSequence}
        index = [(z, y, x) for y, x in generator.integers(0, grid.shape[1:], size=(50, 2))]
        depths = geometry.grid.lps_to_index(transform.apply(grid.index_to_lps(index)))[:, 0]
        nearest = np.clip(np.rint(depths), 0, len(geometry.frames) - 1).astype(int)
        assert {str(compared.prior_headers[n].SOPInstanceUID) for n in nearest} <= named
        assert len(named) < len(geometry.frames)


def test_the_subtraction_is_in_thousandths(compared: Comparison) -> None:
    datasets = stored(write_subtraction(compared.current, compared.result.subtraction, PROVENANCE))
    series = read_series(datasets)
    np.testing.assert_allclose(series.volume.array / 1000, compared.result.subtraction.array, atol=0.00051)
    assert series.volume.array.max() > 1000
    assert "RescaleSlope" not in datasets[0]
    assert (float(datasets[0].WindowCenter), float(datasets[0].WindowWidth)) == (0.0, 1000.0)
    assert datasets[0].DerivationCodeSequence[0].CodeValue == "113062"


def test_another_grid_is_a_defect(compared: Comparison) -> None:
    grid = compared.current.volume.grid
    affine = grid.affine.copy()
    affine[2, 3] += 0.1
    moved = Volume(compared.result.registered_prior.array, Grid(grid.shape, affine))
    with pytest.raises(Defect, match="registered prior is not on the grid"):
        registered(compared, moved)


def test_a_prior_elsewhere_still_names_a_source(compared: Comparison) -> None:
    far = np.eye(4)
    far[2, 3] = 1000.0
    datasets = write_registered_prior(
        compared.current,
        compared.prior_headers,
        compared.result.registered_prior,
        RigidTransform(far),
        PROVENANCE,
    )
    assert all(len(dataset.SourceImageSequence) >= 1 for dataset in datasets)


@pytest.mark.parametrize("case", ["classic", "multi-frame"])
def test_dciodvfy_finds_no_error(
    case: str, compared: Comparison, compared_multi_frame: Comparison, tmp_path: Path
) -> None:
    made = compared if case == "classic" else compared_multi_frame
    faint = made.result.registered_prior.with_array(made.result.registered_prior.array * 1e-3)
    for datasets in (
        registered(made),
        registered(made, faint),
        write_subtraction(made.current, made.result.subtraction, PROVENANCE),
    ):
        path = tmp_path / "mr.dcm"
        path.write_bytes(to_part10(datasets[3]))
        assert dciodvfy_errors(path) == []
