from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from processing.domain.errors import InputRejected
from processing.domain.growth import Change, Growth, Part, TumourMeasurement, assess_growth
from processing.domain.growth_words import by_days_before, doubts_in_words
from processing.domain.language import Language
from processing.domain.report_texts import texts_in
from processing.domain.tumour import Diameters, TumourVolumes

LIMITS = dict.fromkeys(Part, 1.1)


def visit(year: int, *, scale: float = 1.0, side_mm: float = 30.0, version: str = "1.0.0") -> TumourMeasurement:
    volumes = TumourVolumes(core_ml=5 * scale, hyperintensity_ml=30 * scale, enhancing_ml=10 * scale)
    return TumourMeasurement(date(year, 6, 1), version, True, volumes, Diameters(40, side_mm, side_mm))


def test_the_current_study_is_compared_with_both_earlier_ones() -> None:
    found = assess_growth([visit(2026, scale=1.5), visit(2024), visit(2025, scale=1.2)], limits=LIMITS, comparable={})
    latest, longest = found.volumes[Part.WHOLE]
    assert (latest.since.year, longest.since.year) == (2025, 2024)
    assert latest.percent == pytest.approx(25.0)
    assert longest.percent == pytest.approx(50.0)
    assert longest.absolute == pytest.approx(22.5)
    assert (latest.direction, longest.direction) == (1, 1)
    assert longest.limits == pytest.approx((45 / 1.1, 45 * 1.1))
    assert [one.day.year for one in found.measurements] == [2024, 2025, 2026]


@pytest.mark.parametrize(("scale", "direction"), [(1.09, 0), (0.92, 0), (1.11, 1), (0.9, -1)])
def test_a_change_counts_beyond_what_repeated_scans_differ_by(scale: float, direction: int) -> None:
    found = assess_growth([visit(2024), visit(2025), visit(2026, scale=scale)], limits=LIMITS, comparable={})
    assert found.volumes[Part.WHOLE][0].direction == direction


def test_without_known_limits_no_direction_is_claimed() -> None:
    found = assess_growth([visit(2024), visit(2025), visit(2026, scale=3)], limits={}, comparable={})
    assert found.volumes[Part.WHOLE][0].direction is None
    assert found.volumes[Part.WHOLE][0].percent == pytest.approx(200)


def test_what_was_nothing_has_no_percentage() -> None:
    assert Change(date(2024, 1, 1), date(2025, 1, 1), 0.0, 4.0, 1.1).percent is None


def test_one_rejected_segmentation_forbids_the_comparison_and_is_named() -> None:
    refused = replace(visit(2025), accepted=False)
    with pytest.raises(InputRejected, match=r"of 2025-06-01 has not been accepted"):
        assess_growth([visit(2024), refused, visit(2026)], limits=LIMITS, comparable={})


@pytest.mark.parametrize("years", [(2024, 2025), (2024, 2025, 2025), (2023, 2024, 2025, 2026)])
def test_three_different_days_are_wanted(years: tuple[int, ...]) -> None:
    with pytest.raises(InputRejected, match="Growth is told"):
        assess_growth([visit(year) for year in years], limits=LIMITS, comparable={})


def test_versions_that_do_not_compare_are_named() -> None:
    three = [visit(2024, version="0.9.0"), visit(2025), visit(2026)]
    (warning,) = doubts_in_words(assess_growth(three, limits=LIMITS, comparable={}))
    assert "version 1.0.0 must not be compared with those of 2024-06-01 (version 0.9.0)" in warning
    assert assess_growth(three, limits=LIMITS, comparable={("0.9.0", "1.0.0"): True}).doubts == ()


def test_diameters_compare_only_where_both_are_measurable() -> None:
    found = assess_growth([visit(2024, side_mm=9.0), visit(2025), visit(2026)], limits=LIMITS, comparable={})
    latest, longest = found.diameters
    assert latest is not None
    assert latest.percent == pytest.approx(0.0)
    assert longest is None


def test_a_middle_study_unlike_both_others_is_inconsistent() -> None:
    found = assess_growth([visit(2024), visit(2025, scale=1.4), visit(2026)], limits=LIMITS, comparable={})
    assert len([words for words in doubts_in_words(found) if "the middle study shows more than both" in words]) == len(
        Part
    )
    assert assess_growth([visit(2024), visit(2025, scale=1.05), visit(2026)], limits=LIMITS, comparable={}).doubts == ()


def test_a_part_that_appears_or_vanishes_is_pointed_at() -> None:
    gone = replace(visit(2026), volumes=TumourVolumes(15.0, 30.0, 0.0), diameters=None)
    found = assess_growth([visit(2024), visit(2025), gone], limits={}, comparable={})
    assert doubts_in_words(found) == ("Since the previous study the enhancing tumour vanished: look at both outlines.",)


def test_volume_and_diameters_that_contradict_each_other_are_named() -> None:
    found = assess_growth(
        [visit(2024), visit(2025), visit(2026, scale=1.5, side_mm=31.0)], limits=LIMITS, comparable={}
    )
    words = doubts_in_words(found)
    assert len(words) == 2
    assert "volume changed by +50 % and the product of its diameters by +7 %" in words[0]
    agreeing = [visit(2024), visit(2025), visit(2026, scale=1.5, side_mm=35.0)]
    assert assess_growth(agreeing, limits=LIMITS, comparable={}).doubts == ()


def doubtful() -> Growth:
    """A comparison with every reason for doubt but a part that appeared."""
    gone = replace(visit(2026, version="2.0.0"), volumes=TumourVolumes(5.0, 30.0, 0.0), diameters=None)
    found = assess_growth([visit(2024), visit(2025, scale=1.4), gone], limits=LIMITS, comparable={})
    assert len({one.doubt for one in found.doubts}) == 3
    return found


@pytest.mark.parametrize(("language", "word"), [("de", "der Untersuchung 365 Tage zuvor"), ("fr", "365 jours avant")])
def test_doubts_are_said_in_the_reports_language_without_a_date(language: str, word: str) -> None:
    texts, found = texts_in(Language(language)).tumour, doubtful()
    words = doubts_in_words(found, texts, by_days_before(found, texts))
    english = doubts_in_words(found)
    assert word in words[0]
    assert not set(words) & set(english)
    assert not any("2025" in sentence for sentence in words)
