"""What a PACS can be asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from pydicom.dataset import Dataset

from processing.dicom.provenance import MANUFACTURER
from processing.domain.errors import InputRejected

_UID = re.compile(r"(?=.{1,64}$)[0-9]+(?:\.[0-9]+)+")

Fetched = Callable[[], None]
"""Called now and then while images come."""


@dataclass(frozen=True)
class PacsStudy:
    """A study that a PACS holds.

    Parameters
    ----------
    study_instance_uid : str
    study_date : date
    issuer_of_patient_id : str
        Empty where the PACS does not say it.
    """

    study_instance_uid: str = field(repr=False)
    study_date: date = field(repr=False)
    issuer_of_patient_id: str = field(repr=False)


class PriorSource(Protocol):
    """A PACS from which earlier studies can be fetched."""

    def find_studies(self, patient_id: str, before: date, modalities: Collection[str]) -> list[PacsStudy]:
        """Return the studies of a patient ID that were made before a day with these modalities, whoever issued the ID.

        Raises
        ------
        Transient
            If the PACS can't be reached.
        InputRejected
            If it refuses to be asked.
        """
        ...

    def fetch(self, study_instance_uid: str, modalities: Collection[str], on_fetched: Fetched) -> int:
        """Bring a study's images of these modalities into the clinical archive; return their number.

        Raises as `find_studies`.
        """
        ...


def studies_in(answers: Iterable[Dataset], patient_id: str, before: date) -> list[PacsStudy]:
    """Return what is a study of the patient in a PACS's answers.

    The PACS's own matching is not relied on: a patient ID may hold what C-FIND takes for a wildcard, and many a PACS
    ignores letter case or a key that it does not support. What is no UID is no study: it would become a part of an
    address, or a query for everything.
    """
    found: dict[str, PacsStudy] = {}
    for answer in answers:
        uid = str(answer.get("StudyInstanceUID", "") or "")
        day = _day(str(answer.get("StudyDate", "") or ""))
        if not _UID.fullmatch(uid) or day is None or day >= before:
            continue
        if str(answer.get("PatientID", "") or "").strip() != patient_id.strip():
            continue
        found[uid] = PacsStudy(uid, day, str(answer.get("IssuerOfPatientID", "") or "").strip())
    return list(found.values())


def series_in(answers: Iterable[Dataset], modalities: Collection[str]) -> list[str]:
    """Return the SeriesInstanceUIDs of the series of these modalities in a PACS's answers, but for Interval's own.

    Raises
    ------
    InputRejected
        If one of them has none.
    """
    uids: list[str] = []
    for answer in answers:
        own = str(answer.get("Manufacturer", "") or "").strip() == MANUFACTURER
        if own or str(answer.get("Modality", "") or "").strip() not in modalities:
            continue
        uid = str(answer.get("SeriesInstanceUID", "") or "")
        if not _UID.fullmatch(uid):
            raise InputRejected("The PACS names a series of an earlier study by what is no UID.")
        uids.append(uid)
    return uids


def _day(text: str) -> date | None:
    digits = text.replace(".", "").replace("-", "").strip()
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
