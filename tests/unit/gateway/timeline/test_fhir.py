"""A patient as DICOM may say it, told as FHIR."""

from __future__ import annotations

import json

import pytest

from gateway.timeline.fhir import FhirPatient, bundle
from gateway.timeline.measurements import Measurement, Quantity, Value
from tests.unit.gateway.front import NOON


@pytest.mark.parametrize(("edition", "status"), [(1, "final"), (2, "amended")])
def test_what_was_signed_again_after_reopening_says_so(edition: int, status: str) -> None:
    values = (Value(Quantity.NEW_LESIONS, 2.0),)
    measurement = Measurement(
        "case", "2.25.1", NOON.date(), "ms_longitudinal", "1.0.0", NOON, "Dr. Anna", 4, values, edition=edition
    )
    made = json.loads(bundle(measurement, FhirPatient("Muster^Ida", "4711", "", ""), "2.25.2"))
    resources = [entry["resource"] for entry in made["entry"]]
    said = {one["resourceType"]: one["status"] for one in resources if "status" in one}
    assert said == {"DiagnosticReport": status, "Observation": status}


def told(name: str = "Muster^Ida", birth_date: str = "19700102", sex: str = "F") -> dict[str, object]:
    measurement = Measurement("case", "2.25.1", NOON.date(), "ms_longitudinal", "1.0.0", NOON, "Dr. Anna", 4, ())
    made = json.loads(bundle(measurement, FhirPatient(name, "4711", birth_date, sex), "2.25.2"))
    (patient,) = [entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] == "Patient"]
    return {key: patient[key] for key in ("name", "gender", "birthDate") if key in patient}


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("Muster^Ida^Maria", "Muster", ["Ida", "Maria"]),
        ("Muster", "Muster", None),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada", ["Tarou"]),
        ("^Ida", None, ["Ida"]),
    ],
)
def test_the_name_is_the_alphabetic_one(name: str, family: str | None, given: list[str] | None) -> None:
    wanted = {key: value for key, value in (("family", family), ("given", given)) if value is not None}
    assert told(name=name)["name"] == [wanted]


@pytest.mark.parametrize("birth_date", ["19500000", "", "1950", "195011", "unknown", "19700231"])
def test_a_birth_date_that_is_none_is_left_out(birth_date: str) -> None:
    assert told(birth_date=birth_date) == {"name": [{"family": "Muster", "given": ["Ida"]}], "gender": "female"}


def test_a_birth_date_is_told() -> None:
    assert told()["birthDate"] == "1970-01-02"
