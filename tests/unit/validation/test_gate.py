"""Every branch of the protocol for updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from processing.domain.versions import Basis, Ledger, VersionEntry
from tests.unit.validation.made_outputs import output, truth
from validation.compare import CaseComparison, compare_case
from validation.datasets import GradedBy
from validation.gate import Decision, Evidence, decide, f2, read_ledger, say_decision, write_ledger
from validation.outputs import CaseOutput, TruthFigures
from validation.ratings import CaseName, Judgement, Rating, judgements

TODAY = date(2026, 5, 4)
ONE = ("made", "one")


def evidence(
    *pairs: tuple[CaseOutput, CaseOutput | None],
    version: str = "1.1.0",
    graded_by: GradedBy = GradedBy.READERS,
    before: Mapping[CaseName, Judgement] | None = None,
    now: Mapping[CaseName, Judgement] | None = None,
) -> Evidence:
    comparisons: list[CaseComparison] = [compare_case(new, old) for new, old in pairs]
    return Evidence("ms_longitudinal", version, comparisons, (), (), {"made": graded_by}, before or {}, now or {})


def decided(given: Evidence) -> Decision:
    return decide(given, today=TODAY)


def entry(decision: Decision) -> VersionEntry:
    assert decision.entry is not None
    return decision.entry


def good(rating: float = 4, *, acceptable: bool = True) -> Judgement:
    return Judgement(acceptable, rating)


CHANGED = (output((10, 7), version="1.1.0"), output((10, 6)))
GROWN = (output((20, 6), version="1.1.0"), output((10, 6)))


def test_without_a_reference_it_is_the_first_version() -> None:
    decision = decided(evidence((output(), None)))
    assert entry(decision).basis is Basis.FIRST
    assert decision.passed


def test_no_change_is_deployable() -> None:
    decision = decided(evidence((output(version="1.1.0"), output())))
    assert entry(decision).basis is Basis.UNCHANGED
    assert not entry(decision).incompatible_with_earlier


def test_a_change_within_tolerance_is_none() -> None:
    assert entry(decided(evidence((output(offset=1e-5), output())))).basis is Basis.UNCHANGED


def test_a_change_under_the_same_version_says_what_to_do() -> None:
    decision = decided(evidence(CHANGED, version="1.0.0"))
    assert decision.entry is None
    for words in ("made/one", "raise SPEC.version", "python -m validation reference", "CHANGELOG.md"):
        assert words in decision.blocked


def test_what_two_runs_do_not_agree_on_is_not_decided() -> None:
    decision = decided(replace(evidence(CHANGED), irreproducible=("phantom/small",)))
    assert (decision.entry, "not seeded" in decision.blocked) == (None, True)


def test_cases_that_were_left_out_are_asked_for() -> None:
    decision = decided(replace(evidence((output(), output())), missing=("made/two",)))
    assert (decision.entry, "made/two" in decision.blocked) == (None, True)


def test_a_changed_case_waits_for_readers() -> None:
    decision = decided(evidence(CHANGED))
    assert entry(decision).basis is Basis.RATINGS_WANTED
    assert decision.to_rate == (ONE,)
    assert not decision.passed


@pytest.mark.parametrize(
    ("before", "now", "basis"),
    [
        (good(4), good(4), Basis.READERS),
        (good(4), good(5), Basis.READERS),
        (good(4), good(3), Basis.WORSE),
        (good(4), good(5, acceptable=False), Basis.WORSE),
        (good(2, acceptable=False), good(3), Basis.READERS),
    ],
)
def test_readers_decide(before: Judgement, now: Judgement, basis: Basis) -> None:
    decision = decided(evidence(CHANGED, before={ONE: before}, now={ONE: now}))
    assert entry(decision).basis is basis
    assert decision.passed is (basis is Basis.READERS)


def test_a_first_rating_has_nothing_to_be_worse_than() -> None:
    assert entry(decided(evidence(CHANGED, now={ONE: good(2)}))).basis is Basis.READERS


@pytest.mark.parametrize(
    ("old", "new", "basis"),
    [
        (truth(3, 1, 1), truth(3, 1, 1), Basis.TRUTH),
        (truth(3, 1, 1), truth(4, 0, 2), Basis.TRUTH),
        (truth(3, 1, 1), truth(2, 2, 0), Basis.RATINGS_WANTED),
        (truth(3, 1, 1), truth(3, 1, 2), Basis.RATINGS_WANTED),
    ],
    ids=["as good", "finds more", "finds less", "more false alarms"],
)
def test_the_truth_decides_where_there_is_one(old: TruthFigures, new: TruthFigures, basis: Basis) -> None:
    pair = (output((10, 7), version="1.1.0", figures=new), output((10, 6), figures=old))
    assert entry(decided(evidence(pair, graded_by=GradedBy.TRUTH))).basis is basis


def test_a_change_of_a_case_without_truth_is_for_readers() -> None:
    assert entry(decided(evidence(CHANGED, graded_by=GradedBy.TRUTH))).basis is Basis.RATINGS_WANTED


def test_a_volume_that_moved_by_more_than_a_quarter_is_incompatible() -> None:
    found = entry(decided(evidence(GROWN, now={ONE: good()})))
    assert found.incompatible_with_earlier
    assert found.largest_volume_change_percent == pytest.approx(62.5)
    assert found.case == "made/one"


def test_a_smaller_change_is_compatible() -> None:
    assert not entry(decided(evidence(CHANGED, now={ONE: good()}))).incompatible_with_earlier


def test_a_case_that_readers_had_rejected_does_not_decide_about_volumes() -> None:
    rejected = {ONE: good(1, acceptable=False)}
    assert not entry(decided(evidence(GROWN, before=rejected, now={ONE: good()}))).incompatible_with_earlier


def test_something_from_nothing_is_incompatible_and_has_no_percentage() -> None:
    found = entry(decided(evidence((output((10,), version="1.1.0"), output(())), now={ONE: good()})))
    assert found.incompatible_with_earlier
    assert found.largest_volume_change_percent is None


def test_sensitivity_counts_twice() -> None:
    assert f2([truth(4, 0, 2)]) > f2([truth(3, 1, 1)])
    assert f2([]) == 1.0


def test_readers_judge_together() -> None:
    said = [
        Rating(dataset="d", case="c", pipeline="p", version="1", rater=rater, acceptable=yes, rating=rating)
        for rater, yes, rating in (("a", True, 5), ("b", True, 3), ("c", False, 1))
    ]
    assert judgements(said, "p", "1") == {("d", "c"): Judgement(acceptable=True, rating=3)}
    assert judgements(said, "p", "2") == {}


def test_the_ledger_is_kept_in_words(tmp_path: Path) -> None:
    path = tmp_path / "compatibility.yaml"
    assert read_ledger(path) == Ledger()
    ledger = Ledger().with_entry("p", VersionEntry(version="1", basis=Basis.FIRST, decided=TODAY))
    write_ledger(ledger, path)
    assert "first version" in path.read_text(encoding="utf-8")
    assert read_ledger(path) == ledger


def test_the_decision_is_said_in_words() -> None:
    said: list[str] = []
    given = evidence(GROWN, now={ONE: good()})
    say_decision(decided(given), given, said.append)
    assert "Deployable" in said[0]
    assert "62 %" in "".join(said) or "63 %" in "".join(said)
