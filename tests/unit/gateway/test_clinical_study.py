"""Which images of a study count: those that an installed pipeline may ask for."""

from __future__ import annotations

import pytest

from gateway.clinical_study import ClinicalSeries, ClinicalStudy


def a_study(measured: frozenset[str]) -> ClinicalStudy:
    series = tuple(
        ClinicalSeries(f"1.2.{number}", modality, number, "Scanner", ("a",) * number)
        for number, modality in enumerate(("MR", "CT", "PT", "SR"), start=1)
    )
    return ClinicalStudy("1.2", frozenset({"P"}), series, measured)


@pytest.mark.parametrize(
    ("measured", "counted", "ignored"), [(frozenset({"MR"}), 1, 5), (frozenset({"MR", "CT"}), 3, 3)]
)
def test_images_of_a_modality_that_is_measured_count(measured: frozenset[str], counted: int, ignored: int) -> None:
    study = a_study(measured)
    assert (study.image_count, study.ignored_count) == (counted, ignored)
