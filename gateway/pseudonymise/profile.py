"""The de-identification profile: which attribute is treated how, as data.

Two files make a profile. The table (profiles/basic.json) is PS3.15 Table E.1-1 of the edition it names. The profile
file (profiles/mr.json, or an operator's own) names the options of PS3.15 E.3 that are used, its own rows with their
source, closed vocabularies, and the safe private attributes. `load_profile` checks both and compiles one `Rule` per
attribute of the data dictionary. What no row names falls to a net by value representation; what the dictionary
does not know is removed. A profile with a tag, action or option that is not known does not load.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydicom._dicom_dict import DicomDictionary

from gateway.pseudonymise.rules import Rule, Treatment, compile_rule

PROFILES = Path(__file__).parent / "profiles"

OPTION_NAMES: Mapping[str, str] = {
    "113100": "Basic Application Confidentiality Profile",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113111": "Retain Safe Private Option",
}
"""Code -> meaning in PS3.16 CID 7050, for what Interval implements; a profile can't name another option."""

_DATE_OPTION = "113107"
_LONGEST_CHAIN = 3
_KNOWN_COLUMNS = frozenset(OPTION_NAMES) | {"113106", "113110", "113112"}


class ProfileInvalid(ValueError):
    """The profile can't be used; the gateway does not start with it."""


class BasicAction(StrEnum):
    """The action codes of PS3.15 Table E.1-1a that the table uses."""

    X = "X"
    Z = "Z"
    D = "D"
    U = "U"
    X_OR_Z = "X/Z"
    X_OR_D = "X/D"
    Z_OR_D = "Z/D"
    X_OR_Z_OR_D = "X/Z/D"
    X_OR_Z_OR_U = "X/Z/U*"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttributeRow(_Model):
    """A profile's own row: an attribute of the dictionary, how it is treated, and why."""

    tag: str = Field(pattern=r"^[0-9a-f]{8}$")
    name: str
    action: Literal["X", "Z", "D", "U", "keep", "words", "terms", "one of", "pattern"]
    source: str = Field(min_length=1)
    values: tuple[str, ...] = ()
    pattern: str = ""
    otherwise: Literal["remove", "empty", "dummy"] = "dummy"


class SafePrivate(_Model):
    """A private attribute that is known to hold a number of the physics and nothing else."""

    creator: str = Field(min_length=1)
    group: str = Field(pattern=r"^[0-9a-f]{3}[13579bdf]$")
    element: str = Field(pattern=r"^[0-9a-f]{2}$")
    vr: Literal["US", "SS", "UL", "SL", "FL", "FD", "IS", "DS"]
    values: int = Field(ge=1, le=16)
    name: str
    source: str = Field(min_length=1)


class _ProfileFile(_Model):
    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    title: str
    table: str = Field(pattern=r"^[a-z0-9_.-]+\.json$")
    edition: str
    options: tuple[str, ...]
    sop_classes: dict[str, str]
    attributes: tuple[AttributeRow, ...]
    removed_groups: dict[str, str]
    safe_private: tuple[SafePrivate, ...]
    terms: dict[str, tuple[str, ...]]
    words: tuple[str, ...]


@dataclass(frozen=True)
class TableRow:
    """One row of PS3.15 Table E.1-1."""

    tag: str
    action: BasicAction
    options: Mapping[str, str]
    name: str


@dataclass(frozen=True, eq=False)
class Profile:
    """A checked and compiled profile.

    Parameters
    ----------
    name, title, edition : str
    options : tuple of str
        Codes of the options used, in order, without the basic profile's own.
    sop_classes : mapping
        UID to name of the objects that may leave the clinical zone; every other one is refused.
    table : tuple of TableRow
    attributes : tuple of AttributeRow
    removed_groups : mapping
        Group (four hexadecimal digits) to the reason why what no row lists in it is removed.
    safe_private : tuple of SafePrivate
    terms, words : frozenset of str
        Closed vocabularies of code strings, and of words in descriptions.
    rules : mapping
        Tag to rule, for every attribute of the dictionary that is not simply removed.
    safe_private_rules : mapping
        (creator in lower case, group, element byte) to rule.
    """

    name: str
    title: str
    edition: str
    options: tuple[str, ...]
    sop_classes: Mapping[str, str]
    table: tuple[TableRow, ...]
    attributes: tuple[AttributeRow, ...]
    removed_groups: Mapping[str, str]
    safe_private: tuple[SafePrivate, ...]
    terms: frozenset[str] = field(repr=False)
    words: frozenset[str] = field(repr=False)
    rules: Mapping[int, Rule] = field(repr=False)
    safe_private_rules: Mapping[tuple[str, int, int], Rule] = field(repr=False)

    @cached_property
    def encoded_terms(self) -> frozenset[bytes]:
        """The terms as they are encoded."""
        return frozenset(term.encode("ascii") for term in self.terms)

    @cached_property
    def encoded_words(self) -> frozenset[bytes]:
        """The words as they are encoded, in upper case."""
        return frozenset(word.upper().encode("ascii") for word in self.words)

    @cached_property
    def safe_groups(self) -> frozenset[int]:
        """Groups in which there are safe private attributes."""
        return frozenset(group for _, group, _ in self.safe_private_rules)

    @cached_property
    def safe_creators(self) -> frozenset[tuple[str, int]]:
        """(creator in lower case, group) of the safe private attributes."""
        return frozenset((creator, group) for creator, group, _ in self.safe_private_rules)


def load_profile(name_or_path: str | Path = "mr") -> Profile:
    """Load a profile by its name (a file of this package) or by the path of an operator's file.

    An operator's file may extend a profile of this package and say only what differs:
    ``{"extends": "mr", "name": "ours", "attributes": [{"tag": ..., "action": "X", "name": ..., "source": ...}]}``.

    Raises
    ------
    ProfileInvalid
        If a file is missing or malformed, or names a tag, action, option or value that is not known.
    """
    path = Path(name_or_path)
    if path.suffix != ".json":
        path = PROFILES / f"{name_or_path}.json"
    try:
        content = _ProfileFile.model_validate(_read_extended(path))
    except ValidationError as error:
        where = "; ".join(".".join(map(str, e["loc"])) + ": " + e["msg"] for e in error.errors()[:3])
        raise ProfileInvalid(f"the profile is not valid: {where}") from error
    beside = path.parent / content.table
    table = _load_table(beside if beside.exists() else PROFILES / content.table, content.edition)
    return _compile(content, table)


def _read_extended(path: Path, depth: int = 0) -> dict[str, Any]:
    """Read a profile file; one that extends another says only what differs, its rows come in place of those."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProfileInvalid("the profile file can't be read") from error
    if not isinstance(content, dict):
        raise ProfileInvalid("the profile file holds no profile")
    if "extends" not in content:
        return content
    if depth > _LONGEST_CHAIN:
        raise ProfileInvalid("the profile extends itself")
    base_name = str(content.pop("extends"))
    base = _read_extended(PROFILES / f"{Path(base_name).name}.json", depth + 1)
    own_rows = content.get("attributes", [])
    own_tags = {row.get("tag") for row in own_rows if isinstance(row, dict)}
    kept_rows = [row for row in base["attributes"] if row["tag"] not in own_tags]
    return {**base, **content, "attributes": [*kept_rows, *own_rows]}


def _load_table(path: Path, edition: str) -> tuple[TableRow, ...]:
    try:
        content = json.loads(path.read_text("utf-8"))
        rows = tuple(
            TableRow(tag, BasicAction(action), options, name) for tag, action, options, name in content["rows"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProfileInvalid(f"the table of the profile is not valid: {error}") from error
    if content.get("edition") != edition:
        raise ProfileInvalid("the profile and its table are of different editions")
    for row in rows:
        unknown = set(row.options) - _KNOWN_COLUMNS
        if unknown or not set(row.options.values()) <= {"K", "C"}:
            raise ProfileInvalid(f"the table's row {row.tag} has an option that is not known")
        if re.fullmatch(r"[0-9a-f]{8}", row.tag):
            if int(row.tag, 16) not in DicomDictionary and row.action is not BasicAction.X:
                raise ProfileInvalid(f"the table's tag {row.tag} is not in the data dictionary")
        elif row.tag != "private" and not re.fullmatch(r"[56]0xx([0-9a-f]{4}|xxxx)", row.tag):
            raise ProfileInvalid(f"the table's tag {row.tag} is not known")
    if len({row.tag for row in rows}) != len(rows):
        raise ProfileInvalid("the table names a tag twice")
    return rows


def _compile(content: _ProfileFile, table: tuple[TableRow, ...]) -> Profile:
    unknown = [code for code in content.options if code not in OPTION_NAMES or code == "113100"]
    if unknown:
        raise ProfileInvalid(f"the profile names options that are not known: {', '.join(unknown)}")
    if len(set(content.options)) != len(content.options) or _DATE_OPTION not in content.options:
        raise ProfileInvalid("the profile names an option twice, or lacks 113107, which every comparison needs")
    terms = frozenset(term for group in content.terms.values() for term in group)
    own: dict[int, AttributeRow] = {}
    for attribute in content.attributes:
        tag = int(attribute.tag, 16)
        if tag not in DicomDictionary or tag in own:
            raise ProfileInvalid(
                f"the profile's tag {attribute.tag} is not in the data dictionary, or stands there twice"
            )
        own[tag] = attribute
    rows = {int(row.tag, 16): row for row in table if re.fullmatch(r"[0-9a-f]{8}", row.tag)}
    rules: dict[int, Rule] = {}
    for tag, (vr, vm, *_) in DicomDictionary.items():
        if tag >> 16 < 0x0008 or tag & 0xFFFF == 0:
            continue  # commands, file meta, directories and group lengths are no content of a data set
        treatment = _treatment(own.get(tag), rows.get(tag), vr, tag, content)
        if treatment.kind != "remove":
            rules[tag] = compile_rule(treatment, vr, vm)
    safe_private = content.safe_private if "113111" in content.options else ()
    return Profile(
        name=content.name,
        title=content.title,
        edition=content.edition,
        options=content.options,
        sop_classes=content.sop_classes,
        table=table,
        attributes=content.attributes,
        removed_groups=content.removed_groups,
        safe_private=safe_private,
        terms=terms,
        words=frozenset(content.words),
        rules=rules,
        safe_private_rules={
            (row.creator.lower(), int(row.group, 16), int(row.element, 16)): compile_rule(
                Treatment("keep"), row.vr, str(row.values)
            )
            for row in safe_private
        },
    )


_OWN_KINDS = {"X": "remove", "Z": "empty", "D": "dummy", "U": "uid", "one of": "one of", "pattern": "pattern"}


def _treatment(own: AttributeRow | None, row: TableRow | None, vr: str, tag: int, content: _ProfileFile) -> Treatment:
    """Resolve one attribute: the profile's own row, else the table's with its options, else a net by VR."""
    if own is not None:
        if own.action == "one of" and not own.values:
            raise ProfileInvalid(f"the profile's row {own.tag} lists no values")
        try:
            re.compile(own.pattern)
        except re.error as error:
            raise ProfileInvalid(f"the profile's row {own.tag} has a pattern that can't be read") from error
        return Treatment(
            _OWN_KINDS.get(own.action, own.action), fallback=own.otherwise, values=own.values, pattern=own.pattern
        )
    if row is not None:
        return Treatment(_table_kind(row, vr, content.options), fallback=_fallback(row.action))
    if f"{tag >> 16:04x}" in content.removed_groups:
        return Treatment("remove")
    return Treatment("net")


def _table_kind(row: TableRow, vr: str, options: tuple[str, ...]) -> str:
    """Return how a row of the table is treated under the options in use."""
    kept_by = [code for code in options if row.options.get(code) == "K"]
    cleaned_by = [code for code in options if row.options.get(code) == "C"]
    if "113109" in kept_by and _DATE_OPTION not in cleaned_by:
        return "keep"  # the operator asks for the device's identity as it stands
    if vr in {"TM", "DT"} and row.action is BasicAction.X:
        return "remove"  # stricter than 113107 asks: a time of day stays only where an image needs one
    if kept_by or cleaned_by:
        # Retained or cleaned, but never unseen: the nets by VR let pass only what they know.
        if vr in {"DA", "DT", "TM", "AS", "CS", "DS", "IS", "US"}:
            return "net"
        if vr in {"SH", "LO", "ST", "LT", "UT", "UC"}:
            return "words"
    if vr == "SQ":
        return {"X": "remove", "Z": "empty", "X/Z": "empty"}.get(row.action, "net")
    if row.action is BasicAction.U:
        return "uid"
    return {"X": "remove", "Z": "empty", "X/Z": "empty"}.get(row.action, "dummy")


def _fallback(action: BasicAction) -> Literal["remove", "empty", "dummy"]:
    """Return what happens when cleaning leaves nothing of a value."""
    if action is BasicAction.X:
        return "remove"
    return "empty" if action in (BasicAction.Z, BasicAction.X_OR_Z) else "dummy"
