"""A PACS that is asked by C-FIND and sends by C-MOVE."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from gateway.association import PacsNode
from gateway.query_retrieve import find, move_series
from gateway.retrieve.source import Fetched, PacsStudy, series_in, studies_in

_WANTED = ("StudyInstanceUID", "StudyDate", "PatientID", "IssuerOfPatientID")


class CMoveSource:
    """Asks by C-FIND and has the PACS send to the clinical archive by C-MOVE.

    Parameters
    ----------
    node : PacsNode
    destination : str
        The clinical archive's AE title, which the PACS must know.
    """

    def __init__(self, node: PacsNode, destination: str) -> None:
        self._node = node
        self._destination = destination

    def find_studies(self, patient_id: str, before: date, modalities: Collection[str]) -> list[PacsStudy]:
        """Return the earlier studies of a patient ID with these modalities; see `PriorSource`."""
        until = f"-{before - timedelta(days=1):%Y%m%d}"
        keys = dict.fromkeys(_WANTED, "") | {"PatientID": patient_id, "StudyDate": until}
        # A list is matched for UIDs alone (PS3.4 C.2.2.2.2), so each modality is asked for by itself.
        answers = [
            answer
            for modality in sorted(modalities)
            for answer in find(self._node, "STUDY", keys | {"ModalitiesInStudy": modality})
        ]
        return studies_in(answers, patient_id, before)

    def fetch(self, study_instance_uid: str, modalities: Collection[str], on_fetched: Fetched) -> int:
        """Let the PACS send a study's series of these modalities, but for Interval's own results; see `PriorSource`."""
        keys = {"StudyInstanceUID": study_instance_uid, "SeriesInstanceUID": "", "Modality": "", "Manufacturer": ""}
        count = 0
        for uid in series_in(find(self._node, "SERIES", keys), modalities):
            on_fetched()
            count += move_series(self._node, study_instance_uid, uid, self._destination, lambda _: on_fetched())
        return count
