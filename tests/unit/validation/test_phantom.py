from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from processing.domain.study import SeriesRole
from processing.stages.resample import resample
from validation.phantom import DEMO_PHANTOM, SMALL_PHANTOM, LesionKind, LesionSpec, Phantom, make_phantom

FLAIR = SeriesRole.FLAIR


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


def test_the_same_spec_gives_the_same_voxels_and_another_seed_others(phantom: Phantom) -> None:
    again = make_phantom(SMALL_PHANTOM)
    assert np.array_equal(again.current[FLAIR].array, phantom.current[FLAIR].array)
    assert np.array_equal(again.prior[FLAIR].array, phantom.prior[FLAIR].array)
    assert np.array_equal(again.current_lesions.array, phantom.current_lesions.array)
    assert again.changes == phantom.changes
    other = make_phantom(replace(SMALL_PHANTOM, seed=SMALL_PHANTOM.seed + 1))
    assert other.changes != phantom.changes


def test_images_are_what_a_scanner_can_store(phantom: Phantom) -> None:
    for visit in (phantom.current, phantom.prior):
        for volume in visit.values():
            assert volume.array.min() >= 0
            assert 255 < volume.array.max() < 4096
            assert np.array_equal(volume.array, np.rint(volume.array))


def test_the_truth_has_the_volumes_that_were_asked_for(phantom: Phantom) -> None:
    voxel = phantom.current_lesions.grid.voxel_volume_mm3
    assert [change.kind for change in phantom.changes] == [lesion.kind for lesion in SMALL_PHANTOM.lesions]
    for change in phantom.changes:
        now = (phantom.current_lesions.array == change.number).sum() * voxel
        before = (phantom.prior_lesions.array == change.number).sum() * voxel
        assert now == pytest.approx(change.volume_mm3, abs=voxel)
        assert before == pytest.approx(change.prior_volume_mm3, abs=voxel)


def test_lesions_lie_at_their_centroid_and_far_apart(phantom: Phantom) -> None:
    grid = phantom.current_lesions.grid
    either = np.where(phantom.current_lesions.array > 0, phantom.current_lesions.array, phantom.prior_lesions.array)
    for change in phantom.changes:
        centre = grid.index_to_lps(np.argwhere(either == change.number)).mean(axis=0)
        assert np.linalg.norm(centre - change.centroid_mm) < 1.5
    _, pieces = ndimage.label(either > 0, structure=np.ones((3, 3, 3)))
    assert pieces == len(phantom.changes)


def test_lesions_shine_at_the_visits_at_which_they_are_there(phantom: Phantom) -> None:
    """This also proves the truth's place and the true motion: a slip of a few millimetres would miss them."""
    current, prior = phantom.current[FLAIR], phantom.prior[FLAIR]
    seen_before = resample(prior, current.grid, to_volume=phantom.current_to_prior.matrix).array / 310.0
    seen_now = current.array / 820.0
    for change in phantom.changes:
        for volume, labels, seen in (
            (change.volume_mm3, phantom.current_lesions.array, seen_now),
            (change.prior_volume_mm3, phantom.prior_lesions.array, seen_before),
        ):
            mask = labels == change.number
            if volume > 0:
                assert seen[mask].mean() > 1.25
        absent = (phantom.current_lesions.array == change.number) & (phantom.prior_lesions.array == 0)
        if change.kind is LesionKind.NEW:
            assert seen_before[absent].mean() < 1.15


def test_increases_are_new_lesions_and_what_grew(phantom: Phantom) -> None:
    increases = phantom.increases()
    kinds = {change.number: change.kind for change in phantom.changes}
    assert {kinds[int(label)] for label in np.unique(increases) if label} == {LesionKind.NEW, LesionKind.GROWING}
    (growing,) = (change for change in phantom.changes if change.kind is LesionKind.GROWING)
    added = (increases == growing.number).sum() * phantom.current_lesions.grid.voxel_volume_mm3
    assert added == pytest.approx(growing.volume_mm3 - growing.prior_volume_mm3, rel=0.05)


def test_the_head_moves_and_the_scanners_differ(phantom: Phantom) -> None:
    points = np.random.default_rng(0).uniform(-50, 50, (50, 3))
    assert np.linalg.norm(phantom.current_to_prior.apply(points) - points, axis=1).mean() > 5
    current, prior = phantom.current[FLAIR], phantom.prior[FLAIR]
    assert np.percentile(current.array, 95) > 2 * np.percentile(prior.array, 95)
    assert not np.allclose(current.grid.directions, prior.grid.directions, atol=1e-3)


def test_too_many_lesions_are_refused() -> None:
    crowded = replace(SMALL_PHANTOM, lesions=(LesionSpec(LesionKind.NEW, 0, 500_000),) * 3)
    with pytest.raises(ValueError, match="no room"):
        make_phantom(crowded)


def test_the_demo_holds_every_kind_from_12_cubic_millimetres_to_2_millilitres() -> None:
    assert {lesion.kind for lesion in DEMO_PHANTOM.lesions} == set(LesionKind)
    new = [lesion.volume_mm3 for lesion in DEMO_PHANTOM.lesions if lesion.kind is LesionKind.NEW]
    assert (min(new), max(new)) == (12, 2000)
    for scanner in (DEMO_PHANTOM.prior, DEMO_PHANTOM.current):
        assert [role for role, _ in scanner.slice_mm] == [FLAIR, SeriesRole.T1, SeriesRole.T2]
