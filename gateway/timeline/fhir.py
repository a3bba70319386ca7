"""An accepted measurement as FHIR R4: a DiagnosticReport with an Observation for each value, in one Bundle.

The models are fhir.resources' of R4B, whose DiagnosticReport, Observation, Patient and Bundle are R4's. Codes are
SNOMED CT and UCUM where there are any that say the same; else Interval's own, named as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from pydicom.valuerep import PersonName

from gateway.timeline.measurements import Measurement, Quantity, Value

_NAMES = UUID("8f6c5c0b-6a53-4c0e-9d7e-2f1f7f0d5a11")
SNOMED = "http://snomed.info/sct"
OWN_CODES = f"urn:uuid:{_NAMES}"
DICOM_UID = "urn:dicom:uid"
UCUM = "http://unitsofmeasure.org"

_SNOMED_CODES = {
    Quantity.NEW_LESIONS: ("246206008", "Number of lesions"),
    Quantity.NEW_VOLUME: ("118565006", "Volume"),
    Quantity.GROWN_VOLUME: ("118565006", "Volume"),
    Quantity.LOST_VOLUME: ("118565006", "Volume"),
    Quantity.WHOLE_TUMOUR: ("118565006", "Volume"),
    Quantity.HYPERINTENSITY: ("118565006", "Volume"),
    Quantity.CORE: ("118565006", "Volume"),
    Quantity.ENHANCING: ("118565006", "Volume"),
}


@dataclass(frozen=True)
class FhirPatient:
    """Who the patient is, as DICOM says it.

    Parameters
    ----------
    name : str
        DICOM's PN: family^given^...
    patient_id, birth_date, sex : str
        Birth date YYYYMMDD or empty; sex M, F, O or empty.
    """

    name: str
    patient_id: str
    birth_date: str
    sex: str


def bundle(measurement: Measurement, patient: FhirPatient, study_instance_uid: str) -> str:
    """Return a FHIR Bundle (type collection) as JSON.

    Parameters
    ----------
    measurement : Measurement
    patient : FhirPatient
    study_instance_uid : str
        The study's own, as the archive knows it.

    Raises
    ------
    ValueError
        If what was measured can't be said in FHIR: pydantic's ValidationError, which the library raises.
    """
    someone = _patient(patient, measurement)
    observations = [_observation(measurement, value, study_instance_uid) for value in measurement.values]
    report = _report(measurement, study_instance_uid)
    entries = [
        {"fullUrl": f"urn:uuid:{content['id']}", "resource": content} for content in (report, someone, *observations)
    ]
    made = Bundle.model_validate(
        {
            "resourceType": "Bundle",
            "type": "collection",
            "timestamp": measurement.signed_at.isoformat(timespec="seconds"),
            "entry": entries,
        }
    )
    return str(made.model_dump_json(indent=1))


Content = dict[str, object]
"""A resource as the library takes it, before it is validated."""


def _report(measurement: Measurement, study_instance_uid: str) -> Content:
    results = [{"reference": f"urn:uuid:{_id(measurement, value.quantity)}"} for value in measurement.values]
    words = [f"{value.quantity.value}: {value.value:g} {value.quantity.unit}" for value in measurement.values]
    return _checked(
        DiagnosticReport,
        {
            "resourceType": "DiagnosticReport",
            "id": _id(measurement, "report"),
            "imagingStudy": [_study(study_instance_uid)],
            "status": _status(measurement),
            "category": [_category()],
            "code": {"text": f"Quantitative MR of the brain, {measurement.pipeline} {measurement.version}"},
            **_when_and_who(measurement),
            "issued": measurement.signed_at.isoformat(timespec="seconds"),
            "resultsInterpreter": [{"display": measurement.reader}],
            "result": results,
            "conclusion": "; ".join([*words, *measurement.warnings, "Research use, not a medical device."]),
        },
    )


def _observation(measurement: Measurement, value: Value, study_instance_uid: str) -> Content:
    unit = value.quantity.unit
    content: Content = {
        "resourceType": "Observation",
        "id": _id(measurement, value.quantity),
        "derivedFrom": [_study(study_instance_uid)],
        "status": _status(measurement),
        "category": [_category()],
        "code": _code(value.quantity),
        **_when_and_who(measurement),
        "issued": measurement.signed_at.isoformat(timespec="seconds"),
        "performer": [{"display": measurement.reader}],
        "valueQuantity": {"value": round(value.value, 3), "unit": unit, "system": UCUM, "code": unit},
        "device": {"display": f"Interval {measurement.pipeline} {measurement.version}"},
        "note": [{"text": "Research use, not a medical device."}],
    }
    if value.limits is not None:
        low, high = value.limits
        content["component"] = [
            {
                "code": {"text": f"limit of agreement, {end}"},
                "valueQuantity": {"value": round(limit, 3), "unit": unit, "system": UCUM, "code": unit},
            }
            for end, limit in (("lower", low), ("upper", high))
        ]
    return _checked(Observation, content)


def _patient(patient: FhirPatient, measurement: Measurement) -> Content:
    name = PersonName(patient.name)
    # The alphabetic name; the ideographic and the phonetic one are its other writings (PS3.5, 6.2.1.2).
    told: Content = {"family": name.family_name} if name.family_name else {}
    given = [part for part in (name.given_name, name.middle_name) if part]
    content: Content = {"resourceType": "Patient", "id": _id(measurement, "patient")}
    if patient.patient_id:
        content["identifier"] = [{"value": patient.patient_id}]
    if told or given:
        content["name"] = [told | ({"given": given} if given else {})]
    if patient.sex:
        content["gender"] = {"M": "male", "F": "female", "O": "other"}.get(patient.sex, "unknown")
    day = _day(patient.birth_date)
    if day is not None:
        content["birthDate"] = day.isoformat()
    return _checked(Patient, content)


def _day(value: str) -> date | None:
    """Return a DICOM date; None where it is none, as the 19500000 of some archives."""
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8])) if len(value) == 8 else None
    except ValueError:
        return None


def _when_and_who(measurement: Measurement) -> Content:
    said: Content = {"subject": {"reference": f"urn:uuid:{_id(measurement, 'patient')}"}}
    if measurement.day is not None:
        said["effectiveDateTime"] = measurement.day.isoformat()
    return said


def _status(measurement: Measurement) -> str:
    """Return the status of a report or an observation: signed, or signed again after it was reopened."""
    return "final" if measurement.edition == 1 else "amended"


def _code(quantity: Quantity) -> Content:
    codes: list[Content] = [{"system": OWN_CODES, "code": quantity.name.lower(), "display": quantity.value}]
    if quantity in _SNOMED_CODES:
        code, meaning = _SNOMED_CODES[quantity]
        codes.append({"system": SNOMED, "code": code, "display": meaning})
    return {"coding": codes, "text": quantity.value}


def _study(study_instance_uid: str) -> Content:
    identifier = {"system": DICOM_UID, "value": f"urn:oid:{study_instance_uid}"}
    return {"type": "ImagingStudy", "identifier": identifier}


def _category() -> Content:
    code = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"}
    return {"coding": [code]}


def _checked(model: type[DiagnosticReport | Observation | Patient], content: Content) -> Content:
    checked: Content = model.model_validate(content).model_dump(mode="json")
    return checked


def _id(measurement: Measurement, part: str) -> str:
    """The same resource has the same id each time that it is asked for."""
    return str(uuid5(_NAMES, f"{measurement.case_id}/{measurement.signed_at.isoformat()}/{part}"))
