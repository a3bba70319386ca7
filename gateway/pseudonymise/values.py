"""Carries a rule out on one encoded value.

A value that is not of the form which its value representation prescribes (PS3.5 Table 6.2-1) is never passed on.
Free text passes only word by word through a closed vocabulary, and never a word that is part of a name in the same
object: a patient called Tse loses the TSE in the series description.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from gateway.pseudonymise.rules import OTHER_TERM, Act, Rule

MAX_AGE_YEARS = 89
"""Ages above become 90 years, as one class (45 CFR 164.514 (b)(2)(i)(C))."""

_PADDING = b" \0"
_DATE = re.compile(rb"(\d{4})(\.?)(\d{2})\2(\d{2})")
_DATETIME = re.compile(rb"(\d{4})(\d{2})?(\d{2})?((?:\d{2}){0,3}(?:\.\d{1,6})?)([+-]\d{4})?")
_TIME = re.compile(rb"\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?")
_AGE = re.compile(rb"(\d{3})([DWMY])")
_WORD_BREAK = re.compile(rb"[^A-Za-z0-9\x1b\x80-\xff]+")
_NUMBER_CHARACTERS = b"0123456789+-.eE\\ \0"
_DAYS_PER_UNIT = {b"D": 1.0, b"W": 7.0, b"M": 30.4375, b"Y": 365.25}
_PRINTABLE = bytes(range(0x20, 0x7F))
_LONGEST_ACCIDENT = 8
_SMALLEST, _LARGEST = 1e-9, 1e12
_MAX_TEXT = {b"SH": 16, b"AE": 16}


class ValueCleaner:
    """Carries out rules for one patient's values.

    Parameters
    ----------
    shift_days : int
        Days by which dates move into the past.
    map_uid : callable
        Original to pseudonymous UID.
    terms, words : frozenset of bytes
        Closed vocabularies; words in upper case.
    names : frozenset of bytes
        Parts of the names of persons in this object, in upper case.
    """

    def __init__(
        self,
        shift_days: int,
        map_uid: Callable[[bytes], bytes],
        terms: frozenset[bytes],
        words: frozenset[bytes],
        names: frozenset[bytes],
    ) -> None:
        self._shift = timedelta(days=shift_days)
        self._map_uid = map_uid
        self._terms = terms
        self._words = words - names
        self._acts: dict[Act, Callable[[Rule, bytes], bytes | None]] = {
            Act.UID: self._uid,
            Act.TERMS: self._terms_only,
            Act.NUMBER_STRING: _number_string,
            Act.SHIFT_DATE: self._shift_date,
            Act.SHIFT_DATETIME: self._shift_datetime,
            Act.TIME: _time,
            Act.WORDS: self._words_only,
            Act.DUMMY: _dummy,
            Act.EMPTY: lambda _rule, _raw: b"",
            Act.AGE: _age,
            Act.ONE_OF: _one_of,
            Act.PATTERN: _pattern,
            Act.NUMBERS: _numbers,
            Act.VERBATIM: lambda _rule, raw: raw,
        }

    def clean(self, rule: Rule, raw: bytes) -> bytes | None:
        """Return the value that may leave, without padding; None removes the attribute.

        Where the value may stay as it is, the very object that was given is returned.
        """
        return self._acts[rule.act](rule, raw)

    def shifted(self, day: date) -> bytes:
        """Return a day moved into the past, as DA; empty where the calendar has no such day."""
        try:
            moved = day - self._shift
        except OverflowError:
            return b""
        return b"%04d%02d%02d" % (moved.year, moved.month, moved.day)

    def _uid(self, _rule: Rule, raw: bytes) -> bytes:
        return b"\\".join(self._map_uid(uid) if uid else b"" for uid in _split(raw))

    def _terms_only(self, _rule: Rule, raw: bytes) -> bytes:
        values = _split(raw)
        if all(value in self._terms or not value for value in values):
            return raw
        return b"\\".join(value if value in self._terms or not value else OTHER_TERM for value in values)

    def _words_only(self, rule: Rule, raw: bytes) -> bytes | None:
        if not raw.strip(_PADDING):
            return b""
        kept = [word for word in _WORD_BREAK.split(raw) if word.upper() in self._words]
        text = b" ".join(kept)
        limit = _MAX_TEXT.get(rule.vr, 64)
        while len(text) > limit:
            text = text[: text.rindex(b" ")] if b" " in text else text[:limit]
        return text or rule.fallback

    def _shift_date(self, _rule: Rule, raw: bytes) -> bytes:
        return b"\\".join(map(self._shift_one_date, _split(raw)))

    def _shift_one_date(self, value: bytes) -> bytes:
        match = _DATE.fullmatch(value)
        day = _day(match[1], match[3], match[4]) if match else None
        return self.shifted(day) if day else b""

    def _shift_datetime(self, _rule: Rule, raw: bytes) -> bytes:
        return b"\\".join(map(self._shift_one_datetime, _split(raw)))

    def _shift_one_datetime(self, value: bytes) -> bytes:
        match = _DATETIME.fullmatch(value)
        if not match or (match[4] and not match[3]):
            return b""
        day = _day(match[1], match[2] or b"01", match[3] or b"01")
        if day is None:
            return b""
        digits = 4 + len(match[2] or b"") + len(match[3] or b"")
        moved = self.shifted(day)
        return moved[:digits] + match[4] + (match[5] or b"") if moved else b""


def name_parts(names: Iterable[bytes]) -> frozenset[bytes]:
    """Return the parts of encoded person names (PN) that a description could repeat, in upper case."""
    return frozenset(part.upper() for name in names for part in _WORD_BREAK.split(name) if len(part) > 1)


def _split(raw: bytes) -> list[bytes]:
    return [value.strip(_PADDING) for value in raw.split(b"\\")]


def _day(year: bytes, month: bytes, day: bytes) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _number_string(_rule: Rule, raw: bytes) -> bytes:
    return b"" if raw.translate(None, _NUMBER_CHARACTERS) else raw


def _time(_rule: Rule, raw: bytes) -> bytes:
    return raw if all(not value or _TIME.fullmatch(value) for value in _split(raw)) else b""


def _age(_rule: Rule, raw: bytes) -> bytes:
    match = _AGE.fullmatch(raw.strip(_PADDING))
    if not match:
        return b""
    years = int(match[1]) * _DAYS_PER_UNIT[match[2]] / _DAYS_PER_UNIT[b"Y"]
    return raw if years < MAX_AGE_YEARS + 1 else b"090Y"


def _dummy(rule: Rule, raw: bytes) -> bytes | None:
    return rule.fallback if raw.strip(_PADDING) or rule.size else b""


def _one_of(rule: Rule, raw: bytes) -> bytes | None:
    return raw if all(not value or value in rule.values for value in _split(raw)) else rule.fallback


def _pattern(rule: Rule, raw: bytes) -> bytes | None:
    value = raw.strip(_PADDING)
    matches = not value or (rule.pattern is not None and rule.pattern.fullmatch(value))
    return raw if matches else rule.fallback


def _numbers(rule: Rule, raw: bytes) -> bytes | None:
    """Pass whole numbers of the declared count; text that poses as numbers is removed."""
    if len(raw) % rule.size or (rule.max_values and len(raw) > rule.size * rule.max_values):
        return None
    if len(raw) >= _LONGEST_ACCIDENT and not raw.translate(None, _PRINTABLE) and _implausible(rule.vr, raw):
        return None
    return raw


def _implausible(vr: bytes, raw: bytes) -> bool:
    """Tell whether printable bytes are no measurement.

    Read as floating point, text is astronomically large or small, unless every fourth or eighth character happens to
    be one of a few; integers are not told apart and count as text.
    """
    if vr not in (b"FD", b"FL"):
        return True
    numbers = struct.unpack(f"<{len(raw) // (8 if vr == b'FD' else 4)}{'d' if vr == b'FD' else 'f'}", raw)
    return not all(_SMALLEST < abs(number) < _LARGEST for number in numbers)
