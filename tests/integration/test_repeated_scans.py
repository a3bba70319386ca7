"""The small phantom scanned again, and disturbed: what is measured stays near, and what can't be measured says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from processing.pipelines.registry import SPECS
from validation import robustness
from validation.datasets import ReferenceCase, find_manifest, read_case
from validation.fetch import fetched
from validation.perturb import PERTURBATIONS
from validation.stability import limits_of, rescan_case

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def case() -> ReferenceCase:
    manifest = find_manifest("phantom")
    return read_case(manifest, manifest.case("small"), fetched)


def test_scans_of_the_same_head_agree(case: ReferenceCase) -> None:
    repeated = rescan_case(case, SPECS[0].name, scans=2, say=lambda _: None)
    assert sum(one.missed == 0 for one in repeated) >= 3
    (limit,) = limits_of(repeated)
    upper_mm3 = limit.high_mm3 or float("inf")
    assert limit.lesions == sum(limit.low_mm3 <= one.mean_mm3 < upper_mm3 for one in repeated) >= 3
    assert limit.low_mm3 >= 150.0
    assert 1.0 <= limit.factor < 1.5


def test_disturbed_scans_are_measured_or_refused(
    case: ReferenceCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robustness, "KEPT", tmp_path)
    few = {"noise": (PERTURBATIONS["noise"][0], (0.03,), "x"), "cropping": (PERTURBATIONS["cropping"][0], (0.7,), "y")}
    monkeypatch.setattr(robustness, "PERTURBATIONS", few)
    plain, noisy, cropped = robustness.robustness(SPECS[0].name, say=lambda _: None, case=case)
    assert (plain.found, plain.present, plain.false_positives) == (3, 3, 0)
    assert noisy.found == 3
    assert noisy.dice is not None
    assert cropped.refusal
    assert robustness.kept_points(SPECS[0]) == (plain, noisy, cropped)
    assert cropped.refusal in robustness.robustness_table([plain, noisy, cropped])
