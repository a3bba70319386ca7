from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from processing.dicom.attributes import (
    SERIES_NUMBERS,
    SeriesFacts,
    content_moment,
    described,
    has_true_dates,
    set_identity,
)
from processing.dicom.provenance import SOFTWARE_VERSION
from processing.dicom.result import ObjectKind
from processing.dicom.write_ko import write_rejection
from processing.domain.errors import Defect, InputRejected
from tests.unit.dicom.made import PROVENANCE, unacceptable


def test_the_version_is_the_project_s() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == SOFTWARE_VERSION


def test_each_kind_has_its_own_series_number() -> None:
    assert set(SERIES_NUMBERS) == set(ObjectKind)
    assert len(set(SERIES_NUMBERS.values())) == len(SERIES_NUMBERS)


@pytest.mark.parametrize(
    ("value", "true"), [(None, True), ("UNMODIFIED", True), ("MODIFIED", False), ("REMOVED", False)]
)
def test_whether_dates_are_true(value: str | None, true: bool) -> None:
    header = Dataset()
    if value is not None:
        header.LongitudinalTemporalInformationModified = value
    assert has_true_dates(header) is true


def test_a_draft_takes_the_study_s_moment_and_a_signed_object_the_signature_s() -> None:
    header = Dataset()
    header.StudyDate, header.StudyTime = "20240102", "030405"
    assert [str(part) for part in content_moment(header, None)] == ["20240102", "030405"]
    signed_at = datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC)
    assert [str(part) for part in content_moment(header, signed_at)] == ["20250607", "080910"]


def test_descriptions_fit_their_attribute() -> None:
    for kind in SERIES_NUMBERS:
        assert len(described(f"Interval {kind}")) <= 64


def test_an_object_without_study_is_refused() -> None:
    with pytest.raises(InputRejected, match="no study"):
        set_identity(Dataset(), Dataset(), PROVENANCE, SeriesFacts("report", "SR", ""), signed_at=None)


def test_only_interval_s_own_objects_can_be_rejected() -> None:
    image = Dataset()
    image.Manufacturer = "SIEMENS"
    for rejected in ([], [image]):
        with pytest.raises(Defect, match="own results"):
            write_rejection(Dataset(), rejected, PROVENANCE, unacceptable())
