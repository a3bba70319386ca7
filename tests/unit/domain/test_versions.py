from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from processing.domain.result import Lesion, LesionChange, Outline, Region, Side
from processing.domain.versions import (
    Basis,
    Ledger,
    VersionEntry,
    VolumeLimits,
    comparison_warning,
    measurement_error_mm3,
    why_refused,
    with_limits,
)

P = "ms_longitudinal"


def entry(version: str, basis: Basis = Basis.UNCHANGED, *, breaks: bool = False) -> VersionEntry:
    limits = (
        VolumeLimits(low_mm3=12, high_mm3=50, factor=2.0, difference_mm3=18.0, lesions=9),
        VolumeLimits(low_mm3=150, high_mm3=None, factor=1.2, difference_mm3=160.5, lesions=9),
    )
    return VersionEntry(
        version=version, basis=basis, decided=date(2026, 1, 1), incompatible_with_earlier=breaks, limits=limits
    )


LEDGER = Ledger(
    pipelines={P: (entry("1.0", Basis.FIRST), entry("1.1"), entry("2.0", Basis.READERS, breaks=True), entry("2.1"))}
)


@pytest.mark.parametrize(
    ("one", "other", "comparable"),
    [
        ("1.0", "1.0", True),
        ("1.0", "1.1", True),
        ("1.1", "2.0", False),
        ("1.0", "2.1", False),
        ("2.0", "2.1", True),
        ("9.9", "9.9", True),
        ("9.9", "2.1", False),
    ],
)
def test_versions_compare_until_one_breaks(one: str, other: str, comparable: bool) -> None:
    assert LEDGER.comparable(P, one, other) is comparable
    assert LEDGER.comparable(P, other, one) is comparable


def test_a_report_names_the_priors_to_measure_again() -> None:
    said = comparison_warning(LEDGER, P, "2.1", {"4 May 2024": "1.1", "6 Jun 2025": "2.0"})
    assert "4 May 2024 (version 1.1)" in said
    assert "6 Jun 2025" not in said
    assert "again" in said
    assert comparison_warning(LEDGER, P, "2.1", {"6 Jun 2025": "2.0"}) == ""


@pytest.mark.parametrize("basis", list(Basis))
def test_only_what_passed_is_not_refused(basis: Basis) -> None:
    ledger = Ledger().with_entry(P, entry("1.0", basis))
    passed = basis not in (Basis.RATINGS_WANTED, Basis.WORSE)
    assert (why_refused(ledger, P, "1.0") == "") is passed
    assert "not been through" in why_refused(ledger, P, "1.1")


@pytest.mark.parametrize(
    ("volume", "limits"), [(12, 18.0), (49.9, 18.0), (50, None), (149, None), (150, 160.5), (9000, 160.5), (9, None)]
)
def test_limits_of_agreement_are_those_of_the_size_and_the_version(volume: float, limits: float | None) -> None:
    assert measurement_error_mm3(LEDGER, P, "2.1", volume) == limits
    assert measurement_error_mm3(LEDGER, P, "9.9", volume) is None
    assert measurement_error_mm3(LEDGER, "another", "2.1", volume) is None


def test_what_a_reader_drew_has_no_limits() -> None:
    made = Lesion(1, LesionChange.NEW, 17.0, 0.0, (0, 0, 0), Region.PERIVENTRICULAR, Side.LEFT, 0.9)
    drawn = replace(made, outline=Outline.CORRECTED)
    found, kept = with_limits(LEDGER, P, "2.1", [made, drawn])
    assert (found.limits_of_agreement_mm3, found.exceeds_measurement_error) == (18.0, False)
    assert found.measurement_error_words == "the change is within the measurement error (limits of agreement ±18 mm³)"
    assert kept == drawn
    assert (kept.exceeds_measurement_error, kept.measurement_error_words) == (None, "")


def test_a_version_stands_once() -> None:
    again = LEDGER.with_entry(P, entry("2.1", Basis.MAINTAINER))
    assert [one.version for one in again.pipelines[P]] == ["1.0", "1.1", "2.0", "2.1"]
    with pytest.raises(ValueError, match="twice"):
        Ledger(pipelines={P: (entry("1"), entry("1"))})
