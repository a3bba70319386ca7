"""A PACS that is asked by C-FIND and sends by C-MOVE."""

from __future__ import annotations

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

    def find_studies(self, patient_id: str, before: date) -> list[PacsStudy]:
        """Return the earlier MR studies of a patient ID; see `PriorSource`."""
        until = f"-{before - timedelta(days=1):%Y%m%d}"
        keys = dict.fromkeys(_WANTED, "") | {"PatientID": patient_id, "StudyDate": until, "ModalitiesInStudy": "MR"}
        return studies_in(find(self._node, "STUDY", keys), patient_id, before)

    def fetch(self, study_instance_uid: str, on_fetched: Fetched) -> int:
        """Let the PACS send the MR series of a study, but for Interval's own results; see `PriorSource`."""
        keys = {"StudyInstanceUID": study_instance_uid, "SeriesInstanceUID": "", "Modality": "MR", "Manufacturer": ""}
        count = 0
        for uid in series_in(find(self._node, "SERIES", keys)):
            on_fetched()
            count += move_series(self._node, study_instance_uid, uid, self._destination, lambda _: on_fetched())
        return count
