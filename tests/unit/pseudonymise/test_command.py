"""The auditors' command on folders of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.pseudonymise.__main__ import main
from tests.unit.pseudonymise.images import SECRET, encoded, scanner_image


@pytest.fixture
def in_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "Tse" / "study"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"{number}").write_bytes(encoded(scanner_image(number)))
    (folder / "again").write_bytes(encoded(scanner_image(1)))
    (tmp_path / "key").write_text(SECRET.hex())
    return tmp_path / "in"


def _run(in_dir: Path, *more: str) -> int:
    return _run_into(in_dir.parent / "out", in_dir, *more)


def _run_into(out_dir: Path, in_dir: Path, *more: str) -> int:
    return main([str(in_dir), str(out_dir), "--key-file", str(in_dir.parent / "key"), *more])


def test_accepts_a_folder(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(in_dir, "--profile", "mr") == 0
    files = sorted((in_dir.parent / "out").rglob("*.dcm"))
    assert len(files) == 3
    assert {dcmread(path).PatientIdentityRemoved for path in files} == {"YES"}
    assert all(path.stem == dcmread(path).SOPInstanceUID for path in files)
    assert "4 accepted, 0 refused" in capsys.readouterr().out


def test_names_each_refusal_and_exits_3(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_dir / "note.txt").write_text("hello")
    other = scanner_image(2)
    other.SOPInstanceUID = scanner_image(1).SOPInstanceUID
    (in_dir / "zz-double").write_bytes(encoded(other))
    assert _run(in_dir) == 3
    out = capsys.readouterr().out
    assert "refused note.txt: the file is not a DICOM file" in out
    assert "refused zz-double: another file has the same SOP Instance UID" in out
    assert "4 accepted, 2 refused" in out
    assert len(list((in_dir.parent / "out").rglob("*.dcm"))) == 3


def test_does_not_start_with_a_weak_key_or_a_wrong_profile(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(in_dir, "--profile", "nothing") == 2
    (in_dir.parent / "key").write_text("changeme")
    assert _run(in_dir) == 2
    assert "too short" in capsys.readouterr().err
    assert not (in_dir.parent / "out").exists()


def test_a_missing_folder_is_wrong_use(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(in_dir / "nothing", "--key-file", str(in_dir.parent / "key")) == 2
    assert "does not exist" in capsys.readouterr().err


def test_an_output_folder_that_can_not_be_is_wrong_use(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = in_dir.parent / "file"
    file.write_bytes(b"")
    assert _run_into(file, in_dir) == 2
    assert "can't be made" in capsys.readouterr().err
    before = sorted(in_dir.rglob("*"))
    for inside in (in_dir, in_dir / "out", in_dir / ".." / in_dir.name / "out"):
        assert _run_into(inside, in_dir) == 2
        assert "lies in the input folder" in capsys.readouterr().err
    assert sorted(in_dir.rglob("*")) == before, "nothing was mixed with the originals"


def test_what_is_no_file_is_refused_and_a_repeat_is_named(in_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (in_dir / "broken").symlink_to(in_dir / "absent")
    os.mkfifo(in_dir / "pipe")
    assert _run(in_dir) == 3
    said = capsys.readouterr().out
    assert "refused broken: it is no file" in said
    assert "refused pipe: it is no file" in said
    assert "repeated Tse/study/again: the same image" in said or "repeated Tse/study/1: the same image" in said
    assert "4 accepted, 2 refused" in said
