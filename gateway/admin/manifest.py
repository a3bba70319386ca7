"""What a backup says about itself: a manifest, and the checksum of every file in the form that sha256sum reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from processing.domain.errors import InputRejected

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
FORMAT = 1
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_BLOCK = 1 << 20


class Manifest(BaseModel):
    """A backup's own description; it names no patient."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    made_at: datetime
    version: str
    """Of Interval."""
    database: str
    """sqlite or postgresql."""
    schema_revision: str
    instances: dict[str, int]
    """Number of DICOM files by archive; empty for a backup of the database alone."""
    size_bytes: int
    secrets: bool
    """Whether the secrets are in it, encrypted."""
    sums_sha256: str
    """Of the list of checksums."""


class Sums:
    """Writes the list of checksums while files are written.

    Parameters
    ----------
    folder : Path
        Of the backup.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / SUMS).open("w", encoding="utf-8", newline="\n")
        self.size_bytes = 0

    def add(self, path: Path, digest: str = "") -> None:
        """Note a file; its checksum is computed unless it is known."""
        self._file.write(f"{digest or digest_of(path)}  {path.relative_to(self._folder).as_posix()}\n")
        self.size_bytes += path.stat().st_size

    def close(self) -> str:
        """End the list; return its own SHA-256."""
        self._file.close()
        return digest_of(self._folder / SUMS)


def digest_of(path: Path) -> str:
    """Return a file's SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def listed(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (SHA-256, path within the backup) of every file of a backup.

    Raises
    ------
    InputRejected
        If a line can't be read, or leads out of the folder.
    """
    with (folder / SUMS).open(encoding="utf-8") as file:
        for line in file:
            found = _LINE.fullmatch(line.rstrip("\n"))
            path = Path(found[2]) if found else Path("..")
            if found is None or path.is_absolute() or ".." in path.parts:
                raise InputRejected("The backup's list of checksums can't be read.")
            yield found[1], path


def read_manifest(folder: Path) -> Manifest:
    """Return a backup's manifest.

    Raises
    ------
    InputRejected
        If the folder holds no finished backup that this version can read.
    """
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise InputRejected("The folder holds no finished backup: its manifest is missing or can't be read.") from error
    if manifest.format > FORMAT:
        raise InputRejected("The backup was made by a newer version of Interval: install that one first.")
    return manifest


def verify(folder: Path) -> Manifest:
    """Look at every byte of a backup; return its manifest.

    Raises
    ------
    InputRejected
        If a file is missing, was changed or was cut; the sentence says how many.
    """
    manifest = read_manifest(folder)
    if not (folder / SUMS).is_file() or digest_of(folder / SUMS) != manifest.sums_sha256:
        raise InputRejected("The backup's list of checksums is missing or was changed.")
    wrong = 0
    for digest, path in listed(folder):
        file = folder / path
        wrong += not file.is_file() or digest_of(file) != digest
    if wrong:
        raise InputRejected(f"{wrong} files of the backup are missing or were changed. Take another backup.")
    return manifest
