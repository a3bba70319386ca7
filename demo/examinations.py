"""What an examination's headers say: patient, visit, scanner and sequences; and those of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from processing.domain.study import SeriesRole


@dataclass(frozen=True)
class SequenceFacts:
    """How one series was acquired, as its headers say it. Times in milliseconds."""

    description: str
    scanning_sequence: tuple[str, ...]
    sequence_variant: str
    repetition_time_ms: float
    echo_time_ms: float
    inversion_time_ms: float | None
    flip_angle_deg: float
    echo_train_length: int
    acquisition_type: str = "2D"
    contrast_agent: str = ""


@dataclass(frozen=True)
class ScannerFacts:
    """One scanner.

    Parameters
    ----------
    manufacturer, model, software, serial_number, station, institution : str
    field_strength_t : float
    sequences : mapping of SeriesRole to SequenceFacts
    """

    manufacturer: str
    model: str
    software: str
    serial_number: str
    station: str
    institution: str
    field_strength_t: float
    sequences: Mapping[SeriesRole, SequenceFacts] = field(default_factory=lambda: _TYPICAL_SEQUENCES)


@dataclass(frozen=True)
class PatientFacts:
    """Who is examined; `name` as DICOM writes it, parts separated by carets."""

    name: str
    patient_id: str
    birth_date: date
    sex: str


@dataclass(frozen=True)
class StudyFacts:
    """One visit."""

    started_at: datetime
    accession_number: str
    description: str
    referring_physician: str
    study_id: str = "1"


_TYPICAL_SEQUENCES: Mapping[SeriesRole, SequenceFacts] = {
    SeriesRole.FLAIR: SequenceFacts("t2_tirm_tra_dark-fluid", ("SE", "IR"), "SK", 9000.0, 93.0, 2500.0, 150.0, 16),
    SeriesRole.T1: SequenceFacts("t1_se_tra", ("SE",), "SK", 500.0, 9.0, None, 90.0, 1),
    SeriesRole.T1C: SequenceFacts(
        "t1_se_tra KM", ("SE",), "SK", 500.0, 9.0, None, 90.0, 1, contrast_agent="Gadobutrol"
    ),
    SeriesRole.T2: SequenceFacts("t2_tse_tra", ("SE",), "SK", 5000.0, 101.0, None, 150.0, 15),
}

LOCALIZER = SequenceFacts("localizer", ("GR",), "SP", 8.6, 4.0, None, 20.0, 1)
"""Scout images in three planes, before every examination."""

DEMO_SCANNERS = (
    ScannerFacts("SIEMENS", "Avanto", "syngo MR B17", "25431", "MRC25431", "Interval Demo Hospital", 1.5),
    ScannerFacts(
        "Philips Medical Systems",
        "Ingenia",
        "5.3.0",
        "41052",
        "PHILIPS-41052",
        "Interval Demo Hospital",
        3.0,
        {
            SeriesRole.FLAIR: SequenceFacts("FLAIR_longTR", ("SE", "IR"), "SK", 11000.0, 125.0, 2800.0, 90.0, 27),
            SeriesRole.T1: SequenceFacts("T1W_TSE", ("SE",), "SK", 600.0, 10.0, None, 70.0, 4),
            SeriesRole.T1C: SequenceFacts(
                "T1W_TSE +C", ("SE",), "SK", 600.0, 10.0, None, 70.0, 4, contrast_agent="Gadobutrol"
            ),
            SeriesRole.T2: SequenceFacts("T2W_TSE", ("SE",), "SK", 3000.0, 80.0, None, 90.0, 15),
        },
    ),
)
"""The scanners of the baseline and of the follow-up."""

DEMO_PATIENT = PatientFacts("Demo^Interval", "INTERVAL-DEMO-1", date(1984, 5, 17), "F")


def demo_visit(number: int) -> StudyFacts:
    """Return the facts of the demo's first (0) or second (1) visit."""
    started = datetime(2024, 3, 11, 9, 30) + timedelta(days=371 * number, hours=2 * number)
    return StudyFacts(started, f"DEMO{1001 + number}", "MRI brain", "Referrer^Demo", str(1 + number))
