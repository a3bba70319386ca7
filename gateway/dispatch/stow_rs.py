"""A target that is reached by STOW-RS (PS3.18 section 10.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset

from gateway.dispatch.qido_rs import QidoRs
from gateway.dispatch.target import READ_BACK, Acknowledged
from processing.dicom.archive import DicomWebArchive, KindsRefused
from processing.domain.errors import InputRejected, IntervalError, Transient


class StowRsTarget:
    """Sends by STOW-RS and confirms by QIDO-RS.

    Parameters
    ----------
    name : str
    base_url : str
        Up to and without ``/studies``.
    user, password : str
        For HTTP basic authentication.
    """

    proof = READ_BACK

    def __init__(self, name: str, base_url: str, user: str, password: str) -> None:
        self._name = name
        self._base_url = base_url
        self._user = user
        self._password = password
        self._qido = QidoRs(base_url, user, password)

    @property
    def name(self) -> str:
        """The site's name of the target."""
        return self._name

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        """Send objects; see `Target.send`."""
        refused: frozenset[str] = frozenset()
        while wanted := [dataset for dataset in datasets if str(dataset.SOPClassUID) not in refused]:
            try:
                with DicomWebArchive(self._base_url, self._user, self._password) as archive:
                    archive.store(_files(wanted))
                for dataset in wanted:
                    acknowledged(str(dataset.SOPInstanceUID))
                break
            except KindsRefused as error:
                if not error.sop_class_uids - refused:
                    raise InputRejected(_at_target(error)) from error
                # Its other objects may stand behind the refused ones: they are sent again without those.
                refused |= error.sop_class_uids
            except Transient as error:
                raise Transient(_at_target(error)) from error
            except IntervalError as error:
                # Refused credentials are a defect of this gateway's set-up, but the operator has to act all the same.
                raise InputRejected(_at_target(error)) from error
        return refused

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Return what the PACS holds of the objects; see `Target.confirm`."""
        return self._qido.held(datasets)

    def request_commitment(self, _transaction_uid: str, _datasets: Sequence[Dataset]) -> bool:
        """Return False: DICOMweb's own storage commitment (PS3.18 section 13) is hardly known to any PACS."""
        return False

    def echo(self) -> None:
        """Verify that the PACS answers a query."""
        self._qido.echo(timeout_s=2.0)


def _files(datasets: Sequence[Dataset]) -> Iterator[bytes]:
    for dataset in datasets:
        buffer = BytesIO()
        dcmwrite(buffer, dataset, enforce_file_format=True)
        yield buffer.getvalue()


def _at_target(error: IntervalError) -> str:
    return error.reason.replace("The archive", "The PACS", 1)
