from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import Defect
from processing.domain.imaging import LabelMap
from processing.domain.result import TumourResult
from processing.domain.tumour import TumourFindings, TumourVolumes
from processing.pipelines.ms_longitudinal import pipeline as ms_longitudinal
from processing.pipelines.tumour_volumetry import pipeline
from processing.pipelines.tumour_volumetry.reference import SHIPPED, AlarmReference
from processing.stages.tumour.segmenters import BUILT_IN
from processing.worker.ensemble import NO_REFERENCE, Ensemble, EnsembleSettings, find_runner
from tests.unit.segmenters.made import GRID, install

NAMES = [segmenter.name for segmenter in BUILT_IN]


def reference(folder: Path, names: list[str]) -> Path:
    population = np.random.default_rng(1).normal(0.8, 0.1, (12, len(names), 2, 3))
    file = folder / "alarms.json"
    made = AlarmReference.of(population, names, (0.1, 0.1, 0.1), population="made cases")
    file.write_text(made.model_dump_json())
    return file


def test_installed_segmenters_stand_behind_the_built_in_ones(tmp_path: Path) -> None:
    install(tmp_path / "cards" / "a")
    made = Ensemble.of(EnsembleSettings(segmenters_folder=tmp_path / "cards"))
    assert [one.name for one in made.segmenters] == [*NAMES, "tiny 1.0"]
    assert made.reference is None, "the shipped population is the built-in ensemble's alone"
    with_own = EnsembleSettings(
        segmenters_folder=tmp_path / "cards", alarm_reference_file=reference(tmp_path, [*NAMES, "tiny 1.0"])
    )
    assert Ensemble.of(with_own).reference is not None


def test_a_site_sets_how_readily_a_region_raises_alarms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERVAL_ALARM_ALPHA", '{"enhancing tumour": 2}')
    monkeypatch.setenv("INTERVAL_ALARM_REFERENCE_FILE", str(reference(tmp_path, NAMES)))
    assert Ensemble.of(EnsembleSettings()).alpha == (0.1, 0.1, 2.0)


def test_a_reference_of_other_segmenters_stops_the_worker(tmp_path: Path) -> None:
    with pytest.raises(Defect, match="another ensemble"):
        Ensemble.of(EnsembleSettings(alarm_reference_file=reference(tmp_path, ["another"])))


@pytest.mark.parametrize("known", [True, False])
def test_without_a_reference_the_reader_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    given: dict[str, object] = {}

    def run(_images: object, _progress: object, **options: object) -> TumourResult:
        given.update(options)
        return result()

    monkeypatch.setattr(pipeline, "run", run)
    loaded = Ensemble.of(EnsembleSettings(alarm_reference_file=reference(tmp_path, NAMES)))
    made = loaded if known else Ensemble(BUILT_IN, None, None)
    found = made.run({}, {}, lambda _stage, _fraction: None)
    assert found.warnings == (() if known else (NO_REFERENCE,))
    assert (given["thresholds"] is not None) is known


def test_what_is_shipped_belongs_to_this_version() -> None:
    shipped = Ensemble.of(EnsembleSettings()).reference
    assert (shipped is not None) is SHIPPED.is_file()


def test_other_pipelines_run_as_they_are() -> None:
    assert find_runner("ms_longitudinal") is ms_longitudinal.run


def result() -> TumourResult:
    nothing = LabelMap(np.zeros(GRID.shape, np.uint16), GRID)
    findings = TumourFindings(TumourVolumes(0, 0, 0), None, (), (), 30, ((), (), ()))
    return TumourResult(findings, nothing, {}, {}, np.eye(4), np.zeros((5, 2, 3)))
