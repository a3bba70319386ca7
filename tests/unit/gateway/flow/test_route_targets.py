"""A route says which targets its results go to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.association import PacsNode
from gateway.dispatch.c_store import CStoreTarget
from gateway.flow import Services
from gateway.flow.shipping import due_targets
from gateway.routes.model import Route, RouteTable, SeriesRule
from processing.domain.case import CaseState
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesRole
from tests.unit.gateway.rows import add_case


def with_route(services: Services, named: tuple[str, ...]) -> Services:
    targets = [CStoreTarget(name, PacsNode("127.0.0.1", 9, "PACS", "INTERVAL")) for name in ("pacs", "archive")]
    route = Route(
        name="one", pipeline="ms_longitudinal", series=SeriesRule(required=(SeriesRole.FLAIR,)), targets=named
    )
    return replace(services, targets=targets, routes=RouteTable(routes=(route,)))


@pytest.mark.parametrize(
    ("named", "due"),
    [((), ["pacs", "archive"]), (("archive",), ["archive"]), (("pacs", "archive"), ["pacs", "archive"])],
)
def test_results_go_to_the_targets_of_the_route_and_to_all_where_it_names_none(
    services: Services, named: tuple[str, ...], due: list[str]
) -> None:
    services = with_route(services, named)
    with services.sessions.begin() as session:
        case = add_case(session, CaseState.SIGNED)
        case.route = "one"
        assert [target.name for target in due_targets(services, session, case)] == due


def test_a_result_whose_route_is_gone_goes_nowhere_else(services: Services) -> None:
    services = with_route(services, ("archive",))
    with services.sessions.begin() as session:
        begun, new = (add_case(session, CaseState.SIGNED, study_uid=f"2.25.{number}") for number in (1, 2))
        begun.route, new.route = "one", "one"
        due_targets(services, session, begun)
        (route,) = services.routes.routes
        renamed = RouteTable(routes=(route.model_copy(update={"name": "other", "targets": ()}),))
        without = replace(services, routes=renamed)
        assert [target.name for target in due_targets(without, session, begun)] == ["archive"]
        with pytest.raises(InputRejected, match="no longer configured"):
            due_targets(without, session, new)
