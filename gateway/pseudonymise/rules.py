"""What is done with an attribute: the net of each value representation, and the treatments that a profile can ask for.

A rule is made once, when the profile is loaded; `gateway.pseudonymise.values` carries it out on encoded values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

OTHER_TERM = b"OTHER"
DUMMY_TEXT = b"DEIDENTIFIED"

_NUMBER_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "SV": 8, "UV": 8, "AT": 4}
_TEXT = frozenset({"LO", "SH", "ST", "LT", "UT", "UC"})


class Act(IntEnum):
    """How the rewrite treats an element."""

    UID = 1
    TERMS = 2
    NUMBER_STRING = 3
    SHIFT_DATE = 4
    SHIFT_DATETIME = 5
    TIME = 6
    WORDS = 7
    DUMMY = 8
    EMPTY = 9
    RECURSE = 10
    AGE = 11
    ONE_OF = 12
    PATTERN = 13
    NUMBERS = 14
    VERBATIM = 15


@dataclass(frozen=True)
class Treatment:
    """What a profile asks for an attribute, before its value representation is known."""

    kind: str
    fallback: Literal["remove", "empty", "dummy"] = "dummy"
    values: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled treatment.

    Parameters
    ----------
    act : Act
    vr : bytes
        Value representation of the dictionary (the first one where it allows several).
    accepted : frozenset of bytes
        Value representations that an encoded element may declare.
    size : int
        Bytes of one number, for NUMBERS; 0 otherwise.
    max_values : int
        How many values the dictionary allows; 0 for any number.
    fallback : bytes or None
        What stands in for a value of which nothing may stay; None removes the attribute.
    values : frozenset of bytes
    pattern : compiled pattern or None
    """

    act: Act
    vr: bytes
    accepted: frozenset[bytes]
    size: int = 0
    max_values: int = 0
    fallback: bytes | None = None
    values: frozenset[bytes] = frozenset()
    pattern: re.Pattern[bytes] | None = None


_NETS = {
    "SQ": Act.RECURSE,
    "UI": Act.UID,
    "DA": Act.SHIFT_DATE,
    "DT": Act.SHIFT_DATETIME,
    "TM": Act.TIME,
    "AS": Act.AGE,
    "DS": Act.NUMBER_STRING,
    "IS": Act.NUMBER_STRING,
    "CS": Act.TERMS,
    "PN": Act.DUMMY,
    "AE": Act.DUMMY,
}
_KINDS = {"empty": Act.EMPTY, "uid": Act.UID, "words": Act.WORDS, "terms": Act.TERMS, "one of": Act.ONE_OF}
_STRING_CLASS = frozenset({b"SH", b"LO", b"ST", b"LT", b"UT", b"UC", b"PN", b"CS", b"AE", b"UR"})
_NUMBER_STRING_CLASS = frozenset({b"DS", b"IS"})


def compile_rule(treatment: Treatment, vr: str, vm: str) -> Rule:
    """Return the rule of one attribute for its value representation and multiplicity in PS3.6.

    A treatment that its value representation can't take is the strictest that it can: nothing is passed unseen.
    """
    choices = vr.split(" or ")
    first = choices[0] if choices[0] in _NUMBER_SIZES else choices[-1]
    declared = first.encode()
    accepted = frozenset(choice.encode() for choice in choices) | {b"UN"}
    if declared in _STRING_CLASS:
        accepted |= _STRING_CLASS
    elif declared in _NUMBER_STRING_CLASS:
        accepted |= _NUMBER_STRING_CLASS
    dummy = _dummy(first)
    fallback = {"remove": None, "empty": b"", "dummy": dummy}[treatment.fallback]
    act, size = _act(treatment, first)
    if act is Act.DUMMY:
        fallback = dummy
    elif act is Act.EMPTY:
        fallback = b""
    return Rule(
        act=act,
        vr=declared,
        accepted=accepted,
        size=size,
        max_values=int(vm) if vm.isdigit() else int(vm.split("-")[1]) if vm.split("-")[-1].isdigit() else 0,
        fallback=fallback,
        values=frozenset(value.encode() for value in treatment.values),
        pattern=re.compile(treatment.pattern.encode()) if treatment.pattern else None,
    )


def _act(treatment: Treatment, vr: str) -> tuple[Act, int]:
    kind = treatment.kind
    size = _NUMBER_SIZES.get(vr, 0)
    if kind == "pattern" and treatment.pattern:
        return Act.PATTERN, 0
    if kind in _KINDS:
        return _KINDS[kind], 0
    if kind == "dummy":
        return (Act.DUMMY, 0)
    if kind == "keep" and vr not in _NETS and not size:
        return Act.VERBATIM, 0
    if kind == "keep" and vr in {"CS", "AE", "PN"}:
        return Act.VERBATIM, 0
    if size:
        return Act.NUMBERS, size
    if vr in _TEXT:
        return Act.WORDS, 0
    return _NETS.get(vr, Act.DUMMY), 0


def _dummy(vr: str) -> bytes | None:
    """Return a value that is valid for the value representation and says nothing; None where there is none."""
    if vr in _TEXT or vr in {"AE", "PN"}:
        return DUMMY_TEXT
    if vr in _NUMBER_SIZES:
        return bytes(_NUMBER_SIZES[vr])
    return {
        "CS": OTHER_TERM,
        "DA": b"19000101",
        "DT": b"19000101",
        "TM": b"000000",
        "AS": b"",
        "DS": b"0",
        "IS": b"0",
    }.get(vr)
