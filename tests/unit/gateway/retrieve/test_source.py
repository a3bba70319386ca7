"""What is taken for a study or a series in a PACS's answers: nothing that is no UID becomes an address or a query."""

from __future__ import annotations

from datetime import date

import pytest
from pydicom.dataset import Dataset

from gateway.retrieve.source import series_in, studies_in
from processing.dicom.provenance import MANUFACTURER
from processing.domain.errors import InputRejected

BEFORE = date(2024, 5, 1)


def answer(**attributes: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def a_study(uid: str) -> Dataset:
    return answer(StudyInstanceUID=uid, StudyDate="20230102", PatientID="4711")


@pytest.mark.parametrize("uid", ["", "1.2/../../instances", "*", "1.2?x=1", "1.2.", "1." + "2" * 63])
@pytest.mark.filterwarnings("ignore:.*UI.*:UserWarning")
def test_a_study_by_another_name_than_a_uid_is_none(uid: str) -> None:
    assert [one.study_instance_uid for one in studies_in([a_study(uid), a_study("1.2.3")], "4711", BEFORE)] == ["1.2.3"]


@pytest.mark.parametrize("uid", ["", "1.2/../../instances", "*"])
@pytest.mark.filterwarnings("ignore:.*UI.*:UserWarning")
def test_a_series_by_another_name_than_a_uid_is_refused(uid: str) -> None:
    with pytest.raises(InputRejected, match="no UID"):
        series_in([answer(SeriesInstanceUID=uid, Modality="MR")], {"MR"})


def test_only_series_from_outside_of_the_modality_that_is_compared_are_fetched() -> None:
    found = [
        answer(SeriesInstanceUID="1.2.3", Modality="MR", Manufacturer="Scanner"),
        answer(SeriesInstanceUID="1.2.4", Modality="SR"),
        answer(SeriesInstanceUID="1.2.5", Modality="MR", Manufacturer=MANUFACTURER),
        answer(SeriesInstanceUID="1.2.6", Modality="CT", Manufacturer="Scanner"),
    ]
    assert series_in(found, {"MR"}) == ["1.2.3"]
    assert series_in(found, {"CT"}) == ["1.2.6"]
    assert series_in(found, {"CT", "MR"}) == ["1.2.3", "1.2.6"]
