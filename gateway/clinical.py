"""The clinical archive, by Orthanc's own REST interface: what arrived, in which study, and the files.

DICOMweb has no list of changes, so this one archive is asked in its own language, with Orthanc's own identifiers. Only
whole series come by WADO-RS, which is many times faster than file by file. A UID comes from outside and can hold
anything: it is looked at before it becomes a part of an address. Nothing is ever changed or deleted here; the only
thing that is added are earlier studies from the PACS, as they are.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import httpx
from pydicom import dcmread
from pydicom.dataset import Dataset

from gateway.clinical_study import MR, Changes, ClinicalSeries, ClinicalStudy
from gateway.recent import Recent
from processing.authorities import believed
from processing.dicom.archive import KEPT_ALIVE, DicomWebArchive
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import Defect, InputRejected, Transient

_CONNECT_TIMEOUT_S = 5.0
_READ_TIMEOUT_S = 60.0
_LATELY_S = 60.0
"""So long a study that is settled and then prepared is not asked the same again; most of it is over in seconds."""
_SERIES_LATELY = 128
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_INTEGER_STRING = re.compile(r"[+-]?[0-9]{1,9}")
_ADDED = frozenset({"NewInstance", "NewSeries", "NewStudy", "StableSeries", "StableStudy"})
_LEVELS = frozenset({"Study", "Series", "Instance"})


class ClinicalArchive:
    """Orthanc in the identified zone.

    Every method raises `Transient` when the archive can't be reached or answers with a server error, and `Defect`
    when it refuses the account. Reasons hold no identity.

    Parameters
    ----------
    base_url : str
    username, password : str
    measured : frozenset of str
        Modalities of which a pipeline measures anything.
    """

    def __init__(self, base_url: str, username: str, password: str, *, measured: frozenset[str] = MR) -> None:
        self._measured = measured
        self._client = httpx.Client(
            base_url=base_url,
            auth=httpx.BasicAuth(username, password),
            timeout=httpx.Timeout(_READ_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            limits=KEPT_ALIVE,
            headers={"Accept-Encoding": "identity"},
            verify=believed(),
            trust_env=False,
        )
        self._dicomweb = DicomWebArchive(f"{base_url}/dicom-web", username, password)
        self._headers: Recent[str, Dataset] = Recent(_SERIES_LATELY, _LATELY_S)
        self._lines: Recent[tuple[str, ...], list[dict[str, str]]] = Recent(_SERIES_LATELY, _LATELY_S)
        self._senders: Recent[tuple[str, ...], frozenset[tuple[str, str]]] = Recent(_SERIES_LATELY, _LATELY_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._dicomweb.close()

    def changes(self, since: int, limit: int = 100) -> Changes:
        """Return what was added behind change number `since`.

        When `since` lies beyond the archive's last change, because its index was made anew, `last` is smaller than
        `since`.
        """
        answer = self._json("GET", "/changes", params={"since": str(since), "limit": str(limit)})
        added = dict.fromkeys(
            str(change["ID"])
            for change in answer["Changes"]
            if change["ChangeType"] in _ADDED and change["ResourceType"] in _LEVELS
        )
        return Changes(tuple(added), int(answer["Last"]), bool(answer["Done"]))

    def last_change(self) -> int:
        """Return the number of the last change of all."""
        return int(self._json("GET", "/changes?last")["Last"])

    def answers(self) -> bool:
        """Whether the archive works at all: then a request that failed is one study's own trouble."""
        try:
            self.last_change()
        except Transient:
            return False
        return True

    def study_uids_of(self, resources: Sequence[str]) -> frozenset[str]:
        """Return the StudyInstanceUIDs to which studies, series or instances belong; what is gone has none."""
        if not resources:
            return frozenset()
        found = self._json("POST", "/tools/bulk-content", json={"Resources": list(resources), "Level": "Study"})
        return frozenset(str(study["MainDicomTags"].get("StudyInstanceUID", "")) for study in found) - {""}

    def all_study_uids(self, updated_since: datetime | None = None) -> frozenset[str]:
        """Return the StudyInstanceUID of every study in the archive, or of those that grew since a moment."""
        since = updated_since.astimezone(UTC).strftime("%Y%m%dT%H%M%S") if updated_since else ""
        studies = self._json("GET", "/studies?expand")
        return frozenset(
            str(study["MainDicomTags"].get("StudyInstanceUID", ""))
            for study in studies
            if str(study.get("LastUpdate", "9")) >= since
        ) - {""}

    def study(self, study_instance_uid: str) -> ClinicalStudy | None:
        """Return a study with its series, or None when the archive does not hold it."""
        found = self._json("POST", "/tools/lookup", content=study_instance_uid.encode())
        patient_ids, series = set(), []
        for resource in found:
            if resource["Type"] != "Study":
                continue
            study = self._json("GET", f"/studies/{resource['ID']}", missing={})
            if not study:
                continue
            patient_ids.add(str(study["PatientMainDicomTags"].get("PatientID", "")).strip())
            series += [_series(line) for line in self._json("GET", f"/studies/{resource['ID']}/series", missing=[])]
        if not series:
            return None
        return ClinicalStudy(study_instance_uid, frozenset(patient_ids), tuple(series), self._measured)

    def study_uids_of_patient(self, patient_id: str) -> frozenset[str]:
        """Return the StudyInstanceUIDs of all studies under a patient ID, whoever issued it."""
        uids: set[str] = set()
        for resource in self._json("POST", "/tools/lookup", content=patient_id.encode()):
            if resource["Type"] != "Patient":
                continue
            for study in self._json("GET", f"/patients/{resource['ID']}/studies", missing=[]):
                # Orthanc looks names up without regard to case and accents; those are other patient IDs.
                if str(study["PatientMainDicomTags"].get("PatientID", "")).strip() == patient_id.strip():
                    uids.add(str(study["MainDicomTags"].get("StudyInstanceUID", "")))
        return frozenset(uids - {""})

    def header(self, instance: str) -> Dataset:
        """Return an instance without its pixels.

        Raises
        ------
        InputRejected
            If it is gone or can't be read as DICOM.
        """
        return header_of(self.instance(instance))

    def header_lately(self, instance: str) -> Dataset:
        """Return an instance without its pixels, as it was a minute ago or less: to choose a series, to name nobody.

        Raises as `header`.
        """
        return self._headers.get(instance, lambda: self.header(instance))

    def places(self, series: ClinicalSeries, header: Dataset) -> list[Dataset]:
        """Return where each image of a series lies, from the archive's index: no file is read.

        Parameters
        ----------
        series : ClinicalSeries
        header : Dataset
            Of any image of the series: its size and spacing are taken for all. A multi-frame image says all itself.
        """
        if "PerFrameFunctionalGroupsSequence" in header:
            return [header]
        places = []
        for line in self._index(series):
            place = Dataset()
            for keyword in ("Rows", "Columns", "PixelSpacing"):
                if keyword in header:
                    place[keyword] = header[keyword]
            for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
                numbers = [part for part in str(line.get(keyword, "")).split("\\") if _DECIMAL.fullmatch(part.strip())]
                setattr(place, keyword, [float(number) for number in numbers])
            places.append(place)
        return places

    def sop_instance_uids(self, series: ClinicalSeries) -> frozenset[str]:
        """Return the SOP Instance UIDs of a series, from the archive's index."""
        return frozenset(str(line.get("SOPInstanceUID", "")) for line in self._index(series)) - {""}

    def associations(self, instances: Sequence[str]) -> frozenset[tuple[str, str]]:
        """Return the calling and called AE titles by which images came; empty for what came otherwise."""
        return self._senders.get(tuple(instances), lambda: self._associations(instances))

    def _associations(self, instances: Sequence[str]) -> frozenset[tuple[str, str]]:
        found = self._json("POST", "/tools/bulk-content", json={"Resources": list(instances), "Metadata": True})
        said = [one.get("Metadata", {}) for one in found]
        return frozenset((str(one.get("RemoteAET", "")), str(one.get("CalledAET", ""))) for one in said)

    def _index(self, series: ClinicalSeries) -> list[dict[str, str]]:
        # Instances are named by a digest of their UIDs: of the same ones the index says the same.
        return self._lines.get((series.orthanc_id, *series.instances), lambda: self._read_index(series))

    def _read_index(self, series: ClinicalSeries) -> list[dict[str, str]]:
        lines = self._json("GET", f"/series/{series.orthanc_id}/instances", missing=[])
        return [line["MainDicomTags"] for line in lines]

    def files(self, study: ClinicalStudy, series: ClinicalSeries) -> Iterator[bytes]:
        """Yield every instance of a series as the file that was received, in any order.

        Raises
        ------
        InputRejected
            If the series is gone, or its UIDs are none.
        Transient
            If fewer or more images come than the series had when it was looked at.
        """
        for uid in (study.study_instance_uid, series.series_instance_uid):
            if not _UID.fullmatch(uid):
                raise InputRejected("The Study or Series Instance UID is missing or is not a UID.")
        count = 0
        for content in self._dicomweb.retrieve_series(study.study_instance_uid, series.series_instance_uid):
            count += 1
            yield content
        if count != len(series.instances):
            raise Transient("The series changed in the clinical archive while it was read.")

    def add(self, files: Iterable[bytes]) -> None:
        """Store images that were fetched from the PACS; what is there already stays as it is."""
        self._dicomweb.store(files)

    def instance(self, instance: str) -> bytes:
        """Return an instance as the file that was received.

        Raises
        ------
        InputRejected
            If it is gone.
        """
        return self._request("GET", f"/instances/{instance}/file").content

    def _json(self, method: str, path: str, *, missing: Any = None, **request: Any) -> Any:
        try:
            return self._request(method, path, **request).json()
        except InputRejected:
            if missing is None:
                raise
            return missing
        except ValueError as error:
            raise Transient("The clinical archive's answer can't be understood.") from error

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **request)
        except httpx.TransportError as error:
            raise Transient("The clinical archive can't be reached.") from error
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Defect("The clinical archive refuses the gateway's account.")
        if response.status_code == httpx.codes.NOT_FOUND:
            raise InputRejected("The clinical archive no longer holds an image of the study.")
        if not response.is_success:
            raise Transient(f"The clinical archive answered {response.status_code}.")
        return response


def header_of(content: bytes) -> Dataset:
    """Return an instance without its pixels.

    Raises
    ------
    InputRejected
        If it can't be read as DICOM.
    """
    try:
        with warnings.catch_warnings():
            # Real headers break value rules that touch nothing here.
            warnings.simplefilter("ignore")
            return dcmread(BytesIO(content), stop_before_pixels=True)
    except UNREADABLE as error:
        raise InputRejected("An image can't be read as DICOM.") from error


def _series(line: dict[str, Any]) -> ClinicalSeries:
    tags = line["MainDicomTags"]
    return ClinicalSeries(
        series_instance_uid=str(tags.get("SeriesInstanceUID", "")),
        modality=str(tags.get("Modality", "")).strip(),
        series_number=_series_number(str(tags.get("SeriesNumber", ""))),
        manufacturer=str(tags.get("Manufacturer", "")).strip(),
        instances=tuple(str(instance) for instance in line["Instances"]),
        orthanc_id=str(line["ID"]),
    )


def _series_number(text: str) -> int | None:
    """Return a number that only names a series; whatever is none, or has too many digits, is as good as absent."""
    text = text.strip()
    return int(text) if _INTEGER_STRING.fullmatch(text) else None
