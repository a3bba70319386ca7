"""A target that is reached by C-STORE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydicom.dataset import Dataset

from gateway import pacs
from gateway.association import PacsNode
from gateway.commitment import request_commitment
from gateway.dispatch.qido_rs import QidoRs
from gateway.dispatch.target import READ_BACK, Acknowledged
from gateway.pacs import StoreFailure
from processing.domain.errors import InputRejected, Transient


class CStoreTarget:
    """Sends by C-STORE and confirms by C-FIND at IMAGE level, or by QIDO-RS where the PACS has no C-FIND.

    Parameters
    ----------
    name : str
    node : PacsNode
    qido : QidoRs, optional
        The same PACS by DICOMweb.
    commits : bool
        Whether it is asked for storage commitment; somebody must listen for its reports then.
    """

    proof = READ_BACK

    def __init__(self, name: str, node: PacsNode, qido: QidoRs | None = None, *, commits: bool = False) -> None:
        self._name = name
        self._node = node
        self._qido = qido
        self._commits = commits

    @property
    def name(self) -> str:
        """The site's name of the target."""
        return self._name

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        """Send objects over one association; see `Target.send`."""
        if not datasets:
            return frozenset()
        refused = pacs.store(self._node, datasets, acknowledged)
        failures = [failure for failure in refused if not failure.kind_refused]
        if not failures:
            return frozenset(str(failure.sop_class) for failure in refused)
        sentence = _sentence(failures, len(datasets))
        if any(failure.lasting for failure in failures):
            raise InputRejected(sentence)
        raise Transient(sentence)

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Return what the PACS holds of the objects; see `Target.confirm`."""
        wanted = {str(dataset.SOPInstanceUID) for dataset in datasets}
        held: set[str] = set()
        for study_uid, series_uid in dict.fromkeys(
            (str(d.StudyInstanceUID), str(d.SeriesInstanceUID)) for d in datasets
        ):
            found = pacs.find_instances(self._node, study_uid, series_uid)
            if found is None:
                if self._qido is None:
                    raise InputRejected(
                        "The PACS offers no C-FIND, and no DICOMweb address is configured to ask instead."
                    )
                return self._qido.held(datasets)
            held |= found
        return frozenset(wanted & held)

    def request_commitment(self, transaction_uid: str, datasets: Sequence[Dataset]) -> bool:
        """Ask for storage commitment by N-ACTION; see `Target.request_commitment`."""
        return self._commits and request_commitment(self._node, transaction_uid, datasets)

    def echo(self) -> None:
        """Verify that the PACS answers (C-ECHO)."""
        pacs.echo(self._node, timeout_s=2.0)


def _sentence(failures: Sequence[StoreFailure], sent: int) -> str:
    kinds = Counter((failure.sop_class.name, failure.meaning) for failure in failures)
    said = "; ".join(f"{count} x {name}: {meaning}" for (name, meaning), count in kinds.items())
    return f"The PACS did not take {len(failures)} of {sent} objects ({said})."
