from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.imaging import Grid, Volume
from validation.insertion import PlacedLesion, draw_places, fractions, insert, truth
from validation.insertion_set import InsertionSpec, insert_set
from validation.lesion_shapes import outlined_lesions, rounded_shape, shape_of

SAME = np.eye(4)


def grid(slice_mm: float = 3.0, pixel_mm: float = 0.75, shape: tuple[int, int, int] = (30, 80, 80)) -> Grid:
    return Grid.from_axes(
        shape,
        origin_mm=(-30.0, -30.0, -slice_mm * shape[0] / 2),
        spacing_mm=(slice_mm, pixel_mm, pixel_mm),
        directions=np.eye(3)[:, ::-1],
    )


def white_scan(where: Grid, noise: float = 0.0) -> Volume:
    generator = np.random.default_rng(3)
    return Volume((200.0 * (1.0 + noise * generator.normal(size=where.shape))).astype(np.float32), where)


def lesion(
    volume_mm3: float, contrast: float = 0.3, centre: tuple[float, float, float] = (0.2, 0.3, 0.1)
) -> PlacedLesion:
    shape = rounded_shape(np.random.default_rng(1))
    return PlacedLesion(shape, np.array(centre), np.eye(3), volume_mm3, contrast)


@pytest.mark.parametrize("volume_mm3", [30.0, 100.0, 400.0])
@pytest.mark.parametrize("slice_mm", [1.0, 3.0, 5.0])
def test_averaging_through_slices_keeps_the_volume(volume_mm3: float, slice_mm: float) -> None:
    where = grid(slice_mm)
    found = fractions(lesion(volume_mm3), where, to_frame=SAME)
    assert found is not None
    assert found[1].sum() * where.voxel_volume_mm3 == pytest.approx(volume_mm3, rel=0.25)


def test_a_small_lesion_is_fainter_in_a_thick_slice() -> None:
    brightest = []
    for slice_mm in (1.0, 5.0):
        where = grid(slice_mm)
        scan = insert(white_scan(where), [lesion(20.0)], white_matter=np.ones(where.shape, bool), to_frame=SAME)
        brightest.append(float(scan.array.max()))
    assert brightest[0] > 245.0
    assert 205.0 < brightest[1] < brightest[0] - 10.0


def test_a_large_lesion_reaches_its_contrast_and_changes_nothing_else() -> None:
    where = grid()
    scan = insert(white_scan(where), [lesion(500.0)], white_matter=np.ones(where.shape, bool), to_frame=SAME)
    assert float(scan.array.max()) == pytest.approx(260.0, rel=0.01)
    far = np.linalg.norm(where.index_to_lps(np.moveaxis(np.indices(where.shape), 0, -1)), axis=-1) > 12.0
    assert (scan.array[far] == 200.0).all()


def test_noise_stays_under_a_lesion() -> None:
    where = grid()
    scan = insert(white_scan(where, 0.05), [lesion(600.0)], white_matter=np.ones(where.shape, bool), to_frame=SAME)
    found = fractions(lesion(600.0), where, to_frame=SAME)
    assert found is not None
    inside = scan.array[found[0]][found[1] > 0.95]
    assert inside.size > 50
    assert float(inside.std()) > 0.6 * 0.05 * 200.0


def test_truth_has_the_lesions_volume_at_its_place() -> None:
    where = grid()
    labels = truth([lesion(100.0), lesion(40.0, centre=(15.0, 10.0, 12.0))], where, to_frame=SAME)
    for label, volume_mm3, centre in ((1, 100.0, (0.2, 0.3, 0.1)), (2, 40.0, (15.0, 10.0, 12.0))):
        index = np.argwhere(labels.array == label)
        assert len(index) * where.voxel_volume_mm3 == pytest.approx(volume_mm3, abs=where.voxel_volume_mm3)
        assert np.linalg.norm(where.index_to_lps(index).mean(axis=0) - centre) < 2.0


def test_a_moved_frame_moves_the_lesion() -> None:
    where, shift = grid(), np.eye(4)
    shift[:3, 3] = (6.0, 0.0, 0.0)
    labels = truth([lesion(100.0)], where, to_frame=shift)
    assert float(where.index_to_lps(np.argwhere(labels.array > 0)).mean(axis=0)[0]) == pytest.approx(-5.8, abs=1.0)


def test_a_lesion_outside_the_field_of_view_is_left_out() -> None:
    where = grid()
    assert fractions(lesion(50.0, centre=(500.0, 0.0, 0.0)), where, to_frame=SAME) is None


def test_places_are_allowed_and_apart() -> None:
    where = grid()
    allowed = np.zeros(where.shape, bool)
    allowed[5:25, 10:70, 10:70] = True
    places = draw_places(allowed, where, 15, apart_mm=10.0, generator=np.random.default_rng(0))
    assert len(places) > 8
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(len(places))
    assert gaps.min() >= 10.0
    at = np.round(where.lps_to_index(places)).astype(int)
    assert allowed[tuple(at.T)].all()


def test_the_same_seed_gives_the_same_set_and_another_seed_another() -> None:
    where = grid()
    allowed = np.zeros(where.shape, bool)
    allowed[5:25, 10:70, 10:70] = True
    outlined = [(rounded_shape(np.random.default_rng(n)), 0.2 + 0.1 * n) for n in range(3)]

    def make(seed: int) -> npt.NDArray[np.float32]:
        return insert_set(
            white_scan(where),
            allowed=allowed,
            white_matter=allowed,
            outlined=outlined,
            spec=InsertionSpec(seed, contrast=None, per_class=2, apart_mm=15.0),
        ).current.array

    assert np.array_equal(make(1), make(1))
    assert not np.array_equal(make(1), make(2))


def test_a_lesion_of_the_set_covers_white_matter_and_nothing_else() -> None:
    where = grid()
    allowed = np.zeros(where.shape, bool)
    allowed[5:25, 10:70, 10:70] = True
    array = np.array(white_scan(where).array)
    array[:, :, 40:] *= 1.25
    made = insert_set(
        Volume(array, where),
        allowed=allowed,
        white_matter=allowed & (np.arange(80) < 40),
        outlined=[(rounded_shape(np.random.default_rng(0)), 0.3)],
        spec=InsertionSpec(0, contrast=0.3, per_class=2, apart_mm=12.0),
    )
    assert len(made.lesions) == 6
    # Column 40 lies at x = 0: beyond it everything is a quarter brighter than white matter.
    assert all(lesion.centre_mm[0] < 0 for lesion in made.lesions)


def test_dark_tissue_does_not_make_up_for_bright_tissue_under_a_lesion() -> None:
    where = grid()
    array = np.array(white_scan(where).array)
    white = np.zeros(where.shape, bool)
    white[:, :, :20] = True
    # From column 20 on stripes: as bright as white matter only on average.
    array[:, :, 20:] *= np.where(np.arange(array.shape[2] - 20) // 4 % 2, 1.4, 0.6).astype(np.float32)
    made = insert_set(
        Volume(array, where),
        allowed=np.ones(where.shape, bool),
        white_matter=white,
        outlined=[(rounded_shape(np.random.default_rng(0)), 0.3)],
        spec=InsertionSpec(0, contrast=0.3, per_class=2, apart_mm=6.0),
    )
    assert made.lesions
    assert all(where.lps_to_index(lesion.centre_mm)[2] < 20 for lesion in made.lesions)


def test_outlined_lesions_give_shape_and_contrast() -> None:
    where = grid(1.0, 1.0)
    offsets = np.moveaxis(np.indices(where.shape), 0, -1) - (15, 40, 40)
    mask = (offsets**2).sum(axis=-1) <= 16
    scan = Volume(np.where(mask, 150.0, 100.0).astype(np.float32), where)
    found = outlined_lesions(scan, mask.astype(np.int32), brain=np.ones(where.shape, bool))
    assert len(found) == 1
    shape, contrast = found[0]
    assert contrast == pytest.approx(0.5)
    assert shape.volume_mm3 == pytest.approx(float(mask.sum()), rel=0.05)
    assert shape_of(mask, (1.0, 1.0, 1.0)).radius_mm == pytest.approx(4.3, abs=1.0)
