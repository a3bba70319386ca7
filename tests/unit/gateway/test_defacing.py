"""The program that removes faces, run as the gateway runs it: a process of its own on a folder of files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, demo_visit, write_study
from gateway.defacing import Defacer
from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import load_profile
from processing.domain.errors import Defect, InputRejected
from processing.domain.study import SeriesRole
from validation.phantom import SMALL_PHANTOM, make_phantom

SECRET = bytes.fromhex("9ad2f3107c5be8364a90dd17f2c6b15e83047ba95f60d2c8e1347590ab6cfe28")


@dataclass(frozen=True)
class Defaced:
    """A study's files before and after, by name."""

    before: dict[str, bytes]
    after: dict[str, bytes]


def _write(folder: Path, *, thin: int = 1) -> None:
    flair = make_phantom(SMALL_PHANTOM).current[SeriesRole.FLAIR]
    study = write_study(
        folder.parent / "study",
        {SeriesRole.FLAIR: flair},
        patient=DEMO_PATIENT,
        study=demo_visit(1),
        scanner=DEMO_SCANNERS[1],
    )
    images = [path for path in study.files if "FLAIR" in path.parent.name]
    folder.mkdir()
    for number, path in enumerate(images[::thin]):
        (folder / f"{number:06}").write_bytes(path.read_bytes())


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def defaced(tmp_path_factory: pytest.TempPathFactory) -> Defaced:
    folder = tmp_path_factory.mktemp("deface") / "images"
    _write(folder)
    before = _contents(folder)
    Defacer().deface(folder, lambda: None)
    return Defaced(before, _contents(folder))


def test_nothing_but_voxels_changes_and_those_become_zero(defaced: Defaced) -> None:
    assert defaced.before.keys() == defaced.after.keys()
    changed = 0
    for name, before in defaced.before.items():
        old, new = dcmread(BytesIO(before)), dcmread(BytesIO(defaced.after[name]))
        different = old.pixel_array != new.pixel_array
        changed += int(different.sum())
        assert not new.pixel_array[different].any()
        start = len(before) - len(old.PixelData)
        assert before[:start] == defaced.after[name][:start]
        assert len(before) == len(defaced.after[name])
    total = sum(dcmread(BytesIO(one)).pixel_array.size for one in defaced.before.values())
    assert 0.001 < changed / total < 0.3


def test_the_middle_of_the_head_is_bit_identical(defaced: Defaced) -> None:
    before, after = (
        np.stack([dcmread(BytesIO(files[name])).pixel_array for name in sorted(files)])
        for files in (defaced.before, defaced.after)
    )
    z, y, x = before.shape
    middle = np.s_[z // 2 :, y // 3 : 2 * y // 3, x // 3 : 2 * x // 3]
    np.testing.assert_array_equal(after[middle], before[middle])


def test_what_has_no_face_says_so_and_only_that(defaced: Defaced) -> None:
    pseudonymiser = Pseudonymiser(KeyRing.from_secret(SECRET, "key-1"), load_profile())
    content = next(iter(defaced.after.values()))
    without, plain = (
        dcmread(BytesIO(pseudonymise_instance(content, pseudonymiser, defaced=ran).part10)) for ran in (True, False)
    )
    said = [str(code.CodeValue) for code in without.DeidentificationMethodCodeSequence]
    assert said == ["113100", "113102", *pseudonymiser.profile.options]
    assert without.RecognizableVisualFeatures == "NO"
    assert "113102" not in [str(code.CodeValue) for code in plain.DeidentificationMethodCodeSequence]
    assert "RecognizableVisualFeatures" not in plain


def test_what_can_not_be_treated_is_refused_with_a_sentence(tmp_path: Path) -> None:
    _write(tmp_path / "thick", thin=3)
    before = _contents(tmp_path / "thick")
    with pytest.raises(InputRejected, match="too thick"):
        Defacer().deface(tmp_path / "thick", lambda: None)
    assert _contents(tmp_path / "thick") == before


def test_a_program_that_fails_or_hangs_lets_nothing_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Defect, match="nothing left"):
        Defacer([sys.executable, "-c", "import sys; sys.exit(1)"]).deface(tmp_path, lambda: None)
    monkeypatch.setattr("gateway.defacing._POLL_S", 0.2)
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(Defect, match="too long"):
        Defacer(sleeping, timeout_s=0.2).deface(tmp_path, lambda: None)

    class LeaseLost(Exception):
        pass

    def lost() -> None:
        raise LeaseLost

    with pytest.raises(LeaseLost):
        Defacer(sleeping).deface(tmp_path, lost)


def test_the_program_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://interval")
    monkeypatch.setenv("INTERVAL_PSEUDONYM_KEY_FILE", "/run/secrets/key")
    tells = "import os, sys, pathlib; pathlib.Path(sys.argv[1], 'told').write_text(' '.join(os.environ))"
    Defacer([sys.executable, "-c", tells]).deface(tmp_path, lambda: None)
    told = (tmp_path / "told").read_text(encoding="utf-8").split()
    assert "PATH" in told
    assert not [name for name in told if name.startswith(("INTERVAL", "DATABASE"))]
