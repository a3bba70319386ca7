"""Whether a study fits a route, line by line."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.dataset import Dataset

from gateway.routes.model import Match

_DESCRIPTIONS = ("StudyDescription", "RequestedProcedureDescription", "SeriesDescription", "ProtocolName")
_DEPARTMENTS = ("RequestingService", "InstitutionalDepartmentName")


@dataclass(frozen=True)
class StudyFacts:
    """What routes look at. Descriptions and departments are free text: they may hold a name, so nothing repeats them.

    Parameters
    ----------
    modalities, body_parts : frozenset of str
    descriptions, departments : tuple of str
    calling_ae_titles, called_ae_titles : frozenset of str
        Of the associations by which the images came; empty when they came otherwise.
    """

    modalities: frozenset[str]
    body_parts: frozenset[str]
    descriptions: tuple[str, ...] = field(repr=False)
    departments: tuple[str, ...] = field(repr=False)
    calling_ae_titles: frozenset[str] = frozenset()
    called_ae_titles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Check:
    """One line of a route: whether a study fits it, and why; holds no free text of the study."""

    line: str
    fits: bool
    reason: str


def facts_of(
    headers: Sequence[Dataset],
    modalities: Iterable[str],
    calling_ae_titles: Iterable[str] = (),
    called_ae_titles: Iterable[str] = (),
) -> StudyFacts:
    """Collect what a study says in the headers of its series."""
    return StudyFacts(
        frozenset(modality for modality in modalities if modality),
        frozenset(_values(headers, ("BodyPartExamined",))),
        tuple(_values(headers, _DESCRIPTIONS)),
        tuple(_values(headers, _DEPARTMENTS)),
        frozenset(calling_ae_titles),
        frozenset(called_ae_titles),
    )


def checks(match: Match, facts: StudyFacts) -> tuple[Check, ...]:
    """Compare a study with every line of a route that is given; the route fits when all lines do."""
    lines = (
        _any("modality", match.modality, sorted(facts.modalities), "the study's modality"),
        _body_part(match.body_part, sorted(facts.body_parts)),
        _any("description", match.description, facts.descriptions, "a description", shown=False),
        _none("not_description", match.not_description, facts.descriptions),
        _any("referring_department", match.referring_department, facts.departments, "the department", shown=False),
        _any("calling_ae_title", match.calling_ae_title, sorted(facts.calling_ae_titles), "the sender's AE title"),
        _any("called_ae_title", match.called_ae_title, sorted(facts.called_ae_titles), "the called AE title"),
    )
    return tuple(check for check in lines if check is not None)


def _any(line: str, patterns: Sequence[str], values: Sequence[str], what: str, *, shown: bool = True) -> Check | None:
    if not patterns:
        return None
    for pattern in patterns:
        for value in values:
            if fits(pattern, value):
                return Check(line, True, f"{value} fits" if shown else f"{what} fits '{pattern}'")
    if not values:
        return Check(line, False, f"the study does not say {what}")
    if shown:
        return Check(line, False, f"{what} fits none of {len(patterns)} patterns: {', '.join(values)}")
    return Check(line, False, f"{what} fits none of {len(patterns)} patterns")


def _body_part(patterns: Sequence[str], values: Sequence[str]) -> Check | None:
    if patterns and not values:
        return Check("body_part", True, "the study names no body part")
    return _any("body_part", patterns, values, "the body part")


def _none(line: str, patterns: Sequence[str], values: Sequence[str]) -> Check | None:
    if not patterns:
        return None
    for pattern in patterns:
        if any(fits(pattern, value) for value in values):
            return Check(line, False, f"a description fits '{pattern}'")
    return Check(line, True, "no description fits")


def fits(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern; letter case and accents do not count."""
    return _compiled(pattern).fullmatch(_plain(text)) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(_plain(pattern)))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", " ".join(text.split())).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _values(headers: Sequence[Dataset], keywords: Sequence[str]) -> Iterator[str]:
    texts = (str(header.get(keyword) or "").strip() for header in headers for keyword in keywords)
    yield from dict.fromkeys(text for text in texts if text)
