from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.graphics.shapes import Circle, String

from processing.pipelines.registry import SPECS
from tests.unit.validation.made_outputs import GRID, output, truth
from validation import gate as _gate
from validation import report
from validation.compare import compare_case
from validation.datasets import GradedBy
from validation.gate import Evidence, decide
from validation.outputs import CaseOutput, load
from validation.pictures import COLOURS, case_picture
from validation.plots import HEIGHT, WIDTH, Plot, Series, drawing, svg
from validation.ratings import Rating
from validation.release import (
    Assessment,
    Summary,
    admit,
    conclude_ratings,
    make_reference,
    past_summaries,
    same_output,
    summarise,
)

SPEC = SPECS[0]
OLD, NEW = output((10, 6), figures=truth(3, 1, 0)), output((20, 6), version=SPEC.version, figures=truth(4, 0, 0))


def assessed(*pairs: tuple[CaseOutput, CaseOutput], graded_by: GradedBy = GradedBy.TRUTH) -> Assessment:
    comparisons = [compare_case(new, old) for new, old in pairs]
    evidence = Evidence(SPEC.name, SPEC.version, comparisons, (), (), {"made": graded_by}, {}, {})
    outputs = [new for new, _ in pairs]
    return Assessment(SPEC, outputs, evidence, decide(evidence, today=date(2026, 1, 2)))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is written into the project itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("validation.release.REPORTS", tmp_path / "reports")
    monkeypatch.setattr("validation.release.LEDGER", tmp_path / "compatibility.yaml")
    monkeypatch.setattr("validation.release.reference_folder", lambda name: tmp_path / "reference" / name)
    monkeypatch.setattr("validation.release.read_ledger", lambda: _gate.read_ledger(tmp_path / "compatibility.yaml"))
    monkeypatch.setattr(
        "validation.release.write_ledger", lambda ledger: _gate.write_ledger(ledger, tmp_path / "compatibility.yaml")
    )
    return tmp_path


def test_the_page_says_what_the_gate_said_and_needs_nothing_from_elsewhere(elsewhere: Path) -> None:
    path = report.write_report(assessed((NEW, OLD)))
    page = path.read_text(encoding="utf-8")
    assert "Deployable" in page
    assert "Incompatible with earlier versions" in page
    assert "made/one" in page
    assert "not a medical device" in page
    assert not re.search(r'(src|href)="https?:', page)
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_a_closed_gate_says_what_to_do(elsewhere: Path) -> None:
    same = output((10, 6), version=SPEC.version, figures=truth(3, 1, 0))
    page = report.write_report(assessed((NEW, same))).read_text(encoding="utf-8")
    assert "The gate stays closed" in page
    assert "raise SPEC.version" in page


def test_a_release_keeps_its_reference_ledger_and_figures(elsewhere: Path) -> None:
    entry = make_reference(assessed((NEW, OLD)), lambda _: None)
    assert entry is not None
    assert entry.incompatible_with_earlier
    (kept,) = past_summaries(SPEC.name)
    assert kept.entry == entry
    assert _gate.read_ledger(elsewhere / "compatibility.yaml").entry(SPEC.name, SPEC.version) == entry
    assert (elsewhere / "reference" / SPEC.name / "made" / "one.json").is_file()
    again = make_reference(assessed((NEW, NEW)), lambda _: None)
    assert again is not None
    assert _gate.read_ledger(elsewhere / "compatibility.yaml").entry(SPEC.name, SPEC.version) == entry


def test_a_version_that_was_never_released_may_change(elsewhere: Path) -> None:
    first = make_reference(assessed((NEW, OLD)), lambda _: None)
    other = output((18, 6), version=SPEC.version, figures=truth(4, 0, 0))
    assert make_reference(assessed((other, NEW)), lambda _: None) is None
    assert make_reference(assessed((other, NEW)), lambda _: None, unreleased=True) == first
    kept = load(elsewhere / "reference" / SPEC.name, "made", "one")
    assert kept is not None
    assert same_output(kept, other)


def test_a_closed_gate_writes_nothing(elsewhere: Path) -> None:
    same = output((10, 6), version=SPEC.version)
    assert make_reference(assessed((NEW, same)), lambda _: None) is None
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(("rating", "passed"), [(4, True), (2, False)])
def test_ratings_that_come_later_decide(elsewhere: Path, rating: int, passed: bool) -> None:
    waiting = make_reference(assessed((NEW, OLD), graded_by=GradedBy.READERS), lambda _: None)
    assert waiting is not None
    assert not waiting.passed

    def said(version: str, value: int) -> Rating:
        return Rating(
            dataset="made",
            case="one",
            pipeline=SPEC.name,
            version=version,
            rater="reader 1",
            acceptable=True,
            rating=value,
        )

    before = said(OLD.record.version, 3)
    assert conclude_ratings(SPEC.name, [before], lambda _: None) is None
    entry = conclude_ratings(SPEC.name, [before, said(SPEC.version, rating)], lambda _: None)
    assert entry is not None
    assert entry.passed is passed


def test_a_maintainer_releases_with_a_reason_that_is_kept(elsewhere: Path) -> None:
    entry = make_reference(
        assessed((NEW, OLD), graded_by=GradedBy.READERS), lambda _: None, decided="no reader at hand"
    )
    assert entry is not None
    assert entry.passed
    assert "no reader at hand" in entry.reason


def test_a_pipeline_without_a_reference_set_is_admitted_with_a_reason(elsewhere: Path) -> None:
    entry = admit(SPEC.name, "no reference set yet", lambda _: None)
    assert entry.passed
    assert _gate.read_ledger(elsewhere / "compatibility.yaml").entry(SPEC.name, SPEC.version) == entry


def test_the_summary_survives_its_file() -> None:
    summary = summarise(assessed((NEW, OLD)))
    assert Summary.model_validate_json(summary.model_dump_json()) == summary
    assert summary.cases[0].volume_change_percent == pytest.approx(62.5)


def test_the_same_output_is_the_same_whatever_it_took() -> None:
    slower = replace(
        NEW,
        record=NEW.record.model_copy(update={"provenance": NEW.record.provenance.model_copy(update={"seconds": 99.0})}),
    )
    assert same_output(NEW, slower)
    assert not same_output(NEW, OLD)


def test_plots_keep_to_their_frame_and_escape_words() -> None:
    drawn = svg(Plot("a < b", (Series("x", ((0, 0.5), (1, 2.0))),), "", ((0.0, "<"),)))
    assert "a &lt; b" in drawn
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert min(heights) >= 20
    assert svg(Plot("empty", (), "", ())).startswith("<svg")


def test_a_plot_on_paper_lies_where_it_lies_on_the_page() -> None:
    plot = Plot("found", (Series("x", ((0, 0.5), (1, 1.0), (4, 0.2)), ((0.4, 0.6), None, None)),), "mm", ((0.0, "0"),))
    on_page = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg(plot))
    paper = drawing(plot, 2.0 * WIDTH)
    dots = [(shape.cx, HEIGHT - shape.cy) for shape in paper.contents if isinstance(shape, Circle)]
    assert np.allclose(dots, [(float(x), float(y)) for x, y in on_page], atol=0.1)
    assert (paper.width, paper.height) == (2.0 * WIDTH, 2.0 * HEIGHT)
    assert {"found", "mm", "x"} <= {shape.text for shape in paper.contents if isinstance(shape, String)}


def test_a_picture_shows_every_outline_in_its_colour(tmp_path: Path) -> None:
    assert NEW.lesion_map is not None
    truth = np.roll(NEW.lesion_map.array > 0, 4, axis=1)
    (tmp_path / "made").mkdir()
    np.savez_compressed(
        tmp_path / "made" / "one.images.npz",
        flair=np.full(GRID.shape, 90, np.uint8),
        truth=truth,
        spacing=np.array(GRID.spacing_mm),
    )
    png = case_picture(tmp_path, "made", "one", NEW.lesion_map, OLD.lesion_map)
    assert png is not None
    colours = {tuple(colour.tolist()) for row in np.array(Image.open(BytesIO(png))) for colour in row}
    assert {COLOURS["now"], COLOURS["truth"]} <= colours


def test_a_picture_needs_kept_images(tmp_path: Path) -> None:
    assert case_picture(tmp_path, "made", "one", NEW.lesion_map, OLD.lesion_map) is None
    assert NEW.lesion_map is not None
    assert NEW.lesion_map.grid.same_as(GRID)
