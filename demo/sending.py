"""Sending DICOM files by C-STORE, as a scanner does."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from gateway.association import Checkpoint
from processing.domain.errors import Transient

Progress = Callable[[int, int], None]
"""Called with the number of files that were tried and of all files."""

_TIMEOUT_S = 30.0
_PREAMBLE_BYTES = 132
_MOST_CONTEXTS = 128


@dataclass(frozen=True)
class SendReport:
    """What came of sending: files that were stored, and the others each with a reason."""

    sent: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]


def find_dicom_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the DICOM files below a folder and the files that are none, each sorted by path."""
    dicom: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            (dicom if _has_dicom_prefix(path) else others).append(path)
    return dicom, others


def _has_dicom_prefix(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_PREAMBLE_BYTES)[-4:] == b"DICM"


def send_study(
    files: Sequence[Path],
    host: str,
    port: int,
    called_aet: str,
    calling_aet: str = "SCANNER",
    on_progress: Progress | None = None,
    tls: ssl.SSLContext | None = None,
) -> SendReport:
    """Send files over one association, each in the encoding in which it is stored.

    Parameters
    ----------
    files : sequence of Path
        Files that are no DICOM are reported and left out.
    host, port, called_aet, calling_aet
        The receiver, and who calls.
    on_progress : callable, optional
    tls : SSLContext, optional
        With it the association goes over TLS.

    Raises
    ------
    Transient
        If the receiver can't be reached, refuses the association or drops it.
    """
    usable, failed = _readable(files)
    contexts = _contexts(usable.values())
    sent: list[Path] = []
    if not contexts:
        return SendReport((), tuple(failed))
    entity = AE(ae_title=calling_aet)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = _TIMEOUT_S
    association = entity.associate(
        host, port, contexts=contexts, ae_title=called_aet, tls_args=(tls, host) if tls is not None else None
    )
    if not association.is_established:
        raise Transient("The receiver can't be reached or refuses the association.")
    try:
        _without_delay(association)
        association._reactor_checkpoint = Checkpoint(association.is_alive)  # no public way; see the class
        for path in usable:
            reason = _store(association, path)
            if reason:
                failed.append((path, reason))
            else:
                sent.append(path)
            if on_progress is not None:
                on_progress(len(sent) + len(failed), len(files))
    finally:
        if association.is_established:
            association.release()
    return SendReport(tuple(sent), tuple(failed))


def _readable(files: Sequence[Path]) -> tuple[dict[Path, tuple[UID, UID]], list[tuple[Path, str]]]:
    """Return SOP class and transfer syntax of each file, and the files that have none."""
    usable: dict[Path, tuple[UID, UID]] = {}
    failed: list[tuple[Path, str]] = []
    for path in files:
        try:
            meta = read_file_meta_info(path)
            usable[path] = (UID(meta.MediaStorageSOPClassUID), UID(meta.TransferSyntaxUID))
        except (InvalidDicomError, AttributeError, EOFError, ValueError, OSError):
            failed.append((path, "not a DICOM file"))
    return usable, failed


def _contexts(kinds: Iterable[tuple[UID, UID]]) -> list[PresentationContext]:
    distinct = list(dict.fromkeys(kinds))[:_MOST_CONTEXTS]
    return [build_context(sop_class, syntax) for sop_class, syntax in distinct]


def _without_delay(association: Association) -> None:
    """Switch Nagle's algorithm off: with it every C-STORE waits for a delayed acknowledgement."""
    transport = association.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _store(association: Association, path: Path) -> str:
    """Send one file; return why it was not stored, or nothing."""
    try:
        status = association.send_c_store(dcmread(path))
    except (InvalidDicomError, AttributeError, EOFError, ValueError) as error:
        return f"can't be sent: {type(error).__name__}"
    except RuntimeError as error:
        # What pynetdicom raises when the association has ended meanwhile.
        raise Transient("The receiver dropped the association.") from error
    if not association.is_established:
        raise Transient("The receiver dropped the association.")
    if "Status" not in status:
        raise Transient("The receiver did not answer in time.")
    return "" if status.Status in (0x0000, 0xB000, 0xB006, 0xB007) else f"refused with status 0x{status.Status:04X}"
