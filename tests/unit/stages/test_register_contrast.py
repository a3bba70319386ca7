from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import Grid, RigidTransform, Volume
from processing.domain.study import SeriesRole
from processing.stages.atlas import Atlas
from processing.stages.brain import BrainParameters, align_with_atlas, extract_brain
from processing.stages.register_contrast import ContrastParameters, register_contrast
from processing.stages.resample import reorient, rotation_about
from validation.phantom import SMALL_PHANTOM, Phantom, make_phantom

PARAMS = ContrastParameters()
BRAIN_POINTS_MM = np.random.default_rng(3).uniform((-55, -50, -30), (55, 85, 70), (400, 3))


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    contrasts = ((SeriesRole.FLAIR, 4.0), (SeriesRole.T1, 3.0), (SeriesRole.T2, 4.0))
    return make_phantom(replace(SMALL_PHANTOM, current=replace(SMALL_PHANTOM.current, slice_mm=contrasts)))


@pytest.fixture(scope="module")
def flair(phantom: Phantom) -> Volume:
    return reorient(phantom.current[SeriesRole.FLAIR])


@pytest.fixture(scope="module")
def brain(flair: Volume, atlas: Atlas) -> Volume:
    params = BrainParameters()
    return extract_brain(flair, atlas, align_with_atlas(flair, atlas, params=params), params=params)


def moved(scan: Volume, motion: RigidTransform) -> Volume:
    """The same voxels at another place: the patient moved between two series."""
    return Volume(scan.array, Grid(scan.grid.shape, motion.matrix @ scan.grid.affine))


def error_mm(found: RigidTransform, truth: RigidTransform) -> float:
    return float(np.linalg.norm(found.apply(BRAIN_POINTS_MM) - truth.apply(BRAIN_POINTS_MM), axis=1).mean())


@pytest.mark.parametrize(
    ("role", "degrees", "shift_mm"),
    [(SeriesRole.T1, (1.0, -1.5, 0.5), (1.0, -2.0, 2.5)), (SeriesRole.T2, (6.0, 4.0, 8.0), (5.0, 9.0, -6.0))],
)
def test_a_head_that_moved_between_two_series_is_found(
    phantom: Phantom,
    flair: Volume,
    brain: Volume,
    role: SeriesRole,
    degrees: tuple[float, float, float],
    shift_mm: tuple[float, float, float],
) -> None:
    shift = np.eye(4)
    shift[:3, 3] = shift_mm
    motion = RigidTransform(shift).after(rotation_about(np.array([0.0, 20.0, 10.0]), np.deg2rad(degrees)))
    scan = moved(reorient(phantom.current[role]), motion)
    found = register_contrast(flair, scan, brain=brain, params=PARAMS)
    assert error_mm(RigidTransform.identity(), motion) > 2.0
    assert error_mm(found.transform, motion) < 0.3
    assert found.correlation > 0.8
    again = register_contrast(flair, scan, brain=brain, params=PARAMS)
    assert np.array_equal(again.transform.matrix, found.transform.matrix)


def test_a_series_that_lies_where_the_scanner_says_stays_there(phantom: Phantom, flair: Volume, brain: Volume) -> None:
    for role in (SeriesRole.T1, SeriesRole.T2):
        found = register_contrast(flair, reorient(phantom.current[role]), brain=brain, params=PARAMS)
        assert np.array_equal(found.transform.matrix, np.eye(4))
        assert found.correlation > 0.8


def test_which_tissue_is_bright_and_how_the_coil_shades_does_not_matter(
    phantom: Phantom, flair: Volume, brain: Volume
) -> None:
    shift = np.eye(4)
    shift[:3, 3] = (1.5, -1.0, 2.0)
    scan = moved(reorient(phantom.current[SeriesRole.T1]), RigidTransform(shift))
    shade = np.linspace(0.7, 1.3, scan.grid.shape[2], dtype=np.float32)
    inverted = scan.with_array((1.2 * float(scan.array.max()) - scan.array) * shade)
    found = register_contrast(flair, inverted, brain=brain, params=PARAMS)
    assert error_mm(found.transform, RigidTransform(shift)) < 0.4


def test_a_series_of_another_head_correlates_less(phantom: Phantom, flair: Volume, brain: Volume) -> None:
    """Noise stands for it: what two people's heads share was measured on real ones."""
    scan = reorient(phantom.current[SeriesRole.T1])
    noise = scan.with_array(np.random.default_rng(4).uniform(0, 500, scan.grid.shape))
    assert register_contrast(flair, noise, brain=brain, params=PARAMS).correlation < 0.5


def test_what_shows_nothing_or_another_place_is_refused(phantom: Phantom, flair: Volume, brain: Volume) -> None:
    scan = reorient(phantom.current[SeriesRole.T1])
    with pytest.raises(RegistrationFailed, match="no signal"):
        register_contrast(flair, scan.with_array(np.zeros(scan.grid.shape)), brain=brain, params=PARAMS)
    far = np.eye(4)
    far[:3, 3] = (0.0, 0.0, 400.0)
    with pytest.raises(RegistrationFailed, match="same place"):
        register_contrast(flair, moved(scan, RigidTransform(far)), brain=brain, params=PARAMS)
    with pytest.raises(RegistrationFailed, match="no brain"):
        register_contrast(flair, scan, brain=brain.with_array(np.zeros(brain.grid.shape)), params=PARAMS)
