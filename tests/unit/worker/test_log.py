from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from processing.domain.log_lines import WITHHELD
from processing.worker.log import configure_logging, get_logger


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    configure_logging()
    yield out
    root.handlers, root.level = before, level


def last(lines: io.StringIO) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return parsed


def test_a_line_has_only_keys_that_are_allowed(lines: io.StringIO) -> None:
    get_logger("processing.test").info("order done", job_id="j1", attempt=1, patient="Meier^Anna", dataset={"a": 1})
    line = last(lines)
    assert {"event", "job_id", "attempt", "level", "timestamp"} <= set(line)
    assert not {"patient", "dataset"} & set(line)


def test_a_uid_or_a_caret_is_never_written(lines: io.StringIO) -> None:
    get_logger("processing.test").info("order done", job_id="1.2.840.113619.2", case_id="Meier^Anna")
    assert not {"job_id", "case_id"} & set(last(lines))


def test_an_exception_leaves_its_class_and_place_only(lines: io.StringIO) -> None:
    try:
        int("Meier^Anna")
    except ValueError:
        get_logger("processing.test").exception("order failed")
    line = last(lines)
    assert line["error"] == "ValueError"
    assert "test_an_exception" in str(line["where"])
    assert "Meier" not in lines.getvalue()


def test_a_library_s_words_are_withheld(lines: io.StringIO) -> None:
    logging.getLogger("pydicom").warning("Invalid value for PatientName: Meier^Anna")
    assert last(lines)["event"] == WITHHELD
    assert "Meier" not in lines.getvalue()


def test_an_event_that_might_hold_anything_is_withheld_as_at_the_gateway(lines: io.StringIO) -> None:
    get_logger("processing.test").info("read /data/tse.dcm", count=3)
    assert (last(lines)["event"], last(lines)["count"]) == (WITHHELD, 3)
