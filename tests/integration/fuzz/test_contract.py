"""The API keeps what its description promises, whoever asks whatever: no server error, no undocumented answer."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.access.roles import Role
from gateway.main import openapi
from tests.integration.fuzz.conftest import Served
from tests.unit.gateway.front import PASSWORD

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1"))
"""Of each operation and kind of data."""

LEFT_OUT = frozenset({"signOut", "storeInstances"})
"""The first ends the session that the others need; the second takes DICOM files, which `test_uploads` breaks. Events go
on for minutes by design."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


Operation = APIOperation[Any, Any, Any, Any]
Callers = dict[str, requests.Session]


def operations() -> list[Operation]:
    schema = schemathesis.openapi.from_dict(openapi())
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return [one for one in found if one.definition.raw["operationId"] not in LEFT_OUT and "events" not in one.path]


def session_of(served: Served, role: Role | None) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if role is not None:
        account = {"user_name": role.value, "password": PASSWORD}
        answer = session.post(f"{served.url}/api/session", json=account, timeout=60)
        answer.raise_for_status()
        session.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return session


def findings(served: Served, operation: Operation, sessions: Callers, mode: GenerationMode) -> list[str]:
    """Ask an operation as everybody, with the same odd data; return what was against its description."""
    found: list[str] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        for role, session in sessions.items():
            response = case.call(base_url=served.url, session=session, timeout=60)
            try:
                case.validate_response(response, checks=CHECKS)
            except AssertionError as finding:
                found.append(f"{operation.label} as {role}: {str(finding)[:600]}")

    # An operation without parameters can't be given wrong ones.
    with suppress(Unsatisfiable):
        ask()
    return found


def test_no_answer_is_outside_the_contract(served: Served) -> None:
    callers = {role.value if role is not None else "nobody": session_of(served, role) for role in (None, *Role)}
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    found = [line for one in operations() for mode in modes for line in findings(served, one, callers, mode)]
    for session in callers.values():
        session.close()
    assert found == []
