from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from demo.installation import System
from gateway.association import PacsNode
from gateway.pseudonymise.reidentify import reidentify
from gateway.review.finalise import final_objects
from processing.domain.decision import Acceptance, SignedReview, Verdict
from tests.unit.gateway.front import NOON
from tests.unit.gateway.front_database import empty_database, passwords, sessions, url
from tests.unit.gateway.front_result import Compared, compared

__all__ = ["compared", "empty_database", "passwords", "sessions", "url"]


@pytest.fixture(scope="package")
def pacs_node(archives: System) -> PacsNode:
    """The demo PACS, which is an Orthanc."""
    return PacsNode("127.0.0.1", archives.ports.pacs_dicom, "PACS", "INTERVAL")


def released(compared: Compared, acceptance: Acceptance, verdicts: Mapping[int, Verdict]) -> list[Dataset]:
    """The signed objects with their identity back, as they go to the PACS."""
    review = SignedReview("Dr. Anna Muster", NOON, acceptance, 4, "Motion.", verdicts)
    finals = [one.dataset for one in final_objects(compared.archive, compared.order, compared.outcome, review)]
    created = {str(final.SOPInstanceUID) for final in finals}
    created |= {stored.sop_instance_uid for stored in compared.outcome.objects}
    return [reidentify(final, compared.current, compared.prior, created=created) for final in finals]


@pytest.fixture(scope="session")
def result(compared: Compared) -> list[Dataset]:
    """SEG, SR, secondary captures, derived MR and registration of an accepted result."""
    return released(compared, Acceptance.ACCEPTABLE, {1: Verdict.ACCEPTED, 2: Verdict.ACCEPTED})


@pytest.fixture(scope="session")
def rejection(compared: Compared) -> list[Dataset]:
    """The Key Object of a rejected result."""
    objects = released(compared, Acceptance.UNACCEPTABLE, {})
    return [one for one in objects if one.SOPClassUID == KeyObjectSelectionDocumentStorage]
