from __future__ import annotations

from pathlib import Path

import pytest

from validation.__main__ import main


def test_the_sets_are_listed_with_what_is_at_hand(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERVAL_DATA", str(tmp_path))
    monkeypatch.setenv("INTERVAL_DATA_CACHE", str(tmp_path))
    assert main(["datasets"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "made here" in lines["phantom"]
    assert "not at hand" in lines["ms-longitudinal"]
    assert "files not pinned" in lines["ms-longitudinal-20"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["fetch", "nothing"], "There is no dataset nothing"), (["run", "--dataset", "nothing"], "There is no dataset")],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


def test_a_pipeline_of_another_kind_is_told_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    tumours = ["--pipeline", "tumour_volumetry"]
    assert main(["gate", "--quick", *tumours]) == 1
    assert "no reference case" in capsys.readouterr().out
    for measured_again in ("stability", "robustness"):
        assert main([measured_again, *tumours]) == 1
        assert "compares no two visits" in capsys.readouterr().err
    assert main(["run", "--dataset", "phantom", *tumours]) == 1
    assert "can't measure phantom" in capsys.readouterr().err


def test_a_site_says_first_where_it_keeps_its_manifests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INTERVAL_SITE_DATASETS", raising=False)
    assert main(["add", str(tmp_path)]) == 1
    assert "INTERVAL_SITE_DATASETS" in capsys.readouterr().out
    monkeypatch.setenv("INTERVAL_SITE_DATASETS", str(tmp_path / "manifests"))
    assert main(["add", str(tmp_path)]) == 1
    assert "current_FLAIR" in capsys.readouterr().err
