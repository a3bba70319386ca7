"""Face and ears go, the brain stays bit for bit, in every series of a frame of reference alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole
from processing.stages.atlas import Atlas
from processing.stages.brain import BrainParameters, align_with_atlas
from processing.stages.deface import DefaceParameters, FaceRegion, face_mask, find_face
from processing.stages.resample import reorient, resample
from validation.phantom import Phantom

PARAMETERS = DefaceParameters()


@pytest.fixture(scope="module")
def scan(phantom: Phantom) -> Volume:
    return phantom.current[SeriesRole.FLAIR]


@pytest.fixture(scope="module")
def region(scan: Volume, atlas: Atlas) -> FaceRegion:
    return find_face(scan, atlas, brain=BrainParameters(), params=PARAMETERS)


def _true_brain(scan: Volume, atlas: Atlas) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """The phantom's brain is the atlas's: where it lies follows from the alignment alone."""
    alignment = align_with_atlas(reorient(scan), atlas, params=BrainParameters())
    brain: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (
        resample(atlas.brain, scan.grid, to_volume=alignment.to_atlas).array > 0.5
    )
    return brain


def test_the_brain_and_a_centimetre_around_it_stay(scan: Volume, atlas: Atlas, region: FaceRegion) -> None:
    mask = face_mask(region, scan.grid, params=PARAMETERS)
    brain = _true_brain(scan, atlas)
    nearness = ndimage.distance_transform_edt(~brain, sampling=scan.grid.spacing_mm)
    assert brain.sum() > 1000
    assert nearness[mask].min() >= PARAMETERS.brain_margin_mm


def test_the_face_goes_and_the_back_of_the_head_stays(scan: Volume, atlas: Atlas, region: FaceRegion) -> None:
    mask = face_mask(region, scan.grid, params=PARAMETERS)
    alignment = align_with_atlas(reorient(scan), atlas, params=BrainParameters())
    index = np.argwhere(np.ones(scan.grid.shape, dtype=bool))
    points = scan.grid.index_to_lps(index) @ alignment.to_atlas[:3, :3].T + alignment.to_atlas[:3, 3]
    side, back, up = (points[:, axis].reshape(scan.grid.shape) for axis in range(3))
    # Eyes, nose and mouth in the atlas's coordinates, and what lies behind the ears or above the brows.
    face = (np.abs(side) < 45) & (back < -72) & (up < -35)
    assert face.sum() > 100
    assert mask[face].mean() > 0.99
    assert not mask[(back > 65) | ((up > 25) & (back > -60))].any()


def test_every_series_of_the_frame_of_reference_loses_the_same_region(scan: Volume, region: FaceRegion) -> None:
    own = face_mask(region, scan.grid, params=PARAMETERS)
    # Another acquisition: sagittal, its indices run elsewhere, the places in the patient are the same.
    turned = Grid(
        (scan.grid.shape[2], scan.grid.shape[0], scan.grid.shape[1]), scan.grid.affine[:, [2, 0, 1, 3]].copy()
    )
    other = face_mask(region, turned, params=PARAMETERS)
    assert own.any()
    np.testing.assert_array_equal(other.transpose(1, 2, 0), own)


def test_a_slab_without_the_brain_loses_the_face_too(scan: Volume, region: FaceRegion) -> None:
    own = face_mask(region, scan.grid, params=PARAMETERS)
    slices = 4
    slab = Grid((slices, *scan.grid.shape[1:]), scan.grid.affine.copy())
    np.testing.assert_array_equal(face_mask(region, slab, params=PARAMETERS), own[:slices])


def test_slices_that_are_too_thick_are_refused(scan: Volume, atlas: Atlas) -> None:
    array = scan.array[::2]
    thick = Volume(array, Grid((len(array), *scan.grid.shape[1:]), scan.grid.affine * [2, 1, 1, 1]))
    with pytest.raises(InputRejected, match="too thick"):
        find_face(thick, atlas, brain=BrainParameters(), params=PARAMETERS)


def test_without_a_brain_nothing_says_where_the_face_is(scan: Volume, atlas: Atlas) -> None:
    noise = np.random.default_rng(1).normal(100, 5, scan.grid.shape).astype(np.float32)
    with pytest.raises(InputRejected):
        find_face(Volume(noise, scan.grid), atlas, brain=BrainParameters(), params=PARAMETERS)
