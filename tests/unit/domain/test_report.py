from __future__ import annotations

from dataclasses import replace
from datetime import date

from processing.domain.report import Comparison, draft_report, impression
from processing.domain.result import Lesion, LesionChange, Region, Side
from processing.domain.study import SeriesRole

COMPARISON = Comparison(date(2025, 3, 17), date(2024, 3, 11), (SeriesRole.FLAIR, SeriesRole.T2), (SeriesRole.T1,))


def lesion(number: int, change: LesionChange, volume_mm3: float = 100.0, prior_mm3: float = 0.0) -> Lesion:
    return Lesion(number, change, volume_mm3, prior_mm3, (0, 0, 0), Region.PERIVENTRICULAR, Side.LEFT, 0.9)


def test_the_draft_names_number_volumes_regions_and_the_comparison() -> None:
    lesions = [
        lesion(1, LesionChange.NEW, 120),
        lesion(2, LesionChange.NEW, 30),
        lesion(3, LesionChange.GROWING, 40, 55),
    ]
    words = draft_report(lesions, COMPARISON, ("The slices of the prior are thicker.",))
    assert "MR of 11 Mar 2024, 371 days before the present one; on FLAIR and T2." in words
    assert "New lesions: 2 (150 mm³ in all): left, periventricular, 120 mm³ (no. 1); " in words
    assert "Growing lesions: 1 (40 mm³ added): left, periventricular, 40 mm³ added to 55 mm³ (no. 3)." in words
    assert "Limits: The slices of the prior are thicker." in words
    assert words.endswith("Impression: 2 new and 1 growing lesions since the comparison.")


def test_the_draft_says_which_change_may_be_none() -> None:
    lesions = [replace(lesion(n, LesionChange.NEW, 30.0 + n), limits_of_agreement_mm3=31.5) for n in (1, 2)]
    words = draft_report(lesions, COMPARISON)
    assert "31 mm³, within the measurement error (no. 1)" in words
    assert "32 mm³ (no. 2)" in words


def test_the_draft_says_what_was_not_assessed() -> None:
    words = draft_report([], COMPARISON)
    (sentence,) = [part for part in words.split("\n\n") if part.startswith("Not assessed")]
    for named in ("enhancement after contrast", "spinal cord", "T1 images"):
        assert named in sentence
    assert "T2 images" not in sentence
    assert "T1 images" not in draft_report([], replace(COMPARISON, missing=()))


def test_what_did_not_change_is_said_in_words() -> None:
    assert impression([]) == "No new, growing, shrinking or vanished lesion since the comparison."
    assert impression([lesion(1, LesionChange.VANISHED)]) == (
        "No new or growing lesion; 1 vanished lesion since the comparison."
    )
    assert impression([lesion(1, LesionChange.NEW)]) == "1 new lesion since the comparison."


def test_a_long_list_is_cut_and_says_so() -> None:
    words = draft_report([lesion(n, LesionChange.NEW, 100.0 - n) for n in range(1, 14)], COMPARISON)
    assert "; and 3 smaller ones." in words
    assert "(no. 13)" not in words


def test_studies_without_a_date_are_compared_all_the_same() -> None:
    words = draft_report([], replace(COMPARISON, prior=None, current=None))
    assert "date not known" in words
    assert "days before" not in words
