from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from processing.domain.language import Language
from processing.domain.report import Comparison, draft_report, impression
from processing.domain.result import Lesion, LesionChange, Outline, Region, Side
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
    growing = "Growing lesions: 1 (40 mm³ added): left, periventricular, 40 mm³ added to 55 mm³"
    assert f"{growing}, below the limit of quantification of 50 mm³ (no. 3)." in words
    assert "Limits: The slices of the prior are thicker." in words
    assert words.endswith("Impression: 2 new and 1 growing lesions since the comparison.")


def test_the_draft_says_which_change_may_be_none() -> None:
    lesions = [replace(lesion(n, LesionChange.NEW, 30.0 + n), limits_of_agreement_mm3=31.5) for n in (1, 2)]
    words = draft_report(lesions, COMPARISON)
    assert "31 mm³, within the measurement error, below the limit of quantification of 50 mm³ (no. 1)" in words
    assert "32 mm³, below the limit of quantification of 50 mm³ (no. 2)" in words


def test_the_draft_says_which_volumes_are_too_small_to_mean_much() -> None:
    small, corrected = lesion(1, LesionChange.NEW, 49.9), lesion(3, LesionChange.NEW, 49.9)
    lesions = [small, lesion(2, LesionChange.NEW, 50.0), replace(corrected, outline=Outline.CORRECTED)]
    words = draft_report(lesions, COMPARISON)
    assert "limit of quantification of 50 mm³ (no. 1)" in words
    assert words.count("limit of quantification") == 1


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


@pytest.mark.parametrize(
    ("language", "new", "mixed", "less", "none"),
    [
        (
            Language.GERMAN,
            "1 neue Läsion im Vergleich zur Voruntersuchung.",
            "2 neue und 1 größenprogrediente Läsion im Vergleich zur Voruntersuchung.",
            "Keine neue oder größenprogrediente Läsion; 1 größenregrediente Läsion im Vergleich zur Voruntersuchung.",
            "Keine neue, größenprogrediente, größenregrediente oder nicht mehr abgrenzbare Läsion",
        ),
        (
            Language.FRENCH,
            "1 nouvelle lésion par rapport à l'examen antérieur.",
            "2 nouvelles lésions et 1 lésion augmentée de volume par rapport à l'examen antérieur.",
            "Pas de nouvelle lésion ni de lésion augmentée de volume ; 1 lésion diminuée de volume par rapport",
            "Pas de lésion nouvelle, augmentée ou diminuée de volume, ni disparue,",
        ),
    ],
)
def test_the_impression_agrees_in_number(language: Language, new: str, mixed: str, less: str, none: str) -> None:
    one, other = lesion(1, LesionChange.NEW), lesion(2, LesionChange.NEW)
    assert impression([one], language) == new
    assert impression([one, other, lesion(3, LesionChange.GROWING)], language) == mixed
    assert impression([lesion(1, LesionChange.SHRINKING)], language).startswith(less)
    assert impression([], language).startswith(none)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            Language.GERMAN,
            ("MRT vom 11. März 2024, 371 Tage vor der aktuellen; anhand von FLAIR und T2.", "zuvor 55 mm³"),
        ),
        (
            Language.FRENCH,
            ("IRM du 11 mars 2024, 371 jours avant l'examen actuel ; sur FLAIR et T2.", "auparavant 55 mm³"),
        ),
    ],
)
def test_the_whole_draft_is_in_one_language(language: Language, said: tuple[str, ...]) -> None:
    found = [lesion(n, change, 40, 55) for n, change in enumerate(LesionChange, start=1)]
    words = draft_report(found, COMPARISON, language=language)
    for part in said:
        assert part in words
    for english in ("lesion", "periventricular", "left", "and", "Not assessed", "images T1 images"):
        assert f" {english} " not in f" {words} "
    assert "{" not in words
