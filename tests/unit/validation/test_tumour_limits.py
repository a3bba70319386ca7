from __future__ import annotations

import numpy as np
import pytest

from gateway.flow import release
from processing.domain.growth import Part
from processing.domain.versions import agreement_factor
from validation.tumour_cohort.limits import PIPELINE, limits_of


def scans(spread: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Thirty tumours, each scanned twice; the second measures the core by a factor more or less."""
    first = np.column_stack([np.linspace(1.0, 12.0, 30), np.linspace(20.0, 80.0, 30), np.linspace(8.0, 20.0, 30)])
    second = first.copy()
    second[::2, 0] *= spread
    second[1::2, 0] /= spread
    return np.stack([first, second], axis=1)


def test_each_part_has_limits_of_its_own_for_the_sizes_that_were_measured() -> None:
    by_part = {one.of: one for one in limits_of(scans(1.2)) if one.low_mm3 >= 3000}
    assert by_part.keys() == {part.value for part in Part}
    assert by_part[Part.CORE.value].factor == pytest.approx(1.2**1.96, rel=0.01)
    assert by_part[Part.ENHANCING.value].factor == pytest.approx(1.05), "no better than the least limit"
    assert not by_part[Part.ENHANCING.value].holds(30_000.0)


def test_a_small_core_is_judged_by_small_ones() -> None:
    cores = [one for one in limits_of(scans(1.2)) if one.of == Part.CORE.value]
    assert [one.lesions for one in cores] == [6, 24]
    assert cores[0].high_mm3 is not None
    assert cores[0].high_mm3 <= cores[1].low_mm3 + 100


def test_the_first_version_has_limits_for_every_part() -> None:
    version, ledger = "0.1.0", release.ledger()
    found = [agreement_factor(ledger, PIPELINE, version, part.value, 20_000.0) for part in Part]
    assert all(factor is not None and factor > 1.0 for factor in found)
