"""A PACS that is asked by QIDO-RS and read by WADO-RS (PS3.18 sections 10.6 and 10.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, timedelta

from gateway.retrieve.source import Fetched, PacsStudy, series_in, studies_in
from processing.dicom.archive import DicomWebArchive
from processing.domain.errors import InputRejected, IntervalError, Transient

_ISSUER = "00100021"

Keep = Callable[[Iterable[bytes]], None]
"""Stores Part 10 files in the clinical archive."""


class DicomWebSource:
    """Asks by QIDO-RS, reads by WADO-RS and stores in the clinical archive.

    Parameters
    ----------
    base_url : str
        Up to and without ``/studies``.
    user, password : str
        For HTTP basic authentication.
    keep : callable
    """

    def __init__(self, base_url: str, user: str, password: str, keep: Keep) -> None:
        self._address = (base_url, user, password)
        self._keep = keep

    def find_studies(self, patient_id: str, before: date, modalities: Collection[str]) -> list[PacsStudy]:
        """Return the earlier studies of a patient ID with these modalities; see `PriorSource`."""
        keys = {
            "PatientID": patient_id,
            "StudyDate": f"-{before - timedelta(days=1):%Y%m%d}",
            "includefield": _ISSUER,
        }
        try:
            with DicomWebArchive(*self._address) as pacs:
                answers = [
                    answer
                    for modality in sorted(modalities)
                    for answer in pacs.search_studies(keys | {"ModalitiesInStudy": modality})
                ]
                return studies_in(answers, patient_id, before)
        except IntervalError as error:
            raise _of_the_pacs(error) from error

    def fetch(self, study_instance_uid: str, modalities: Collection[str], on_fetched: Fetched) -> int:
        """Copy a study's series of these modalities, but for Interval's own results; see `PriorSource`."""
        count = 0

        def counted(images: Iterable[bytes]) -> Iterator[bytes]:
            nonlocal count
            for image in images:
                count += 1
                on_fetched()
                yield image

        try:
            with DicomWebArchive(*self._address) as pacs:
                for uid in series_in(pacs.search_series(study_instance_uid), modalities):
                    self._keep(counted(pacs.retrieve_series(study_instance_uid, uid)))
        except IntervalError as error:
            raise _of_the_pacs(error) from error
        return count


def _of_the_pacs(error: IntervalError) -> IntervalError:
    """Refused credentials are a defect of this set-up, but to the case they only mean that nobody can be asked."""
    sentence = f"An earlier study could not be fetched by DICOMweb: {error.reason}"
    return Transient(sentence) if isinstance(error, Transient) else InputRejected(sentence)
