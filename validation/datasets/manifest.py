"""What a manifest says, and where manifests are found."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processing.domain.study import SeriesRole

MANIFESTS = Path(__file__).parent
"""The manifests that come with Interval."""

SITE_MANIFESTS = "INTERVAL_SITE_DATASETS"
"""Environment variable that names the folder of a site's own manifests."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/ -]*$")]


class UnknownDataset(LookupError):
    """No manifest has this name."""


class BrokenManifest(ValueError):
    """A manifest can't be read; the message says what is wrong with it."""


class GradedBy(StrEnum):
    """Who judges a case of a set when a version changes it."""

    TRUTH = "truth"
    READERS = "readers"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Strict):
    """One file: its hash, and its address where that is not the set's with its path added.

    Without a hash it is not pinned, and `fetch` refuses it unless it is told to pin what it finds.
    """

    sha256: Sha256 | None
    address: str | None = None


class PhantomCase(_Strict):
    """A phantom, made from the specification that `validation.datasets.phantoms` holds under the case's name."""

    kind: Literal["phantom"] = "phantom"
    name: str
    quick: bool = False
    specification: Sha256
    """Of what it is made of and where its lesions lie: the same on every machine."""


class PairCase(_Strict):
    """Two visits as NIfTI files, with the ground truth of Lesjak et al. where there is one."""

    kind: Literal["pair"] = "pair"
    name: str
    quick: bool = False
    current: dict[SeriesRole, RelativePath]
    prior: dict[SeriesRole, RelativePath]
    truth: Literal["change in common space", "lesions in current"] | None = None
    truth_file: RelativePath | None = None

    @model_validator(mode="after")
    def _with_what_truth_needs(self) -> PairCase:
        if (self.truth == "lesions in current") != (self.truth_file is not None):
            raise ValueError("a truth file belongs to a truth of lesions in the current scan, and to no other")
        return self


class SeriesCase(_Strict):
    """One series of DICOM files, of which reading is checked: its place, its values."""

    kind: Literal["series"] = "series"
    name: str
    quick: bool = False
    files: tuple[RelativePath, ...] = ()
    """Folder or files; empty for every file of the set."""


CaseEntry = Annotated[PhantomCase | PairCase | SeriesCase, Field(discriminator="kind")]


class Manifest(_Strict):
    """A reference dataset.

    Parameters
    ----------
    name : str
    version : str
    title : str
    licence, citation : str
    address : str
        Where files are fetched; empty for what is made or registered.
    mirror : str
        Folder below INTERVAL_DATA, or absolute for a site's own set.
    graded_by : GradedBy
    pipelines : tuple of str
        That can measure its cases.
    unpinned_because : str
        Why files have no hash, and what to do about it; said wherever the set is refused.
    files : dict of str to FileEntry
    cases : tuple of CaseEntry
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    version: str
    title: str
    licence: str
    citation: str
    address: str = ""
    mirror: str = ""
    graded_by: GradedBy
    pipelines: tuple[str, ...] = ("ms_longitudinal",)
    unpinned_because: str = ""
    files: dict[RelativePath, FileEntry] = {}
    cases: tuple[CaseEntry, ...]

    @model_validator(mode="after")
    def _with_every_file_listed(self) -> Manifest:
        used = {path for case in self.cases for path in _paths(case)}
        if missing := sorted(used - self.files.keys()):
            raise ValueError(f"cases use files that are not listed: {', '.join(missing[:3])}")
        names = [case.name for case in self.cases]
        if len(set(names)) < len(names):
            raise ValueError("two cases have one name")
        if self.unpinned and not self.unpinned_because:
            raise ValueError("files have no hash, and nothing says why")
        return self

    @property
    def unpinned(self) -> tuple[str, ...]:
        """Files whose hash nobody has fixed yet."""
        return tuple(path for path, entry in self.files.items() if entry.sha256 is None)

    def case(self, name: str) -> PhantomCase | PairCase | SeriesCase:
        """Return a case by its name."""
        for case in self.cases:
            if case.name == name:
                return case
        raise UnknownDataset(f"{self.name} has no case {name}")


def _paths(case: PhantomCase | PairCase | SeriesCase) -> set[str]:
    if isinstance(case, PhantomCase):
        return set()
    if isinstance(case, SeriesCase):
        return set(case.files)
    truth = {case.truth_file} if case.truth_file else set()
    return {*case.current.values(), *case.prior.values(), *truth}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    BrokenManifest
        If it says too little, too much or something else than its file's name.
    """
    try:
        manifest = Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise BrokenManifest(f"{path.name}: {error}") from error
    if manifest.name != path.stem:
        raise BrokenManifest(f"{path.name} calls itself {manifest.name}")
    return manifest


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write a manifest as its file and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{manifest.name}.yaml"
    content = manifest.model_dump(mode="json", exclude_defaults=True, exclude_none=False)
    for case, entry in zip(content["cases"], manifest.cases, strict=True):
        case["kind"] = entry.kind
    path.write_text(yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True), encoding="utf-8")
    return path


def site_folder() -> Path | None:
    """Return the folder of a site's own manifests, where there is one."""
    named = os.environ.get(SITE_MANIFESTS)
    return Path(named) if named else None


def all_manifests() -> tuple[Manifest, ...]:
    """Read every manifest: those that come with Interval, then a site's own."""
    folders = [MANIFESTS, *([site] if (site := site_folder()) is not None and site.is_dir() else [])]
    return tuple(read_manifest(path) for folder in folders for path in sorted(folder.glob("*.yaml")))


def find_manifest(name: str) -> Manifest:
    """Return the manifest with a name.

    Raises
    ------
    UnknownDataset
        Naming those that there are.
    """
    manifests = {manifest.name: manifest for manifest in all_manifests()}
    if name not in manifests:
        raise UnknownDataset(f"There is no dataset {name}; there are {', '.join(manifests)}.")
    return manifests[name]
