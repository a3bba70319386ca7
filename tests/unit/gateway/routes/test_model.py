"""What follows from a route: the modalities by which a PACS is asked for earlier studies."""

from __future__ import annotations

import pytest

from gateway.routes.model import Route, RouteTable, SeriesRule
from processing.domain.study import SeriesRole

TABLE = RouteTable(
    routes=(
        Route(
            name="lesions",
            pipeline="ms_longitudinal",
            series=SeriesRule(required=(SeriesRole.FLAIR,), wanted=(SeriesRole.T1, SeriesRole.CT)),
        ),
        Route(name="bleeding", pipeline="another", series=SeriesRule(required=(SeriesRole.CT,))),
        Route(name="both", pipeline="another", series=SeriesRule(required=(SeriesRole.CT, SeriesRole.T1C))),
    )
)


@pytest.mark.parametrize(
    ("route", "modalities"),
    [
        ("lesions", {"MR"}),
        ("bleeding", {"CT"}),
        ("both", {"CT", "MR"}),
        ("", {"CT", "MR"}),
        ("removed since", {"CT", "MR"}),
    ],
)
def test_earlier_studies_are_of_the_modalities_that_the_route_requires(route: str, modalities: set[str]) -> None:
    assert TABLE.modalities(route) == modalities
