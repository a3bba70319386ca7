"""Atlas, brain extraction, location and quality: everything that stands on the template."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.errors import InputRejected
from processing.domain.imaging import Volume
from processing.domain.result import Region, Side
from processing.domain.study import SeriesRole
from processing.stages.atlas import Atlas, Structure, load_atlas
from processing.stages.brain import AtlasAlignment, BrainParameters, align_with_atlas, brain_quality, extract_brain
from processing.stages.distance import depth_within
from processing.stages.locate import Landmarks, LocationParameters, find_landmarks, locate
from processing.stages.quality import QualityParameters, scan_quality
from processing.stages.resample import reorient, resample
from validation.phantom import SMALL_PHANTOM, Phantom
from validation.phantom.acquire import pose
from validation.phantom.anatomy import build_anatomy

BRAIN = BrainParameters()
LOCATION = LocationParameters()


def test_the_atlas_is_read_once_and_faces_the_patients_left(atlas: Atlas) -> None:
    assert load_atlas() is atlas
    assert np.allclose(atlas.grid.directions, np.eye(3)[:, ::-1])
    assert not atlas.t1.array.flags.writeable


@pytest.mark.parametrize(
    ("mni_mm", "structure"),
    [
        ((11, -14, 22), Structure.VENTRICLES),
        ((24, -60, -34), Structure.INFRATENTORIAL),
        ((0, -26, -34), Structure.INFRATENTORIAL),
        ((4, -24, -14), Structure.INFRATENTORIAL),
        ((56, -46, 12), Structure.CORTEX),
        ((30, -10, 30), 0),
        ((24, -46, 30), 0),
    ],
)
@pytest.mark.parametrize("side", [-1, 1])
def test_structures_lie_where_anatomy_says(
    atlas: Atlas, mni_mm: tuple[float, float, float], structure: int, side: int
) -> None:
    x, y, z = mni_mm
    index = atlas.grid.lps_to_index((-side * x, -y, z)).round().astype(int)
    near = atlas.structures.array[tuple(slice(i - 1, i + 2) for i in index)]
    assert np.bincount(near.ravel()).argmax() == structure


@pytest.fixture(scope="module")
def scan(phantom: Phantom) -> Volume:
    return reorient(phantom.current[SeriesRole.FLAIR])


@pytest.fixture(scope="module")
def alignment(scan: Volume, atlas: Atlas) -> AtlasAlignment:
    return align_with_atlas(scan, atlas, params=BRAIN)


@pytest.fixture(scope="module")
def brain(scan: Volume, atlas: Atlas, alignment: AtlasAlignment) -> Volume:
    return extract_brain(scan, atlas, alignment, params=BRAIN)


def test_the_brain_is_found_within_skull_and_scalp(scan: Volume, brain: Volume) -> None:
    anatomy = build_anatomy(2)
    whole = Volume(anatomy.brain.astype(np.float32), anatomy.grid)
    truth = resample(whole, scan.grid, to_volume=pose(SMALL_PHANTOM.current.pose).matrix).array > 0.5
    found = brain.array > 0
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.94
    assert (scan.array > 0.3 * np.percentile(scan.array, 98)).sum() > 1.3 * found.sum()


def test_a_good_extraction_is_told_from_a_leak_and_a_cut(
    scan: Volume, brain: Volume, atlas: Atlas, alignment: AtlasAlignment
) -> None:
    def figures(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
        made = brain_quality(
            scan, brain.with_array(mask.astype(np.float32)), atlas, alignment, title="current", params=BRAIN
        )
        return made[0].value, made[1].value

    good = brain_quality(scan, brain, atlas, alignment, title="current", params=BRAIN)
    assert [figure.name for figure in good] == ["current brain agreement with the atlas", "current brain edge seen"]
    assert all(figure.acceptable for figure in good)
    found = brain.array > 0
    cut = found & (np.arange(scan.grid.shape[2]) < scan.grid.shape[2] // 2)
    agreement, edge = figures(cut)
    assert agreement < 75 < good[0].value
    assert edge < good[1].value - 5
    inner = depth_within(found, scan.grid.spacing_mm) > 6
    assert figures(inner)[1] < 50


def test_entropy_focus_tells_a_point_from_a_smear(scan: Volume) -> None:
    def focus(array: npt.NDArray[np.float32]) -> float:
        none = np.zeros(array.shape, bool)
        made = scan_quality(
            scan.with_array(array), title="", brain=none, white_matter=none, grey_matter=none, coverage=1.0,
            params=QualityParameters(),
        )  # fmt: skip
        return next(figure.value for figure in made if figure.name.endswith("entropy focus"))

    point = np.zeros(scan.grid.shape, np.float32)
    point[3, 4, 5] = 7.0
    assert focus(point) == pytest.approx(0.0, abs=1e-9)
    assert focus(np.full(scan.grid.shape, 3.0, np.float32)) == pytest.approx(1.0)
    assert 0.0 < focus(np.array(scan.array)) < 0.9


def test_the_alignment_is_the_same_to_the_last_bit_each_time(
    scan: Volume, atlas: Atlas, alignment: AtlasAlignment
) -> None:
    assert np.array_equal(align_with_atlas(scan, atlas, params=BRAIN).to_atlas, alignment.to_atlas)


def test_a_point_of_the_head_lands_on_its_place_in_the_atlas(alignment: AtlasAlignment) -> None:
    to_world = pose(SMALL_PHANTOM.current.pose)
    points = np.random.default_rng(1).uniform((-50, -40, -20), (50, 80, 60), (200, 3))
    found = points @ alignment.to_atlas[:3, :3].T + alignment.to_atlas[:3, 3]
    assert np.linalg.norm(found - to_world.apply(points), axis=1).mean() < 3.0


def test_an_alignment_that_took_the_head_for_the_brain_is_made_again_without_the_scalp(
    scan: Volume, atlas: Atlas, alignment: AtlasAlignment
) -> None:
    again = align_with_atlas(scan, atlas, params=replace(BRAIN, largest_size=0.0))
    assert not np.array_equal(again.to_atlas, alignment.to_atlas)
    points = np.column_stack([np.random.default_rng(5).uniform((-50, -60, -30), (50, 60, 60), (200, 3)), np.ones(200)])
    apart = np.linalg.norm((points @ (again.to_atlas - alignment.to_atlas).T)[:, :3], axis=1)
    assert apart.mean() < 4.0


@pytest.mark.parametrize("kind", ["black", "noise", "ball"])
def test_what_holds_no_brain_is_refused(scan: Volume, atlas: Atlas, kind: str) -> None:
    distance = np.linalg.norm((np.moveaxis(np.indices(scan.grid.shape), 0, -1) - np.array(scan.grid.shape) / 2)
                              * scan.grid.spacing_mm, axis=-1)  # fmt: skip
    arrays = {
        "black": np.zeros(scan.grid.shape),
        "noise": np.random.default_rng(4).uniform(0, 1, scan.grid.shape),
        "ball": np.where(distance < 25, 100.0, 0.0),
    }
    no_head = scan.with_array(arrays[kind])
    with pytest.raises(InputRejected, match="brain"):
        extract_brain(no_head, atlas, align_with_atlas(no_head, atlas, params=BRAIN), params=BRAIN)


@pytest.fixture(scope="module")
def landmarks(scan: Volume, brain: Volume, atlas: Atlas, alignment: AtlasAlignment) -> Landmarks:
    white = resample(atlas.white_matter, scan.grid, to_volume=alignment.to_atlas).array > 0.9
    scaled = scan.with_array(scan.array / np.median(scan.array[white]))
    return find_landmarks(scaled, brain=brain.array > 0, atlas=atlas, to_atlas=alignment.to_atlas, params=LOCATION)


@pytest.mark.parametrize(
    ("mni_mm", "radius_mm", "region"),
    [
        ((27, -38, 18), 5.0, Region.PERIVENTRICULAR),
        ((30, -10, 30), 3.0, Region.DEEP_WHITE_MATTER),
        ((20, -60, -38), 3.0, Region.INFRATENTORIAL),
        ((46, 22, 32), 3.0, Region.JUXTACORTICAL),
    ],
)
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_a_lesion_is_named_by_region_and_the_patients_side(
    landmarks: Landmarks, mni_mm: tuple[float, float, float], radius_mm: float, region: Region, side: Side
) -> None:
    x, y, z = mni_mm
    # In LPS the patient's left is positive x; MNI's x runs to the right.
    in_world = np.array([x if side is Side.LEFT else -x, -y, z], dtype=float)
    in_scan = pose(SMALL_PHANTOM.current.pose).inverse().apply(in_world)
    points = landmarks.grid.index_to_lps(np.moveaxis(np.indices(landmarks.grid.shape), 0, -1))
    mask = np.linalg.norm(points - in_scan, axis=-1) <= radius_mm
    assert locate(mask, landmarks, params=LOCATION) == (region, side)


def test_a_lesion_across_the_midline_is_on_neither_side(landmarks: Landmarks) -> None:
    in_scan = pose(SMALL_PHANTOM.current.pose).inverse().apply(np.array([0.0, 26.0, -34.0]))
    mask: npt.NDArray[np.bool_] = np.zeros(landmarks.grid.shape, bool)
    mask[tuple(landmarks.grid.lps_to_index(in_scan).round().astype(int))] = True
    assert locate(mask, landmarks, params=LOCATION)[1] is Side.MIDLINE


def test_quality_figures_see_noise_contrast_and_coverage(scan: Volume) -> None:
    generator = np.random.default_rng(8)
    white: npt.NDArray[np.bool_] = np.zeros(scan.grid.shape, bool)
    white[:, : scan.grid.shape[1] // 2] = True
    flat = np.where(white, 100.0, 130.0)
    made = scan.with_array(flat + generator.normal(0, 5, flat.shape))
    figures = {
        figure.name: figure
        for figure in scan_quality(
            made, title="current", brain=np.ones_like(white), white_matter=white, grey_matter=~white, coverage=0.8,
            params=QualityParameters(),
        )
    }  # fmt: skip
    assert figures["current signal to noise"].value == pytest.approx(115 / 5, rel=0.15)
    assert figures["current grey-white contrast to noise"].value == pytest.approx(6.0, rel=0.1)
    assert figures["current coefficient of joint variation"].value == pytest.approx(10 / 30, rel=0.05)
    assert figures["current brain coverage"].value == pytest.approx(80.0)
    assert not figures["current brain coverage"].acceptable
    assert figures["current slice distance"].value == pytest.approx(4.0)
    assert figures["current signal to noise"].acceptable
