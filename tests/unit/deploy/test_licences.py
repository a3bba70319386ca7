from __future__ import annotations

import pytest

from deploy import licences
from deploy.licences import Licensed


def test_every_package_has_a_licence_that_somebody_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main([]) == 0, capsys.readouterr().err


def test_the_list_in_the_documentation_is_of_today() -> None:
    assert licences.LIST.read_text(encoding="utf-8") == licences.page(), "run `make licences`"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("(MIT OR CC0-1.0)", True),
        ("GPL-3.0-only OR MIT", True),
        ("BSD-3-Clause AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_when_one_alternative_is_in_all_its_parts(licence: str, allowed: bool) -> None:
    assert Licensed("package", "1", licence).is_allowed is allowed


def test_an_unknown_licence_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(licences, "python_packages", lambda: iter([Licensed("odd", "2", "Beerware")]))
    assert licences.main([]) == 1
    assert "odd 2: 'Beerware'" in capsys.readouterr().err
