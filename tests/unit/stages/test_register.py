from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.stages.register import RegistrationParameters, register_rigid
from processing.stages.resample import resample, rotation_about
from tests.positions import moved_away
from validation.phantom import Phantom

PARAMS = RegistrationParameters()
BRAIN_POINTS_MM = np.random.default_rng(3).uniform((-55, -50, -30), (55, 85, 70), (400, 3))


def error_mm(found: RigidTransform, truth: RigidTransform) -> float:
    return float(np.linalg.norm(found.apply(BRAIN_POINTS_MM) - truth.apply(BRAIN_POINTS_MM), axis=1).mean())


def test_the_true_motion_between_two_visits_is_found(phantom: Phantom) -> None:
    found = register_rigid(phantom.current[SeriesRole.FLAIR], phantom.prior[SeriesRole.FLAIR], params=PARAMS)
    assert error_mm(RigidTransform.identity(), phantom.current_to_prior) > 5.0
    assert error_mm(found.transform, phantom.current_to_prior) < 0.15
    assert found.correlation > 0.9
    assert found.overlap > 0.95
    again = register_rigid(phantom.current[SeriesRole.FLAIR], phantom.prior[SeriesRole.FLAIR], params=PARAMS)
    assert np.array_equal(again.transform.matrix, found.transform.matrix)


def test_a_scan_registers_with_itself_without_motion(phantom: Phantom) -> None:
    scan = phantom.current[SeriesRole.FLAIR]
    found = register_rigid(scan, scan, params=PARAMS)
    assert error_mm(found.transform, RigidTransform.identity()) < 1e-3
    assert found.correlation == pytest.approx(1.0, abs=1e-6)


def test_scale_and_unit_of_the_intensities_do_not_matter(phantom: Phantom) -> None:
    current, prior = phantom.current[SeriesRole.FLAIR], phantom.prior[SeriesRole.FLAIR]
    one = register_rigid(current, prior, params=PARAMS)
    other = register_rigid(current, prior.with_array(prior.array * np.float32(0.001)), params=PARAMS)
    assert error_mm(one.transform, other.transform) < 0.02


def test_a_large_turn_of_the_head_is_found(phantom: Phantom) -> None:
    scan = phantom.current[SeriesRole.FLAIR]
    motion = rotation_about(np.array([0.0, 20.0, 10.0]), np.deg2rad([14.0, -8.0, 16.0]))
    moved = resample(scan, scan.grid, to_volume=motion.matrix)
    found = register_rigid(moved, scan, params=PARAMS)
    assert error_mm(found.transform, motion) < 0.3


def test_a_head_that_lies_elsewhere_in_the_scanner_is_found(phantom: Phantom) -> None:
    """From far away one transform is found, and not one that depends on the way there."""
    current, prior = phantom.current[SeriesRole.FLAIR], phantom.prior[SeriesRole.FLAIR]
    generator = np.random.default_rng(4)
    for _ in range(3):
        moved, away = moved_away(prior, generator)
        found = register_rigid(current, moved, params=PARAMS).transform
        assert error_mm(away.inverse().after(found), phantom.current_to_prior) < 0.15


def _warped_head(scan: Volume) -> Volume:
    """Another head: the same one, bent by several millimetres in the brain."""
    generator = np.random.default_rng(11)
    places = np.indices(scan.grid.shape).astype(np.float64)
    sigma = np.array([12.0 / mm for mm in scan.grid.spacing_mm])
    for axis in range(3):
        bend = ndimage.gaussian_filter(generator.standard_normal(scan.grid.shape), sigma)
        places[axis] += bend / bend.std() * 8.0 / scan.grid.spacing_mm[axis]
    return scan.with_array(ndimage.map_coordinates(scan.array, places, order=1))


def test_two_different_heads_are_refused(phantom: Phantom) -> None:
    scan = phantom.current[SeriesRole.FLAIR]
    with pytest.raises(RegistrationFailed, match="do not match"):
        register_rigid(scan, _warped_head(phantom.prior[SeriesRole.FLAIR]), params=PARAMS)


@pytest.mark.parametrize("kind", ["black", "noise", "flat"])
def test_what_is_no_head_is_refused(phantom: Phantom, kind: str) -> None:
    scan = phantom.current[SeriesRole.FLAIR]
    arrays = {
        "black": np.zeros(scan.grid.shape),
        "flat": np.full(scan.grid.shape, 100.0),
        "noise": np.random.default_rng(2).uniform(0, 500, scan.grid.shape),
    }
    with pytest.raises(RegistrationFailed, match="review by hand"):
        register_rigid(scan, scan.with_array(arrays[kind]), params=PARAMS)


def test_half_a_head_is_refused(phantom: Phantom) -> None:
    scan = phantom.current[SeriesRole.FLAIR]
    few = Volume(scan.array[:13], type(scan.grid)((13, *scan.grid.shape[1:]), scan.grid.affine))
    with pytest.raises(RegistrationFailed, match="review by hand"):
        register_rigid(scan, few, params=PARAMS)
