"""A routes file is read, or refused with the line of each mistake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gateway.cases.contrast import HEAD_WORDS
from gateway.routes.load import DEFAULT, RoutesInvalid, load_routes
from gateway.routes.match import fits
from gateway.routes.model import PriorChoice, PriorPlace, RouteTable
from processing.domain.priority import Priority
from processing.domain.study import SeriesRole
from processing.pipelines.registry import SPECS

WHOLE = """\
routes:
  - name: ms-university
    match:
      modality: [MR]
      description: ["*multiple sklerose*", "*sclerose en plaques*"]
      referring_department: [NEUROLOGY]
      calling_ae_title: [SCANNER1]
    pipeline: ms_longitudinal
    priority: urgent
    series:
      required: [FLAIR, T1]
      wanted: [T2]
    complete:
      quiet_time_s: 30
      longest_wait_s: 900
    prior:
      choose: first
      after: 2020-02-29
      at_least_days: 30
      coarsest_voxel_mm: 5
      look_in: [clinical]
    publication: after review
    targets: [pacs]
"""


def read(tmp_path: Path, text: str) -> RouteTable:
    path = tmp_path / "routes.yaml"
    path.write_text(text, encoding="utf-8")
    return load_routes(path, SPECS, ["pacs"])


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(RoutesInvalid) as refused:
        read(tmp_path, text)
    return str(refused.value).splitlines()


def test_every_line_of_a_route_is_read(tmp_path: Path) -> None:
    (route,) = read(tmp_path, WHOLE).routes
    assert route.match.description == ("*multiple sklerose*", "*sclerose en plaques*")
    assert route.match.calling_ae_title == ("SCANNER1",)
    assert (route.priority, route.pipeline, route.targets) == (Priority.URGENT, "ms_longitudinal", ("pacs",))
    assert [(one.role, one.required) for one in route.series.inputs] == [
        (SeriesRole.FLAIR, True),
        (SeriesRole.T1, True),
        (SeriesRole.T2, False),
    ]
    assert (route.complete.quiet_time_s, route.complete.longest_wait_s) == (30, 900)
    assert (route.prior.choose, route.prior.after) == (PriorChoice.FIRST, date(2020, 2, 29))
    assert (route.prior.at_least_days, route.prior.coarsest_voxel_mm) == (30, 5)
    assert route.prior.look_in == (PriorPlace.CLINICAL,)


def test_the_file_that_comes_with_interval_is_good() -> None:
    assert DEFAULT.is_file()
    assert [route.name for route in load_routes(None, SPECS, ["pacs"]).routes] == ["ms-follow-up"]


def test_the_example_for_tumours_is_good() -> None:
    *tumours, other = load_routes(DEFAULT.with_name("tumours.yaml"), SPECS, ["pacs"]).routes
    assert {route.pipeline for route in tumours} == {"tumour_volumetry"}
    assert other.pipeline == "ms_longitudinal"
    assert {route.match.description for route in tumours} == {other.match.not_description}, "oedema is no sclerosis"


def test_it_routes_whatever_series_selection_takes_for_a_head() -> None:
    (route,) = load_routes(None, SPECS, ["pacs"]).routes
    assert [word for word in HEAD_WORDS if word and not any(fits(one, word) for one in route.match.body_part)] == []


@pytest.mark.parametrize(
    ("good", "bad", "line", "words"),
    [
        ("modality: [MR]", "modalty: [MR]", 4, "routes.1.match.modalty: there is no such word here"),
        ("pipeline: ms_longitudinal", "pipeline: ms", 8, "no such pipeline; installed are: ms_longitudinal"),
        ("priority: urgent", "priority: soon", 9, "routes.1.priority: Input should be"),
        ("required: [FLAIR, T1]", "required: [T1]", 11, "ms_longitudinal can't run without FLAIR"),
        ("wanted: [T2]", "wanted: [SWI]", 12, "ms_longitudinal does not use SWI"),
        ("wanted: [T2]", "wanted: [T1]", 10, "a role is named twice"),
        ("quiet_time_s: 30", "quiet_time_s: -1", 14, "quiet_time_s: Input should be greater than 0"),
        ("after: 2020-02-29", "after: 2021-02-29", 18, "routes.1.prior.after"),
        ("look_in: [clinical]", "look_in: [pacs]", 21, "the clinical archive is always looked in"),
        (
            "publication: after review",
            "publication: preliminary at once",
            22,
            "nothing leaves Interval before",
        ),
        ("targets: [pacs]", "targets: [archive]", 23, "no such target; configured are: pacs"),
        ("priority: urgent", "priority: urgent\n    priority: routine", 10, "'priority' stands here twice"),
        ('"*sclerose en plaques*"', '" "', 5, "a pattern is empty"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, good: str, bad: str, line: int, words: str) -> None:
    assert good in WHOLE
    (said,) = mistakes(tmp_path, WHOLE.replace(good, bad))
    assert said.startswith(f"routes.yaml:{line}: ")
    assert words in said


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    said = mistakes(tmp_path, WHOLE.replace("priority: urgent", "priority: soon").replace("choose: first", "choose: x"))
    assert [line.split(":")[1] for line in said] == ["9", "17"]


def test_two_routes_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    again = WHOLE.replace("routes:\n", "")
    (said,) = mistakes(tmp_path, WHOLE + again)
    assert said == "routes.yaml:24: routes.2.name: another route has this name"


@pytest.mark.parametrize(
    "text", ["", "routes: []", "routes: [1]", "- a", "routes:\n  - name: 'a\n", "\t", "routes: &a [*a]"]
)
def test_what_is_no_table_of_routes_is_refused(tmp_path: Path, text: str) -> None:
    assert all(said.startswith("routes.yaml:") for said in mistakes(tmp_path, text))


def test_a_word_is_a_word(tmp_path: Path) -> None:
    (route,) = read(tmp_path, WHOLE.replace("[NEUROLOGY]", "[NO, 12, 2020-01-01]")).routes
    assert route.match.referring_department == ("NO", "12", "2020-01-01")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RoutesInvalid, match=r"nowhere\.yaml: the file can't be read"):
        load_routes(tmp_path / "nowhere.yaml", SPECS, ["pacs"])
