"""What the archives hold, asked from outside: Orthanc's search, and the PACS by C-FIND as its users do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import httpx
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]  # made late

from demo.installation import System


@dataclass(frozen=True)
class Held:
    """One object in an archive."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


def in_clinical(system: System) -> list[Held]:
    """Everything in the clinical archive."""
    return _held(system.clinical_url, ("gateway", system.secret("clinical-gateway")))


def in_research(system: System) -> list[Held]:
    """Everything in the research archive."""
    return _held(system.research_url, ("gateway", system.secret("research-gateway")))


def in_pacs(system: System) -> list[Held]:
    """Everything in the PACS."""
    return _held(system.pacs_url, ("demo", system.secret("pacs-demo")))


def found_in_pacs(system: System, study_instance_uid: str) -> list[str]:
    """SOPInstanceUIDs that the PACS answers to a C-FIND for a study's images, as often as it names them."""
    query = Dataset()
    query.QueryRetrieveLevel = "IMAGE"
    query.StudyInstanceUID = study_instance_uid
    query.SeriesInstanceUID = ""
    query.SOPInstanceUID = ""
    entity = AE(ae_title="INTERVAL")
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = entity.associate("127.0.0.1", system.ports.pacs_dicom, ae_title="PACS")
    assert association.is_established, "the PACS refuses an association for C-FIND"
    try:
        answers = association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)
        return [str(found.SOPInstanceUID) for _, found in answers if found is not None]
    finally:
        association.release()


def _held(url: str, account: tuple[str, str]) -> list[Held]:
    with httpx.Client(base_url=url, auth=account, timeout=120, trust_env=False) as http:

        def listed(level: str) -> list[dict[str, object]]:
            answer = http.get(f"/{level}?expand").raise_for_status().json()
            assert isinstance(answer, list)
            return answer

        series = {str(one["ID"]): one for one in listed("series")}
        study_uids = {str(one["ID"]): _tag(one, "StudyInstanceUID") for one in listed("studies")}
        return [
            Held(
                study_uids[str(series[str(instance["ParentSeries"])]["ParentStudy"])],
                _tag(series[str(instance["ParentSeries"])], "SeriesInstanceUID"),
                _tag(instance, "SOPInstanceUID"),
            )
            for instance in listed("instances")
        ]


def _tag(resource: dict[str, object], keyword: str) -> str:
    tags = resource["MainDicomTags"]
    assert isinstance(tags, dict)
    return str(tags[keyword])


def by_study(held: list[Held]) -> dict[str, list[Held]]:
    """Group objects by their study."""
    grouped: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        grouped[one.study_instance_uid].append(one)
    return grouped
