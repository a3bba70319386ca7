"""Ten planted faults, each of which the gate must catch, and a pure refactoring, which it must let pass.

Every fault is planted in the released code path: the stage is replaced wherever `processing` holds it.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from processing.domain.imaging import Grid, LabelMap, RigidTransform, Volume
from processing.pipelines.ms_longitudinal.spec import SPEC
from processing.stages import detect, normalise, register, resample
from validation.compare import compare_case
from validation.datasets import GradedBy, ReferenceCase, find_manifest, read_case
from validation.fetch import fetched
from validation.gate import Decision, Evidence, decide
from validation.outputs import CaseOutput
from validation.release import same_output
from validation.run import compute

pytestmark = pytest.mark.integration

Plant = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def case() -> ReferenceCase:
    manifest = find_manifest("phantom")
    return read_case(manifest, manifest.case("small"), fetched)


@pytest.fixture(scope="module")
def reference(case: ReferenceCase) -> CaseOutput:
    return compute(case, SPEC)[0]


def everywhere(monkeypatch: pytest.MonkeyPatch, original: object, replacement: object) -> None:
    """Put something in the place of a stage in every module that holds it."""
    places = [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.startswith("processing.")
        for name, value in list(vars(module).items())
        if value is original
    ]
    assert places
    for module, name in places:
        monkeypatch.setattr(module, name, replacement)


def set_number(monkeypatch: pytest.MonkeyPatch, name: str, factor: float) -> None:
    """Multiply a parameter, wherever it is held: the class is frozen, so its dictionary is changed."""
    values = vars(SPEC.parameters)
    monkeypatch.setitem(values, name, values[name] * factor)


def gate(output: CaseOutput, reference: CaseOutput) -> Decision:
    """Ask the gate about an output of the released version, as `python -m validation gate` does."""
    again = () if same_output(output, reference) else ("phantom/small",)
    evidence = Evidence(
        pipeline=SPEC.name,
        version=SPEC.version,
        comparisons=[compare_case(output, reference)],
        irreproducible=(),
        missing=(),
        graded_by={"phantom": GradedBy.TRUTH},
        before={},
        now={},
    )
    decision = decide(evidence, today=date(2026, 1, 1))
    return decision if decision.blocked else decide(replace(evidence, irreproducible=again), today=date(2026, 1, 1))


def shifted_half_voxel(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = resample.resample

    def shifted(volume: Volume, grid: Grid, **options: object) -> Volume:
        affine = np.array(volume.grid.affine)
        affine[:3, 3] += 0.5 * affine[:3, 2]
        return honest(Volume(volume.array, Grid(volume.grid.shape, affine)), grid, **options)  # type: ignore[arg-type]  # passed on as they came

    everywhere(monkeypatch, honest, shifted)


def swapped_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = resample.reorient

    def swapped(volume: Volume) -> Volume:
        turned = honest(volume)
        return Volume(np.swapaxes(turned.array, 1, 2), turned.grid)

    everywhere(monkeypatch, honest, swapped)


def left_right_flip(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = resample.reorient

    def flipped(volume: Volume) -> Volume:
        turned = honest(volume)
        return turned.with_array(turned.array[:, :, ::-1])

    everywhere(monkeypatch, honest, flipped)


def higher_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    set_number(monkeypatch, "brightness_fraction", 1.1)


def lost_smallest_lesion(monkeypatch: pytest.MonkeyPatch) -> None:
    set_number(monkeypatch, "minimum_volume_mm3", 1000.0 / 12.0)


def wrong_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = normalise.normalise_pair

    def steeper(now: Volume, before: Volume, **options: object) -> tuple[Volume, Volume]:
        one, other = honest(now, before, **options)  # type: ignore[arg-type]  # passed on as they came
        return one, other.with_array(other.array * 1.03)

    everywhere(monkeypatch, honest, steeper)


def stale_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = register.register_rigid
    stale = RigidTransform.identity()

    def remembered(fixed: Volume, moving: Volume, **options: object) -> register.Registration:
        return replace(honest(fixed, moving, **options), transform=stale)  # type: ignore[arg-type]  # as above

    everywhere(monkeypatch, honest, remembered)


def sixteen_bit_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = resample.resample

    def coarse(volume: Volume, grid: Grid, **options: object) -> Volume:
        exact = honest(volume, grid, **options)  # type: ignore[arg-type]  # passed on as they came
        return exact.with_array(exact.array.astype(np.float16))

    everywhere(monkeypatch, honest, coarse)


def unseeded_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = register.register_rigid

    def sampled(fixed: Volume, moving: Volume, **options: object) -> register.Registration:
        found = honest(fixed, moving, **options)  # type: ignore[arg-type]  # passed on as they came
        matrix = np.array(found.transform.matrix)
        matrix[:3, 3] += np.random.default_rng().normal(0, 1e-4, 3)
        return replace(found, transform=RigidTransform(matrix))

    everywhere(monkeypatch, honest, sampled)


def other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0" if name == "scipy" else honest(name))


FAULTS: tuple[tuple[Plant, str], ...] = (
    (shifted_half_voxel, "changed"),
    (swapped_axis, "changed"),
    (higher_threshold, "changed"),
    (lost_smallest_lesion, "changed"),
    (wrong_slope, "changed"),
    (left_right_flip, "changed"),
    (stale_transform, "changed"),
    (sixteen_bit_floats, "changed"),
    (unseeded_sampling, "not seeded"),
    (other_library, "changed"),
)


@pytest.mark.parametrize(("plant", "said"), FAULTS, ids=[plant.__name__ for plant, _ in FAULTS])
def test_the_gate_stays_closed(
    plant: Plant, said: str, monkeypatch: pytest.MonkeyPatch, case: ReferenceCase, reference: CaseOutput
) -> None:
    plant(monkeypatch)
    decision = gate(compute(case, SPEC)[0], reference)
    assert not decision.passed
    assert said in decision.blocked
    if said == "changed":
        assert "raise SPEC.version" in decision.blocked


def test_a_refactoring_passes(monkeypatch: pytest.MonkeyPatch, case: ReferenceCase, reference: CaseOutput) -> None:
    whole, turn = detect.detect_rise, resample.reorient
    everywhere(monkeypatch, turn, lambda volume: turn(Volume(np.array(volume.array), volume.grid)))
    everywhere(monkeypatch, whole, lambda *volumes, **options: (*whole(*volumes, **options),))
    assert isinstance(reference.lesion_map, LabelMap)
    output = compute(case, SPEC)[0]
    assert same_output(output, reference)
    assert gate(output, reference).passed
