"""The pipeline on two real patients with MS, each on two scanners (Lesjak et al., Neuroinformatics 2016).

The bars are what the first version reaches, with a little room for other processors; raise them with the pipeline.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import Grid
from processing.domain.result import as_longitudinal
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.spec import MODEL_FOLDER
from processing.pipelines.runners import find_runner
from processing.stages.atlas import load_atlas
from processing.stages.brain import BrainParameters, align_with_atlas, extract_brain
from processing.stages.register import RegistrationParameters, register_rigid
from processing.stages.resample import reorient, resample, rotation_about
from tests.positions import moved_away
from validation.accuracy import CaseFigures, measure, shipped_score
from validation.accuracy_sets import AccuracyCase, real_material
from validation.metrics import dice
from validation.real_pairs import LONGITUDINAL_PATIENTS, RealPair, data_folder, read_pair

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def data() -> Path:
    folder = data_folder()
    if folder is None:
        reason = "INTERVAL_DATA names no folder with the real pairs"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="module", params=LONGITUDINAL_PATIENTS)
def pair(request: pytest.FixtureRequest, data: Path) -> RealPair:
    return read_pair(data, request.param)


@pytest.fixture(scope="module")
def accuracy(pair: RealPair, data: Path) -> CaseFigures:
    weights = MODEL_FOLDER / "change.onnx"
    return measure(AccuracyCase("real", pair.name, weights, lambda: real_material(data, pair.name)))


@pytest.mark.parametrize("visit", ["current", "prior"])
def test_the_brain_agrees_with_the_mask_that_comes_with_the_data(pair: RealPair, visit: str) -> None:
    scan, from_common = {
        "current": (pair.current, pair.current_from_common),
        "prior": (pair.prior, pair.prior_from_common),
    }[visit]
    head, params = reorient(scan), BrainParameters()
    found = extract_brain(head, load_atlas(), align_with_atlas(head, load_atlas(), params=params), params=params)
    truth = resample(pair.brain, head.grid, to_volume=np.linalg.inv(from_common).astype(np.float64))
    assert dice(found.array > 0, truth.array > 0.5) > 0.94


def test_registration_is_as_close_as_the_data_allows(accuracy: CaseFigures) -> None:
    assert accuracy.registration_error_mm is not None
    assert accuracy.registration_error_mm < {"patient01": 0.30, "patient12": 0.35}[accuracy.name]


def test_registration_does_not_depend_on_how_the_patient_lay(pair: RealPair) -> None:
    current, prior = reorient(pair.current), reorient(pair.prior)
    straight = register_rigid(current, prior, params=RegistrationParameters()).transform
    points = current.grid.index_to_lps(np.argwhere(current.array > np.percentile(current.array, 80))[::997])
    generator = np.random.default_rng(4)
    for _ in range(2):
        moved, away = moved_away(prior, generator)
        found = away.inverse().after(register_rigid(current, moved, params=RegistrationParameters()).transform)
        assert np.linalg.norm(found.apply(points) - straight.apply(points), axis=1).mean() < 0.05


def test_the_largest_increase_is_found_in_its_place(accuracy: CaseFigures) -> None:
    largest = max(accuracy.lesions, key=lambda lesion: lesion.volume_mm3)
    assert largest.overlap > {"patient01": 0.75, "patient12": 0.4}[accuracy.name]


def test_increases_are_found_without_false_alarms(accuracy: CaseFigures) -> None:
    found, false_positives, overlap = {"patient01": (3, 2, 0.65), "patient12": (5, 3, 0.40)}[accuracy.name]
    assert accuracy.found(shipped_score()) >= found
    assert accuracy.false_positives(shipped_score()) <= false_positives
    assert accuracy.dice >= overlap


def test_two_patients_are_not_compared(data: Path) -> None:
    one, other = (read_pair(data, name) for name in LONGITUDINAL_PATIENTS)
    for fixed, moving in ((one.current, other.current), (other.prior, one.prior)):
        with pytest.raises(RegistrationFailed, match="do not match"):
            register_rigid(reorient(fixed), reorient(moving), params=RegistrationParameters())


def test_one_scan_sent_twice_with_motion_and_noise_holds_no_change(pair: RealPair) -> None:
    scan = pair.current
    generator = np.random.default_rng(9)
    centre = scan.grid.index_to_lps((np.array(scan.grid.shape) - 1) / 2)
    motion = rotation_about(centre, np.deg2rad([3.0, -2.0, 4.0]))
    oblique = Grid(scan.grid.shape, motion.matrix @ scan.grid.affine)
    moved = resample(scan, oblique)
    noise = generator.normal(0, 0.03 * np.percentile(scan.array, 90), (2, *scan.grid.shape))
    again = moved.with_array(np.hypot(moved.array + noise[0], noise[1]))
    result = find_runner("ms_longitudinal")(
        {SeriesRole.FLAIR: again}, {SeriesRole.FLAIR: scan}, lambda _stage, _fraction: None
    )
    assert as_longitudinal(result).lesions == ()
