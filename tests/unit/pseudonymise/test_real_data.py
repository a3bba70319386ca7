"""A real series, where the data folder is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser

ROOT = Path(__file__).parents[3]
SERIES = Path(os.environ.get("INTERVAL_DATA", ROOT.parent / "shared" / "data")) / "t1-dicom"


@pytest.mark.real_data
@pytest.mark.skipif(
    not SERIES.is_dir() and not os.environ.get("CI"), reason="INTERVAL_DATA does not name a folder with t1-dicom"
)
def test_every_slice_of_a_real_series_is_accepted_and_clean(pseudonymiser: Pseudonymiser) -> None:
    files = sorted(SERIES.glob("*.dcm"))
    assert len(files) == 384
    studies, series, instances = set(), set(), set()
    for path in files:
        part10 = path.read_bytes()
        result = pseudonymise_instance(part10, pseudonymiser)
        for trace in (b"Jane", b"Doe", b"Hanke", b"1.2.826.0.1", b"20130717", b"BIOLAB", b"433724515"):
            assert trace in part10
            assert trace not in result.part10
        assert result.part10.endswith(part10[-210432:])
        studies.add(result.study_instance_uid)
        series.add(result.series_instance_uid)
        instances.add(result.sop_instance_uid)
    assert (len(studies), len(series), len(instances)) == (1, 1, 384)
