"""Every file of an Orthanc, out of it and into it, by its REST interface.

An identifier of Orthanc's is a digest of patient ID, study, series and instance UID, so that the same file has the
same identifier in every Orthanc. A stored file never changes; its storage id (`FileUuid`) therefore tells whether an
earlier backup holds it already.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from gateway.admin.manifest import digest_of
from processing.authorities import believed
from processing.domain.errors import Defect, InputRejected, Transient

_PAGE = 500
_AT_ONCE = 4
_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{8}){4})\.[0-9a-f-]{36}\.dcm")


@dataclass(frozen=True)
class StoredFile:
    """A file in an archive."""

    orthanc_id: str
    storage_id: str

    @property
    def path(self) -> Path:
        """Where it lies in a backup, below its archive's folder."""
        return Path(self.orthanc_id[:2]) / f"{self.orthanc_id}.{self.storage_id}.dcm"


@dataclass(frozen=True)
class CopiedFile:
    """A file in a backup, with its SHA-256."""

    path: Path
    sha256: str


class ArchiveFiles:
    """An Orthanc, seen as a set of files.

    Parameters
    ----------
    name : str
        In words, for reasons.
    url, user, password : str
    """

    def __init__(self, name: str, url: str, user: str, password: str) -> None:
        self.name = name
        self._http = httpx.Client(
            base_url=url,
            auth=(user, password),
            timeout=httpx.Timeout(120.0, connect=5.0),
            verify=believed(),
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def files(self) -> Iterator[StoredFile]:
        """Yield every file that the archive holds."""
        since = 0
        while True:
            page = self._ask("GET", f"/instances?expand&since={since}&limit={_PAGE}").json()
            yield from (StoredFile(str(line["ID"]), str(line["FileUuid"])) for line in page)
            if len(page) < _PAGE:
                return
            since += len(page)

    def copy_all(self, folder: Path, earlier: Path | None, known: Mapping[Path, str]) -> Iterator[CopiedFile]:
        """Write every file below a folder; what an earlier backup holds unharmed is linked to instead of fetched.

        A file that was removed from the archive meanwhile is left out: that is what the archive holds then.

        Parameters
        ----------
        folder : Path
        earlier : Path or None
            The same archive's folder in the earlier backup.
        known : mapping of Path to str
            SHA-256 of that backup's files.
        """
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="backup") as threads:
            for copied in threads.map(lambda file: self._copy(file, folder, earlier, known), self.files()):
                if copied is not None:
                    yield copied

    def _copy(
        self, file: StoredFile, folder: Path, earlier: Path | None, known: Mapping[Path, str]
    ) -> CopiedFile | None:
        path = folder / file.path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = earlier / file.path if earlier is not None else None
        if before is not None and before.is_file() and digest_of(before) == known.get(before):
            _link(before, path)
            return CopiedFile(path, known[before])
        answer = self._ask("GET", f"/instances/{file.orthanc_id}/file", missing=True)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        path.write_bytes(answer.content)
        return CopiedFile(path, hashlib.sha256(answer.content).hexdigest())

    def require_nothing_but(self, folder: Path) -> None:
        """Make sure that a restore mixes nothing: the archive holds nothing that the backup does not hold.

        Raises
        ------
        InputRejected
            If it does.
        """
        known = {name[1] for path in folder.glob("*/*.dcm") if (name := _NAME.fullmatch(path.name))}
        if any(file.orthanc_id not in known for file in self.files()):
            raise InputRejected(f"The {self.name} is not empty: it holds images that are not in the backup.")

    def put_all(self, folder: Path) -> int:
        """Store every file below a folder; one that is there already stays as it is. Returns how many there were."""
        paths = sorted(folder.glob("*/*.dcm"))
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="restore") as threads:
            for _ in threads.map(lambda path: self._ask("POST", "/instances", content=path.read_bytes()), paths):
                pass
        return len(paths)

    def _ask(self, method: str, path: str, *, content: bytes | None = None, missing: bool = False) -> httpx.Response:
        try:
            answer = self._http.request(method, path, content=content)
        except httpx.TransportError as error:
            raise Transient(f"The {self.name} can't be reached.") from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Defect(f"The {self.name} refuses the gateway's account.")
        if not answer.is_success and not (missing and answer.status_code == httpx.codes.NOT_FOUND):
            raise Transient(f"The {self.name} answered {answer.status_code}.")
        return answer


def _link(source: Path, target: Path) -> None:
    """Let two backups share a file where the disk can; both stay whole when one of them is removed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
