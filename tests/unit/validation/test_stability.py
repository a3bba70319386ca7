from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import LesionChange, LongitudinalResult
from processing.domain.study import SeriesRole
from processing.domain.versions import Basis, Ledger, VersionEntry, measurement_error_mm3
from tests.unit.validation.made_outputs import GRID, lesion, output
from validation import stability
from validation.datasets import ReferenceCase
from validation.gate import read_ledger, write_ledger
from validation.outputs import CaseOutput
from validation.perturb import PERTURBATIONS, rescan
from validation.stability import (
    Repeated,
    Stability,
    differing,
    follow,
    keep_limits,
    limits_of,
    rounded_otherwise,
    stability_table,
)

BALL = Volume(
    np.where(np.linalg.norm(np.indices((12, 48, 48)) - np.array([6, 24, 24])[:, None, None, None], axis=0) < 9, 400, 20)
    .astype(np.float32)
    .reshape(12, 48, 48),
    type(GRID)((12, 48, 48), GRID.affine),
)


@pytest.mark.parametrize("name", [name for name in PERTURBATIONS if name != "cropping"])
def test_a_disturbance_grows_with_its_strength_and_vanishes_without(name: str) -> None:
    perturb, strengths, _ = PERTURBATIONS[name]
    differences = [
        float(np.abs(perturb(BALL, strength, np.random.default_rng(2)).array - BALL.array).mean())
        for strength in (0.0, *strengths)
    ]
    assert differences[0] < 0.01
    assert all(b > a for a, b in itertools.pairwise(differences))


def test_cropping_takes_slices_from_the_upper_end() -> None:
    perturb, _, _ = PERTURBATIONS["cropping"]
    cut = perturb(BALL, 0.25, np.random.default_rng(0))
    assert cut.grid.shape == (9, 48, 48)
    assert np.array_equal(cut.array, BALL.array[:9])


def test_a_rescan_shows_the_same_anatomy_elsewhere() -> None:
    (again,), pose = (lambda pair: (tuple(pair[0].values()), pair[1]))(
        rescan({SeriesRole.FLAIR: BALL}, np.random.default_rng(4))
    )
    assert not np.allclose(pose.matrix, np.eye(4))

    def middle(volume: Volume) -> np.ndarray:
        bright = volume.array > volume.array.max() / 2
        return volume.grid.index_to_lps(np.argwhere(bright).mean(axis=0))

    assert np.linalg.norm(pose.apply(middle(again)) - middle(BALL)) < 1.0


def result(*found: tuple[tuple[float, float, float], float, LesionChange]) -> LongitudinalResult:
    made = output()
    assert made.lesion_map is not None
    lesions = tuple(lesion(number, volume, change) for number, (_, volume, change) in enumerate(found, start=1))
    lesions = tuple(
        type(one)(**{**vars(one), "centroid_mm": place}) for one, (place, _, _) in zip(lesions, found, strict=True)
    )
    blank = Volume(np.zeros(GRID.shape, np.float32), GRID)
    return LongitudinalResult(lesions, made.lesion_map, blank, blank, RigidTransform.identity(), ())


def shifted(x: float) -> RigidTransform:
    matrix = np.eye(4)
    matrix[0, 3] = x
    return RigidTransform(matrix)


def test_lesions_are_followed_by_their_place_in_the_head() -> None:
    new, vanished = LesionChange.NEW, LesionChange.VANISHED
    first = result(((0, 0, 0), 100, new), ((30, 0, 0), 50, new), ((0, 0, 1), 90, vanished))
    second = result(((25, 0, 0), 60, new), ((-5, 0, 0), 120, new))
    found = follow("made", [(first, shifted(0)), (second, shifted(5))])
    assert {one.volumes_mm3: one.missed for one in found} == {(100, 120): 0, (50, 60): 0, (90,): 1}


def repeated(*volumes_mm3: float, missed: int = 0) -> Repeated:
    return Repeated(case="made", increase=True, volumes_mm3=volumes_mm3, missed=missed)


def test_limits_are_the_difference_and_the_factor_within_which_repeats_lie() -> None:
    rng = np.random.default_rng(8)
    same = [repeated(*(100 * np.exp(rng.normal(0, 0.1, 20)))) for _ in range(30)]
    (limit,) = limits_of(same)
    assert limit.factor == pytest.approx(np.exp(1.96 * np.sqrt(2) * 0.1), rel=0.05)
    assert limit.difference_mm3 == pytest.approx(1.96 * np.sqrt(2) * 10, rel=0.05)
    assert (limit.low_mm3, limit.high_mm3, limit.lesions) == (50, 150, 30)
    assert limits_of(same[:1]) == ()
    assert "30" in stability_table(same)
    assert "too few" in stability_table(same[:1])


def test_what_one_scan_alone_shows_lies_within_its_limits() -> None:
    """Six scans, one of which shows something: that may be nothing, and the limits have to say so."""
    (limit,) = limits_of([repeated(40, missed=5), repeated(40, missed=5), repeated(40, 40), repeated(40, 41)])
    alone = [repeated(40, missed=5)] * 2
    assert limits_of(alone) == ()
    assert limit.lesions == 4
    assert limit.difference_mm3 == pytest.approx(1.96 * np.sqrt(2) * np.sqrt((2 * 40**2 / 6 + 0.5) / 4), rel=0.01)


def test_limits_stand_in_the_entry_of_the_version_that_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.yaml"
    monkeypatch.setattr(stability, "read_ledger", lambda: read_ledger(path))
    monkeypatch.setattr(stability, "write_ledger", lambda ledger: write_ledger(ledger, path))
    entries = tuple(VersionEntry(version=one, basis=Basis.FIRST, decided=date(2026, 1, 1)) for one in ("1.0", "1.1"))
    write_ledger(Ledger(pipelines={"made": entries}), path)
    said: list[str] = []
    for version in ("1.1", "1.2"):
        lesions = (repeated(100, 110), repeated(100, 120))
        measured = Stability(pipeline="made", version=version, made=date(2026, 1, 2), scans=2, lesions=lesions)
        keep_limits(measured, said.append)
    kept = read_ledger(path)
    assert measurement_error_mm3(kept, "made", "1.1", 100) == pytest.approx(31, abs=1)
    assert measurement_error_mm3(kept, "made", "1.0", 100) is None
    assert len(said) == 1
    assert "1.2" in said[0]


def test_another_rounding_moves_every_voxel_by_its_last_bit() -> None:
    case = ReferenceCase("made", "one", {SeriesRole.FLAIR: BALL}, {}, None)
    turned = rounded_otherwise(case).current[SeriesRole.FLAIR].array
    assert (turned != BALL.array).all()
    assert np.allclose(turned, BALL.array, rtol=2e-7, atol=0)
    assert 0.4 < (turned > BALL.array).mean() < 0.6


@pytest.mark.parametrize(
    ("change", "named"),
    [(lambda: output(), ()), (lambda: output(shift=1), ("lesions",)), (lambda: output(offset=1e-6), ("subtraction",))],
)
def test_what_differs_between_two_runs_is_named(change: Callable[[], CaseOutput], named: tuple[str, ...]) -> None:
    assert differing(output(), change()) == named
