from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from processing.domain.errors import InputRejected
from processing.domain.imaging import Volume
from processing.domain.result import TumourResult
from processing.domain.study import SeriesRole
from processing.pipelines.tumour_volumetry.pipeline import run
from processing.pipelines.tumour_volumetry.spec import WITHOUT
from processing.stages.fusion import dice
from processing.stages.tumour.labels import ENHANCING_TUMOUR, TUMOUR_CORE, WHOLE_TUMOUR, TumourLabel
from processing.stages.tumour.segmenters import BUILT_IN
from validation.phantom.tumour import FOUR_SERIES, TumourPhantom, TumourSpec, isotropic_scanner, make_tumour

SPEC = TumourSpec(
    seed=4,
    world_mm=2,
    core_ml=25.0,
    necrosis=0.4,
    hyperintensity_ml=45.0,
    mass_effect=0.3,
    scanner=isotropic_scanner(3.0, noise=0.02),
)


@pytest.fixture(scope="module")
def phantom() -> TumourPhantom:
    return make_tumour(SPEC)


@pytest.fixture(scope="module")
def stages() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def result(phantom: TumourPhantom, stages: list[tuple[str, float]]) -> TumourResult:
    return run(phantom.images, lambda stage, fraction: stages.append((stage, fraction)))


def test_the_phantom_holds_what_its_spec_says(phantom: TumourPhantom) -> None:
    assert set(phantom.images) == set(FOUR_SERIES)
    assert sum(phantom.volumes_ml.values()) == pytest.approx(70.0, rel=0.03)
    assert phantom.volumes_ml[TumourLabel.CORE] == pytest.approx(10.0, rel=0.05)
    flair, t1c = (phantom.images[role] for role in (SeriesRole.FLAIR, SeriesRole.T1C))
    ring = ENHANCING_TUMOUR.of(phantom.truth)
    assert t1c.array[ring].mean() > 1.3 * t1c.array[~WHOLE_TUMOUR.of(phantom.truth) & (t1c.array > 400)].mean()
    assert flair.grid.shape == phantom.truth.grid.shape


def test_the_same_spec_gives_the_same_voxels_and_another_scan_the_same_tumour(phantom: TumourPhantom) -> None:
    again = make_tumour(SPEC)
    rescanned = make_tumour(dataclasses.replace(SPEC, scan_seed=1))
    for role in FOUR_SERIES:
        assert np.array_equal(phantom.images[role].array, again.images[role].array)
        assert not np.array_equal(phantom.images[role].array, rescanned.images[role].array)
    assert np.array_equal(phantom.truth.array, rescanned.truth.array)


def test_the_tumour_is_outlined_on_the_grid_of_t1c(phantom: TumourPhantom, result: TumourResult) -> None:
    assert result.tumour.grid.same_as(phantom.images[SeriesRole.T1C].grid)
    assert dice(WHOLE_TUMOUR.of(result.tumour), WHOLE_TUMOUR.of(phantom.truth)) > 0.85
    assert dice(TUMOUR_CORE.of(result.tumour), TUMOUR_CORE.of(phantom.truth)) > 0.85
    assert dice(ENHANCING_TUMOUR.of(result.tumour), ENHANCING_TUMOUR.of(phantom.truth)) > 0.7


def test_volumes_are_those_of_the_outline(result: TumourResult) -> None:
    voxels = np.count_nonzero(result.tumour.array)
    assert result.volumes.whole_ml == pytest.approx(voxels * result.tumour.grid.voxel_volume_mm3 / 1000)
    assert result.diameters is not None
    assert result.diameters.measurable


def test_every_segmenter_votes_and_is_compared(result: TumourResult) -> None:
    assert [vote.name for vote in result.votes] == [segmenter.name for segmenter in BUILT_IN]
    assert result.similarities.shape == (len(BUILT_IN), 2, 3)
    assert np.isfinite(result.similarities).all()
    assert result.warnings == ()
    assert any(min(vote.weights) > 0.9 for vote in result.votes)


def test_progress_only_rises_and_names_each_segmenter(result: TumourResult, stages: list[tuple[str, float]]) -> None:
    assert result.votes
    fractions = [fraction for _, fraction in stages]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] <= fractions[-1] <= 1.0
    assert sum(name.startswith("segmenting") for name, _ in stages) == len(BUILT_IN)


def without(phantom: TumourPhantom, *roles: SeriesRole) -> dict[SeriesRole, Volume]:
    return {role: volume for role, volume in phantom.images.items() if role not in roles}


@pytest.mark.parametrize("role", [SeriesRole.T1, SeriesRole.T2])
def test_others_stand_in_for_a_missing_series_and_the_reader_is_told(phantom: TumourPhantom, role: SeriesRole) -> None:
    result = run(without(phantom, role), lambda _stage, _fraction: None, segmenters=BUILT_IN[:1])
    assert dice(TUMOUR_CORE.of(result.tumour), TUMOUR_CORE.of(phantom.truth)) > 0.8
    assert result.warnings == (WITHOUT[role],)
    assert f"without {role}" in WITHOUT[role]
    assert [(one.value, one.acceptable) for one in result.quality if one.name.startswith("series")] == [(3.0, False)]
    assert role not in result.aligned


@pytest.mark.parametrize("role", [SeriesRole.T1C, SeriesRole.FLAIR])
def test_a_missing_series_without_a_stand_in_is_named(phantom: TumourPhantom, role: SeriesRole) -> None:
    with pytest.raises(InputRejected, match=rf"need the series {role.value} as well"):
        run(without(phantom, role), lambda _stage, _fraction: None)


def test_two_missing_series_are_named(phantom: TumourPhantom) -> None:
    with pytest.raises(InputRejected, match="need one of the series T1, T2 as well"):
        run(without(phantom, SeriesRole.T1, SeriesRole.T2), lambda _stage, _fraction: None)
