"""The health check's exit status follows what the process says of itself."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.healthy import main
from processing.exposition import Exposition


@pytest.mark.parametrize(("wrong", "status"), [("", 0), ("It does not answer.", 1)])
def test_what_a_process_says_is_what_the_check_says(wrong: str, status: int) -> None:
    exposition = Exposition(CollectorRegistry(), lambda: {"database": wrong})
    port = exposition.start("127.0.0.1", 0)
    try:
        assert main([f"http://127.0.0.1:{port}/ready"]) == status
    finally:
        exposition.stop()


def test_nobody_there_is_not_well() -> None:
    assert main(["http://127.0.0.1:9/ready"]) == 1
