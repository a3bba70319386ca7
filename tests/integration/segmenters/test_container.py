"""A container image with the BraTS interface, run by the runtime of this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from processing.domain.errors import Defect
from processing.domain.tumour import TumourLabel
from processing.segmenters.card import SegmenterCard
from processing.segmenters.container import container_runtime, write_nifti
from processing.segmenters.installed import installed_segmenters
from processing.segmenters.tensors import prepare
from tests.unit.segmenters.made import card, evidence

pytestmark = pytest.mark.integration

CHANNELS = [{"series": role, "normalisation": "white matter is 1"} for role in ("T1", "T1C", "T2", "FLAIR")]
ISOLATED = """
for one in t1 t1c t2 flair; do test -r /data/$one.nii.gz || exit 10; done
(: > /data/t1.nii.gz) 2>/dev/null && exit 11
(: > /data/new) 2>/dev/null && exit 12
(: > /new) 2>/dev/null && exit 13
while read -r device _; do case $device in Inter-*|face|lo:*) ;; *) exit 14;; esac; done < /proc/net/dev
cp /answer.nii.gz /data/results/tumour.nii.gz
"""


def programs(root: Path) -> None:
    """This machine's own shell, cp and sleep with their libraries: no image has to come from anywhere."""
    for name in ("sh", "cp", "sleep"):
        path = shutil.which(name)
        assert path is not None
        (root / "bin").mkdir(exist_ok=True)
        shutil.copy(os.path.realpath(path), root / "bin" / name)
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+)", listed):
            target = root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(os.path.realpath(library), target)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Id of an image whose answer lies ready in it."""
    runtime = container_runtime()
    if runtime is None:
        pytest.skip("neither podman nor docker is installed")
    folder = tmp_path_factory.mktemp("image")
    root = folder / "root"
    (root / "data" / "results").mkdir(parents=True)
    for place in ("proc", "sys", "dev", "tmp", "etc"):
        (root / place).mkdir()
    programs(root)
    shown = evidence()
    prepared = prepare(shown, SegmenterCard.model_validate(container_card("sha256:" + "0" * 64)))
    write_nifti(root / "answer.nii.gz", (prepared.tensor[3] > 1.5).astype(np.float32) * 4, prepared.grid)
    with tarfile.open(folder / "image.tar", "w") as archive:
        archive.add(root, arcname=".")
    imported = subprocess.run([runtime, "import", str(folder / "image.tar")], capture_output=True, text=True)
    if imported.returncode != 0:
        pytest.skip(f"the container runtime takes no image here: {imported.stderr.strip()[-200:]}")
    name = "sha256:" + imported.stdout.strip().removeprefix("sha256:")
    limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=2048:2048")
    plain = subprocess.run(
        [runtime, "run", "--rm", "--network=none", *limits, name, "/bin/sh", "-c", ":"], capture_output=True
    )
    if plain.returncode != 0:
        subprocess.run([runtime, "rmi", "--force", name], capture_output=True, check=False)
        pytest.skip(f"no container runs here: {plain.stderr.decode().strip()[-200:]}")
    yield name
    subprocess.run([runtime, "rmi", "--force", name], capture_output=True, check=False)


def container_card(image: str, script: str = ISOLATED, **limits: object) -> dict[str, object]:
    runs: dict[str, object] = {"kind": "container", "image": image, "command": ["/bin/sh", "-c", script]}
    return card(runs | limits) | {"channels": CHANNELS, "labels": {"1": 1, "2": 2, "4": 3}}


def install(folder: Path, made: dict[str, object]) -> Path:
    (folder / "box").mkdir(parents=True)
    (folder / "box" / "card.json").write_text(json.dumps(made))
    return folder


def test_a_container_sees_its_input_alone_and_its_labels_come_back(image: str, tmp_path: Path) -> None:
    (segmenter,) = installed_segmenters(install(tmp_path, container_card(image)))
    found = segmenter.segment(evidence())
    assert found.labels == (TumourLabel.ENHANCING,)
    assert found.array[10, 12, 11] == TumourLabel.ENHANCING


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", r"failed \(exit status 3\)"),
        (":", "left no single result"),
        ("echo nothing > /data/results/tumour.nii.gz", "can't be read"),
        ("cd /data/results; cp /answer.nii.gz a.nii.gz; cp a.nii.gz b.nii.gz", "left no single result"),
    ],
)
def test_a_container_that_gives_no_labels_is_a_defect(image: str, tmp_path: Path, script: str, reason: str) -> None:
    (segmenter,) = installed_segmenters(install(tmp_path, container_card(image, script)))
    with pytest.raises(Defect, match=reason):
        segmenter.segment(evidence())


def test_a_container_that_takes_too_long_is_stopped(image: str, tmp_path: Path) -> None:
    (segmenter,) = installed_segmenters(install(tmp_path, container_card(image, "sleep 300", time_limit_s=5.0)))
    with pytest.raises(Defect, match="took longer than 5 s and was stopped"):
        segmenter.segment(evidence())
    runtime = container_runtime()
    assert runtime is not None
    left = subprocess.run([runtime, "ps", "--format", "{{.Names}} {{.Command}}"], capture_output=True, text=True)
    assert "sleep 300" not in left.stdout


def test_an_image_that_is_not_here_is_not_fetched(image: str, tmp_path: Path) -> None:
    assert image
    (segmenter,) = installed_segmenters(install(tmp_path, container_card("registry.example/box@sha256:" + "1" * 64)))
    with pytest.raises(Defect, match="failed"):
        segmenter.segment(evidence())
