"""The command that explains routes, on a folder of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.routes.__main__ import main
from tests.unit.gateway.brain_studies import Person, encoded, new_uid, series


def write(folder: Path, *kinds: str, uid: str = "2.25.1") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    person = Person()
    for number, kind in enumerate(kinds, start=1):
        for image in series(person, uid, "20230405", kind, number=number, SeriesDescription=f"{kind} Kopf"):
            (folder / f"{new_uid()}.dcm").write_bytes(encoded(image))


def test_a_study_that_can_be_measured_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "study", "FLAIR", "T1", "FLAIR")
    assert main(["explain", str(tmp_path / "study")]) == 0
    said = capsys.readouterr().out
    assert "-> ms-follow-up (ms_longitudinal): taken" in said
    assert "yes modality: MR fits" in said
    assert "FLAIR Kopf" in said
    assert "and the best of its kind" in said
    assert "series 3 was preferred" in said
    assert "The study can be measured. Research use, not a medical device." in said


def test_a_study_that_lacks_something_says_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "study", "T2")
    assert main(["explain", str(tmp_path / "study")]) == 1
    said = capsys.readouterr().out
    assert "Would be waited for: No FLAIR series of the brain has come." in said
    assert "The study has no usable FLAIR series of the brain." in said


def test_another_routes_file_can_be_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "study", "FLAIR")
    routes = tmp_path / "routes.yaml"
    routes.write_text(
        "routes:\n  - name: elsewhere\n    match: {modality: [CT]}\n    pipeline: ms_longitudinal\n"
        "    series: {required: [FLAIR]}\n",
        encoding="utf-8",
    )
    assert main(["explain", str(tmp_path / "study"), "--routes", str(routes)]) == 1
    said = capsys.readouterr().out
    assert "elsewhere (ms_longitudinal): the study does not fit" in said
    assert "(FLAIR)" in said


def test_files_of_two_studies_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "study", "FLAIR")
    write(tmp_path / "study", "FLAIR", uid="2.25.2")
    assert main(["explain", str(tmp_path / "study")]) == 2
    assert "images of 2 studies" in capsys.readouterr().err


def test_a_file_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "ms-follow-up: ms_longitudinal, needs FLAIR, would like T1, T2" in capsys.readouterr().out
    bad = tmp_path / "bad.yaml"
    bad.write_text("routes:\n  - nam: x\n", encoding="utf-8")
    assert main(["check", str(bad)]) == 2
    assert "bad.yaml:2: routes.1.nam: there is no such word here" in capsys.readouterr().err
