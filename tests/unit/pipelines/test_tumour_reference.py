from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import Defect
from processing.pipelines.tumour_volumetry.reference import AlarmReference, read_reference
from processing.stages.alarms import raise_alarms

NAMES = ("one", "two")


@pytest.fixture
def reference() -> AlarmReference:
    population = np.random.default_rng(1).normal(0.8, 0.1, (20, 2, 2, 3))
    return AlarmReference.of(population, NAMES, (0.1, 0.2, 0.3), population="twenty made cases")


@pytest.fixture
def file(reference: AlarmReference, tmp_path: Path) -> Path:
    path = tmp_path / "alarms.json"
    path.write_text(reference.model_dump_json(indent=1))
    return path


def changed(file: Path, **fields: object) -> Path:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
    return file


def test_what_was_written_is_read_and_raises_alarms(file: Path, reference: AlarmReference) -> None:
    found = read_reference(file, NAMES)
    assert found == reference
    usual = np.array(found.median)
    assert not raise_alarms(usual, found.thresholds, alpha=found.alpha).any()
    assert raise_alarms(usual - 1.0, found.thresholds, alpha=found.alpha).all()


def test_a_site_sets_alpha_for_a_region_and_keeps_the_rest(reference: AlarmReference) -> None:
    assert reference.alphas({}) == (0.1, 0.2, 0.3)
    assert reference.alphas({"enhancing tumour": 2.0}) == (0.1, 0.2, 2.0)
    with pytest.raises(Defect, match="no region liver"):
        reference.alphas({"liver": 1.0})


def test_a_changed_number_is_noticed(file: Path) -> None:
    with pytest.raises(Defect, match="changed after it was measured"):
        read_reference(changed(file, cases=21), NAMES)


def test_another_version_or_ensemble_is_refused(file: Path, reference: AlarmReference) -> None:
    with pytest.raises(Defect, match="another ensemble"):
        read_reference(file, ("two", "one"))
    older = reference.model_copy(update={"version": "0.0.1"})
    file.write_text(older.model_copy(update={"sha256": older.digest()}).model_dump_json())
    with pytest.raises(Defect, match=r"belongs to tumour_volumetry 0\.0\.1"):
        read_reference(file, NAMES)


@pytest.mark.parametrize("content", ["", "{}", '{"median": [[["NaN"]]]}'])
def test_what_is_no_reference_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "alarms.json"
    file.write_text(content)
    with pytest.raises(Defect, match="not what it should be"):
        read_reference(file, NAMES)
    with pytest.raises(Defect, match="can't be read"):
        read_reference(tmp_path / "none.json", NAMES)
