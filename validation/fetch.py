"""Reference data on this machine: from the mirror that INTERVAL_DATA names, or fetched from where it is published.

Every file is checked against its manifest before anything reads it; a changed byte is refused.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pooch
from pooch.utils import get_logger

from validation.datasets.manifest import FileEntry, Manifest, write_manifest
from validation.real_pairs import data_folder

CACHE = "INTERVAL_DATA_CACHE"
"""Environment variable: where fetched data is kept; the user's cache folder unless set."""


class MissingData(LookupError):
    """A set's files are neither in the mirror nor fetched yet."""


class ChangedData(ValueError):
    """A file is not the one that the manifest pins."""


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def places(manifest: Manifest) -> tuple[Path, ...]:
    """Return where a set's files may lie, the mirror before what was fetched."""
    mirror = data_folder()
    return (*([mirror / manifest.mirror] if mirror is not None else []), cache_folder() / manifest.mirror)


def cache_folder() -> Path:
    """Return the folder in which fetched data is kept."""
    named = os.environ.get(CACHE)
    return Path(named) if named else Path(pooch.os_cache("interval"))


def at_hand(manifest: Manifest) -> Path | None:
    """Return the folder that holds all of a set's files, unchecked; None where there is none."""
    for place in places(manifest):
        if all((place / path).is_file() for path in manifest.files):
            return place
    return None


def fetched(manifest: Manifest) -> Path:
    """Return the folder of a set's files, every one of them checked.

    Raises
    ------
    MissingData
        If they are not at hand.
    ChangedData
        If one of them differs from what is pinned, or is not pinned.
    """
    _require_pinned(manifest)
    place = at_hand(manifest)
    if place is None:
        raise MissingData(
            f"The files of {manifest.name} are not at hand: run `python -m validation fetch {manifest.name}`, or let "
            "INTERVAL_DATA name a folder that holds them."
        )
    _check(manifest.name, place, tuple(manifest.files.items()))
    return place


@cache
def _check(name: str, place: Path, files: tuple[tuple[str, FileEntry], ...]) -> None:
    """Check once per process: hashing a set takes as long as reading it."""
    for path, entry in files:
        if entry.sha256 is None:
            raise ChangedData(f"{name}: nobody has pinned {path} yet. Nothing was read of it.")
        if sha256_of(place / path) != entry.sha256:
            raise ChangedData(f"{name}: {path} is not the file that the manifest pins. Nothing was read of it.")


def fetch(manifest: Manifest, say: Callable[[str], object], *, pin: Path | None = None) -> Path:
    """Bring a set to this machine.

    Parameters
    ----------
    manifest : Manifest
    say : callable
        Told what is done.
    pin : Path, optional
        Folder of the manifest: files without a hash are fetched, and theirs is written there for people to compare.

    Raises
    ------
    MissingData
        If the set can't be fetched.
    ChangedData
        If a file differs from what is pinned.
    """
    if not manifest.files:
        say(f"{manifest.name} is made, not fetched\n")
        return cache_folder()
    if (place := at_hand(manifest)) is None:
        place = _download(manifest, pinning=pin is not None, say=say)
    if pin is not None and manifest.unpinned:
        pinned = {path: entry.model_copy(update={"sha256": sha256_of(place / path)}) for path, entry in _open(manifest)}
        manifest = manifest.model_copy(update={"files": {**manifest.files, **pinned}, "unpinned_because": ""})
        say(f"pinned {len(pinned)} files in {write_manifest(manifest, pin).name}; compare it before you commit it\n")
    fetched(manifest)
    say(f"{manifest.name} {manifest.version}: {len(manifest.files)} files, every byte as pinned\n")
    return place


def _open(manifest: Manifest) -> Iterator[tuple[str, FileEntry]]:
    return ((path, entry) for path, entry in manifest.files.items() if entry.sha256 is None)


def _require_pinned(manifest: Manifest) -> None:
    """Refuse a set of which some files could be anything: unverified data is no reference."""
    if manifest.unpinned:
        raise ChangedData(
            f"{manifest.name}: {len(manifest.unpinned)} of its {len(manifest.files)} files have no hash. "
            f"{manifest.unpinned_because} Nothing of the set is used until then. `python -m validation fetch "
            f"{manifest.name} --pin` fetches them and writes the hashes of what it found into the manifest: compare "
            "them with another source before you commit them."
        )


def _download(manifest: Manifest, *, pinning: bool, say: Callable[[str], object]) -> Path:
    if not manifest.address:
        raise MissingData(f"{manifest.name} is published nowhere: its files must be where it was registered.")
    if not pinning:
        _require_pinned(manifest)
    get_logger().setLevel("WARNING")
    place = cache_folder() / manifest.mirror
    source = pooch.create(
        path=place,
        base_url=manifest.address,
        registry={path: f"sha256:{entry.sha256}" if entry.sha256 else None for path, entry in manifest.files.items()},
        urls={path: entry.address for path, entry in manifest.files.items() if entry.address},
        retry_if_failed=2,
    )
    for number, path in enumerate(manifest.files, start=1):
        say(f"\r{manifest.name}: {number} of {len(manifest.files)}")
        try:
            source.fetch(path)
        except ValueError as error:  # pooch's own for a hash that does not match
            raise ChangedData(f"{manifest.name}: what is published as {path} is not what the manifest pins.") from error
        except OSError as error:
            raise MissingData(f"{manifest.name}: {path} could not be fetched.") from error
    say("\n")
    return place
