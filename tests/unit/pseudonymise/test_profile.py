"""The profile as data: what loads, what does not, and what its statement says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.pseudonymise.apply import pseudonymise_instance
from gateway.pseudonymise.conformance import conformance_statement
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import PROFILES, BasicAction, Profile, ProfileInvalid, load_profile
from gateway.pseudonymise.tabulate import tabulate
from tests.unit.pseudonymise.images import encoded, scanner_image

ROOT = Path(__file__).parents[3]


def _profile_with(folder: Path, **changes: Any) -> Path:
    content = json.loads((PROFILES / "mr.json").read_text())
    content.update(changes)
    path = folder / "own.json"
    path.write_text(json.dumps(content))
    return path


def _row(**changes: Any) -> dict[str, Any]:
    return {"tag": "00081030", "name": "Study Description", "action": "X", "source": "own rule", **changes}


def test_the_table_is_complete(profile: Profile) -> None:
    assert len(profile.table) == 621
    assert profile.edition == "2024b"
    assert {row.action for row in profile.table} == set(BasicAction)
    patient_name = next(row for row in profile.table if row.tag == "00100010")
    assert patient_name.action is BasicAction.Z


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attributes": [_row(tag="00081031")]}, "not in the data dictionary"),
        ({"attributes": [_row(tag="xyz")]}, "tag"),
        ({"attributes": [_row(), _row()]}, "twice"),
        ({"attributes": [_row(action="maybe")]}, "action"),
        ({"attributes": [_row(source="")]}, "source"),
        ({"attributes": [_row(action="one of")]}, "lists no values"),
        ({"attributes": [_row(action="pattern", pattern="(")]}, "pattern"),
        ({"options": ["113107", "999999"]}, "options that are not known"),
        ({"options": ["113107", "113110"]}, "options that are not known"),
        ({"options": ["113105"]}, "lacks 113107"),
        ({"edition": "2019a"}, "different editions"),
        ({"surprise": 1}, "surprise"),
        ({"safe_private": [{"creator": "A", "group": "0018", "element": "01", "vr": "US"}]}, "group"),
        ({"table": "../../etc/passwd"}, "table"),
    ],
)
def test_a_profile_with_something_unknown_does_not_load(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProfileInvalid, match=reason):
        load_profile(_profile_with(tmp_path, **changes))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"name": "x"}', '{"extends": "nothing"}'])
def test_a_file_that_is_no_profile_does_not_load(tmp_path: Path, content: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(content)
    with pytest.raises(ProfileInvalid):
        load_profile(path)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["0008FFFF", "D", {}, "?"], "tag"),
        (["0008ffff", "D", {}, "?"], "not in the data dictionary"),
        (["00080050", "Q", {}, "?"], "table"),
        (["00080050", "Z", {"113105": "Q"}, "?"], "option"),
    ],
)
def test_a_table_with_something_unknown_does_not_load(tmp_path: Path, row: list[Any], reason: str) -> None:
    table = {"edition": "2024b", "rows": [row]}
    (tmp_path / "basic.json").write_text(json.dumps(table))
    with pytest.raises(ProfileInvalid, match=reason):
        load_profile(_profile_with(tmp_path))


def test_an_operator_can_be_stricter(tmp_path: Path, keys: KeyRing) -> None:
    path = tmp_path / "ours.json"
    own = {"extends": "mr", "name": "ours", "attributes": [_row(), _row(tag="00080070", action="Z")]}
    path.write_text(json.dumps(own))
    profile = load_profile(path)
    part10 = pseudonymise_instance(encoded(scanner_image()), Pseudonymiser(keys, profile)).part10
    assert b"MR Brain" not in part10
    assert b"SIEMENS MR HEADER" in part10
    assert b"LO\x07\x00SIEMENS" not in part10
    assert b"Interval, profile ours" in part10


def test_device_identity_stays_only_where_the_profile_says_so(keys: KeyRing) -> None:
    for name, stays in (("mr", False), ("mr-device", True)):
        part10 = pseudonymise_instance(encoded(scanner_image()), Pseudonymiser(keys, load_profile(name))).part10
        assert (b"45123" in part10) is (b"MRC35123" in part10) is (b"113109" in part10) is stays
        assert b"Tse" not in part10


def test_the_statement_is_current(profile: Profile) -> None:
    assert (ROOT / "docs" / "pseudonymisation.md").read_text("utf-8") == conformance_statement(profile)


def test_the_statement_names_every_row(profile: Profile) -> None:
    statement = conformance_statement(profile)
    assert statement.count("\n| (") == len(profile.attributes) + len(profile.safe_private) + len(profile.table) - 1
    assert "| (0010,0010) | Patient's Name | Z |  | replaced by the pseudonym |" in statement
    assert "| (0008,0020) | Study Date | Z | 113107 C | date moved into the past |" in statement


def test_the_table_is_regenerated_from_an_export(tmp_path: Path) -> None:
    export = [
        {"name": "B", "tag": "(0010,0020)", "basicProfile": "Z/D", "id": "00100020"},
        {"name": "A (see Note 1)", "tag": "(60XX,3000)", "basicProfile": "X", "cleanGraphOpt": "C", "id": "60xx3000"},
        {"name": "P", "tag": "(GGGG,EEEE) WHERE GGGG IS ODD", "basicProfile": "X", "rtnSafePrivOpt": "C", "id": "g"},
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(export))
    rows = json.loads(tabulate(path, "2099a"))["rows"]
    assert rows == [
        ["00100020", "Z/D", {}, "B"],
        ["60xx3000", "X", {"113103": "C"}, "A"],
        ["private", "X", {"113111": "C"}, "P"],
    ]


def test_what_scanners_of_several_makers_write_is_known(profile: Profile) -> None:
    siemens = (
        "ORIGINAL PRIMARY M ND NORM DIS2D DIS3D MFSPLIT TRACEW ADC FM3_2 MPR CSAMPR TENSOR_B0 SH1_1 PFP SAT1 UNI INV2"
    )
    ge = "FAST_GEMS EDR_GEMS ACC_GEMS FILTERED_GEMS T2FLAIR_GEMS FSL_GEMS HYPERSENSE_GEMS NPW PFF SS SP SK"
    philips = "M_FFE M_SE M_IR FFE SE IR M_PCA PCA P_FFE R_IR"
    assert set(f"{siemens} {ge} {philips}".split()) - profile.terms == set()
