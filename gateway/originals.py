"""Removing a patient's original images from the clinical archive: for the right to erasure, and for nothing else.

`gateway.clinical` changes and deletes nothing; this is a class of its own so that no step can do it by mistake.
"""

from __future__ import annotations

from io import BytesIO

import httpx
from pydicom import dcmread

from gateway.archive_requests import request
from processing.authorities import believed

_ARCHIVE = "clinical"
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class Originals:
    """Original studies in the clinical archive.

    Parameters
    ----------
    base_url : str
    username, password : str
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._base_url = base_url
        self._auth = httpx.BasicAuth(username, password)

    def remove_of(self, study_instance_uid: str, patient_id: str, issuer: str) -> int:
        """Remove a study, if it is this patient's: the same patient ID of another issuer is another patient.

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
        with httpx.Client(
            base_url=self._base_url, auth=self._auth, timeout=_TIMEOUT, verify=believed(), trust_env=False
        ) as client:
            for found in request(client, _ARCHIVE, "POST", "/tools/lookup", content=study_instance_uid).json():
                if found["Type"] == "Study" and _belongs(
                    client, str(found["ID"]), (patient_id.strip(), issuer.strip())
                ):
                    removed += request(client, _ARCHIVE, "DELETE", f"/studies/{found['ID']}").is_success
        return removed


def _belongs(client: httpx.Client, study: str, identity: tuple[str, str]) -> bool:
    instances = request(client, _ARCHIVE, "GET", f"/studies/{study}/instances")
    if not instances.is_success or not instances.json():
        return False
    file = request(client, _ARCHIVE, "GET", f"/instances/{instances.json()[0]['ID']}/file")
    if not file.is_success:  # somebody removed it meanwhile
        return False
    header = dcmread(BytesIO(file.content), stop_before_pixels=True, specific_tags=["PatientID", "IssuerOfPatientID"])
    return (str(header.get("PatientID") or "").strip(), str(header.get("IssuerOfPatientID") or "").strip()) == identity
