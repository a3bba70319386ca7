"""What a log line may hold, and what never gets into one."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from pydicom.config import WARN
from pydicom.valuerep import validate_value

from gateway.log import configure_logging, get_logger
from processing.domain.log_lines import ALLOWED_KEYS, WITHHELD, keep_allowed

CASE_ID = "c6041218-06f5-443b-91ef-51746250f0c9"


@contextmanager
def configured() -> Iterator[None]:
    """The gateway's own logging, on the captured standard error, and afterwards the one from before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging()
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_allowed_keys_with_plain_values_are_kept() -> None:
    line = {"event": "case opened", "case_id": CASE_ID, "attempt": 2, "duration_s": 0.5, "version": "1.0.0"}
    assert keep_allowed(None, "info", dict(line)) == line


@pytest.mark.parametrize("key", ["patient_name", "study_instance_uid", "dataset", "path", "body", "reason", "url"])
def test_any_other_key_is_dropped(key: str) -> None:
    assert key not in ALLOWED_KEYS
    assert keep_allowed(None, "info", {"event": "seen", key: "plain"}) == {"event": "seen"}


@pytest.mark.parametrize(
    "value",
    ["2.25.123456789", "1.3.12.2.1107.5.2", "Müller", "Tse^Mei", "/data/tse.dcm", ["Tse"], {"a": 1}, b"Tse", "x" * 201],
    ids=["uid", "another uid", "umlaut", "name", "path", "list", "dict", "bytes", "long"],
)
def test_a_value_that_is_not_plain_is_dropped(value: object) -> None:
    assert keep_allowed(None, "info", {"event": "seen", "state": value}) == {"event": "seen"}


@pytest.mark.parametrize("event", ["read /data/tse.dcm", "Tse^Mei", "study 1.2.840.10008.5", "f(x) = {1}"])
def test_an_event_that_might_hold_anything_is_withheld(event: str) -> None:
    assert keep_allowed(None, "info", {"event": event}) == {"event": WITHHELD}


def test_of_an_exception_only_its_class_and_the_places_in_the_code_are_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured():
        try:
            int("Tse^Mei Ling, 1.3.12.2.1107")
        except ValueError:
            get_logger("gateway.test").exception("step failed", case_id=CASE_ID)
    (line,) = _lines(capsys)
    assert (line["event"], line["error"], line["case_id"], line["level"]) == (
        *("step failed", "ValueError"),
        *(CASE_ID, "error"),
    )
    assert str(line["where"]).startswith("test_of_an_exception")
    assert "Tse" not in json.dumps(line)
    assert "1.3.12" not in json.dumps(line)


def test_lines_are_json_with_a_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    with configured():
        get_logger("gateway.test").info("case opened", case_id=CASE_ID, patient="Tse^Mei")
    (line,) = _lines(capsys)
    assert set(line) == {"event", "case_id", "level", "timestamp"}
    assert str(line["timestamp"]).endswith("Z")


def test_libraries_say_that_they_said_something_and_no_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with configured():
        logging.getLogger("pydicom").warning("Invalid value for Tse^Mei")
        logging.getLogger("httpx").info("GET /studies/1.2.3.4.5")
        logging.getLogger("uvicorn.error").info("Application startup complete.")
    lines = _lines(capsys)
    assert [(line["logger"], line["event"]) for line in lines] == [
        ("pydicom", WITHHELD),
        ("uvicorn.error", "Application startup complete."),
    ]


def test_a_warning_about_a_value_does_not_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    with configured(), warnings.catch_warnings():
        warnings.simplefilter("always")
        validate_value("DA", "19500101x", WARN)
    lines = _lines(capsys)
    assert {(line["logger"], line["event"]) for line in lines} == {("py.warnings", WITHHELD), ("pydicom", WITHHELD)}
    assert "1950" not in json.dumps(lines)


def test_every_event_in_the_gateway_s_code_passes() -> None:
    """A phrase that the filter would withhold would be of no use to an operator."""
    phrases = []
    for path in Path("gateway").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for part in text.split("log.")[1:]:
            call, _, rest = part.partition("(")
            if call in {"info", "warning", "error", "exception"} and rest.startswith('"'):
                phrases.append(rest[1:].split('"')[0])
    assert len(phrases) > 10
    assert [one for one in phrases if keep_allowed(None, "info", {"event": one})["event"] == WITHHELD] == []
