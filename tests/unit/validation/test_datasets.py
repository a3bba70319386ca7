from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from processing.domain.study import SeriesRole
from validation import fetch
from validation.datasets import GradedBy, Manifest, UnknownDataset, all_manifests, find_manifest, read_case
from validation.datasets.manifest import BrokenManifest, FileEntry, PairCase, SeriesCase, read_manifest, write_manifest
from validation.datasets.phantoms import PHANTOMS, OtherPhantom, pinned_phantom, specification_hash
from validation.datasets.register import NoCases, register
from validation.fetch import ChangedData, MissingData
from validation.phantom import SMALL_PHANTOM, LesionKind, LesionSpec, Phantom, make_phantom


def manifest(content: bytes = b"x", *, sha256: str | None = None, address: str = "") -> Manifest:
    pinned = sha256 or hashlib.sha256(content).hexdigest()
    return Manifest(
        name="made", version="1", title="Made", licence="CC0", citation="", address=address, mirror="made",
        graded_by=GradedBy.TRUTH, files={"a/b.nii.gz": FileEntry(sha256=pinned)}, cases=(SeriesCase(name="one"),),
    )  # fmt: skip


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty mirror, and a cache of its own; what was checked before is forgotten."""
    monkeypatch.setenv("INTERVAL_DATA", str(tmp_path))
    monkeypatch.setenv("INTERVAL_DATA_CACHE", str(tmp_path / "cache"))
    fetch._check.cache_clear()
    (tmp_path / "made" / "a").mkdir(parents=True)
    return tmp_path


def put(mirror: Path, content: bytes) -> None:
    (mirror / "made" / "a" / "b.nii.gz").write_bytes(content)


def test_every_manifest_that_comes_with_interval_is_whole() -> None:
    manifests = {one.name: one for one in all_manifests()}
    assert {"phantom", "ms-longitudinal", "ms-longitudinal-20", "t1-dicom"} <= manifests.keys()
    for one in manifests.values():
        assert one.licence
        assert one.citation
        assert not one.files or one.address.startswith("https://")
    assert [one.name for one in manifests.values() if one.unpinned] == ["ms-longitudinal-20"]
    assert len(manifests["t1-dicom"].files) == 384


def test_an_unknown_set_names_those_that_there_are() -> None:
    with pytest.raises(UnknownDataset, match="phantom"):
        find_manifest("nothing")


def test_the_mirror_is_taken_when_every_byte_is_as_pinned(mirror: Path) -> None:
    put(mirror, b"x")
    said: list[str] = []
    assert fetch.fetch(manifest(), said.append) == mirror / "made"
    assert "every byte as pinned" in said[-1]


def test_a_changed_byte_is_refused(mirror: Path) -> None:
    put(mirror, b"y")
    with pytest.raises(ChangedData, match="not the file"):
        fetch.fetched(manifest())


def test_what_is_not_at_hand_says_how_to_get_it(mirror: Path) -> None:
    with pytest.raises(MissingData, match="validation fetch made"):
        fetch.fetched(manifest())
    with pytest.raises(MissingData, match="published nowhere"):
        fetch.fetch(manifest(), lambda _: None)


def test_what_is_published_is_fetched_and_checked(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = mirror / "published"
    (source / "a").mkdir(parents=True)
    (source / "a" / "b.nii.gz").write_bytes(b"x")

    def copy(url: str, output_file: str, pooch: object) -> None:
        Path(output_file).write_bytes((source / url.split("example.org/")[1]).read_bytes())

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *_args, **_options: copy)
    published = manifest(address="https://example.org/")
    place = fetch.fetch(published, lambda _: None)
    assert place == mirror / "cache" / "made"
    assert (place / "a" / "b.nii.gz").read_bytes() == b"x"
    (place / "a" / "b.nii.gz").unlink()
    (source / "a" / "b.nii.gz").write_bytes(b"other")
    with pytest.raises(ChangedData, match="published"):
        fetch.fetch(published, lambda _: None)


def test_what_nobody_pinned_is_refused_until_somebody_does(mirror: Path) -> None:
    put(mirror, b"x")
    files = {"a/b.nii.gz": FileEntry(sha256=None)}
    entry = manifest().model_copy(update={"files": files, "unpinned_because": "Nobody could reach it."})
    said = r"1 of its 1 files have no hash\. Nobody could reach it\..*--pin"
    with pytest.raises(ChangedData, match=said):
        fetch.fetched(entry)
    with pytest.raises(ChangedData, match=said):
        fetch.fetch(entry, lambda _: None)
    fetch.fetch(entry, lambda _: None, pin=mirror / "manifests")
    assert read_manifest(mirror / "manifests" / "made.yaml") == manifest()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("name: other", "calls itself"),
        ("name: made\nunknown: 1", "unknown"),
        ("name: [", "made.yaml"),
    ],
)
def test_a_broken_manifest_says_what_is_wrong(tmp_path: Path, wrong: str, said: str) -> None:
    path = write_manifest(manifest(), tmp_path)
    if wrong == "name: other":
        path.write_text(path.read_text().replace("name: made", "name: other", 1))
    else:
        path.write_text(path.read_text() + wrong.removeprefix("name: made\n") + "\n")
    with pytest.raises(BrokenManifest, match=said):
        read_manifest(path)


def test_a_case_uses_only_files_that_are_pinned() -> None:
    pair = PairCase(name="one", current={SeriesRole.FLAIR: "c.nii.gz"}, prior={SeriesRole.FLAIR: "p.nii.gz"})
    with pytest.raises(ValueError, match="not listed"):
        Manifest.model_validate({**manifest().model_dump(), "cases": [pair.model_dump()]})


def image(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    volume = nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 3.0, 1.0]))  # type: ignore[no-untyped-call]  # as it comes
    nibabel.save(volume, path)


def test_a_site_registers_its_own_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesions = np.zeros((20, 20, 8), np.uint8)
    lesions[5:9, 5:9, 3:5] = 1
    for visit in ("current", "prior"):
        image(tmp_path / "cases" / "first" / f"{visit}_FLAIR.nii.gz", np.ones((20, 20, 8), np.float32))
    image(tmp_path / "cases" / "first" / "lesions.nii.gz", lesions)
    (tmp_path / "cases" / "notes").mkdir()
    monkeypatch.setenv("INTERVAL_SITE_DATASETS", str(tmp_path / "manifests"))
    register(tmp_path / "cases", tmp_path / "manifests", name="site")
    fetch._check.cache_clear()
    found = find_manifest("site")
    assert found.graded_by is GradedBy.READERS
    case = read_case(found, found.case("first"), fetch.fetched)
    assert case.truth is not None
    assert case.truth.increases.max() == 1
    assert (case.truth.increases > 0).sum() == lesions.sum()
    (tmp_path / "cases" / "first" / "current_FLAIR.nii.gz").write_bytes(b"changed")
    fetch._check.cache_clear()
    with pytest.raises(ChangedData):
        fetch.fetched(found)


def test_a_folder_without_cases_is_no_set(tmp_path: Path) -> None:
    with pytest.raises(NoCases, match="current_FLAIR"):
        register(tmp_path, tmp_path / "manifests", name="site")


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(SMALL_PHANTOM)


def test_the_phantom_is_the_one_that_is_pinned(phantom: Phantom) -> None:
    pinned = find_manifest("phantom").case("small")
    assert specification_hash(SMALL_PHANTOM, phantom) == getattr(pinned, "specification", "")


def test_another_lesion_or_motion_is_another_phantom(phantom: Phantom) -> None:
    whole = specification_hash(SMALL_PHANTOM, phantom)
    more = replace(SMALL_PHANTOM, lesions=(*SMALL_PHANTOM.lesions, LesionSpec(LesionKind.NEW, 0, 20)))
    assert specification_hash(more, phantom) != whole
    moved = replace(phantom, changes=(replace(phantom.changes[0], centroid_mm=(0.0, 0.0, 0.0)), *phantom.changes[1:]))
    assert specification_hash(SMALL_PHANTOM, moved) != whole


def test_a_phantom_that_is_not_pinned_is_refused() -> None:
    with pytest.raises(OtherPhantom, match="no phantom"):
        pinned_phantom("nothing", "0" * 64)


def test_every_phantom_of_the_family_is_pinned() -> None:
    assert {case.name for case in find_manifest("phantom").cases} == set(PHANTOMS)
