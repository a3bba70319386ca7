"""The research archive, in Orthanc's own language, for the one thing that DICOMweb has no word for: removing a copy.

What stands there is a pseudonymous copy that can be made again from the clinical archive at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import httpx

from gateway.archive_requests import request
from processing.authorities import believed
from processing.dicom.archive import KEPT_ALIVE

_ARCHIVE = "research"
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_SEXES = frozenset({"M", "F", "O"})


class ResearchCopies:
    """Copies of studies in the research archive.

    Parameters
    ----------
    base_url : str
    username, password : str
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        # Made once, so that connections are kept. Threads share it.
        self._client = httpx.Client(
            base_url=base_url,
            auth=httpx.BasicAuth(username, password),
            timeout=_TIMEOUT,
            limits=KEPT_ALIVE,
            verify=believed(),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def withdraw_outdated(self, study_instance_uid: str, pseudonym: str, sex: str) -> int:
        """Remove copies of a study, with all results on them, that stand under another pseudonym or sex.

        They were made before an operator merged or corrected the patient. Beside a new copy they would make the
        study two patients', and the archive keeps the image that it has when the same one comes again.

        Parameters
        ----------
        study_instance_uid, pseudonym : str
        sex : str
            As the vault holds it; a value that DICOM does not define is not compared.

        Returns
        -------
        int
            How many copies were removed.

        Raises
        ------
        Transient, Defect
            If the archive can't be reached, or refuses.
        """
        removed = 0
        for found in request(self._client, _ARCHIVE, "POST", "/tools/lookup", content=study_instance_uid).json():
            if found["Type"] != "Study":
                continue
            answer = request(self._client, _ARCHIVE, "GET", f"/studies/{found['ID']}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                continue
            patient = answer.json()["PatientMainDicomTags"]
            other_sex = {sex, str(patient.get("PatientSex", "")).strip()} - {""}
            if patient.get("PatientID", "") != pseudonym or (len(other_sex) == 2 and other_sex <= _SEXES):
                request(self._client, _ARCHIVE, "DELETE", f"/studies/{found['ID']}")
                removed += 1
        return removed

    def withdraw_series(self, series_instance_uids: Iterable[str]) -> int:
        """Remove series that Interval wrote; those that are not there are none to remove.

        Returns
        -------
        int
            How many were removed.

        Raises
        ------
        Transient, Defect
            If the archive can't be reached, or refuses.
        """
        removed = 0
        for uid in series_instance_uids:
            for found in request(self._client, _ARCHIVE, "POST", "/tools/lookup", content=uid).json():
                if found["Type"] == "Series":
                    removed += request(self._client, _ARCHIVE, "DELETE", f"/series/{found['ID']}").is_success
        return removed

    def withdraw(self, study_instance_uid: str, keep: Collection[str] = ()) -> int:
        """Remove a study's series, all but those to keep; without any to keep, the whole study.

        Returns
        -------
        int
            How many series were removed.

        Raises
        ------
        Transient, Defect
            If the archive can't be reached, or refuses.
        """
        removed = 0
        for found in request(self._client, _ARCHIVE, "POST", "/tools/lookup", content=study_instance_uid).json():
            if found["Type"] != "Study":
                continue
            listed = request(self._client, _ARCHIVE, "GET", f"/studies/{found['ID']}/series")
            for series in listed.json() if listed.is_success else ():
                if str(series["MainDicomTags"].get("SeriesInstanceUID", "")) not in keep:
                    removed += request(self._client, _ARCHIVE, "DELETE", f"/series/{series['ID']}").is_success
        return removed

    def size_mb(self) -> int:
        """Return how much room the archive's files take. Raises as `withdraw`."""
        return int(request(self._client, _ARCHIVE, "GET", "/statistics").json()["TotalDiskSizeMB"])
