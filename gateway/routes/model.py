"""What a site writes in its routes file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from processing.domain.priority import Priority
from processing.domain.study import SeriesInput, SeriesRole

Words = tuple[str, ...]
"""Patterns: letter case and accents do not count, `*` stands for any text and `?` for one letter."""


class Part(BaseModel):
    """A part of the file: an unknown word in it is an error, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(Part):
    """What a study must say. Every line that is given must hold; a line holds when one of its patterns does."""

    modality: Words = ()
    """Of any of its series (0008,0060)."""
    body_part: Words = ()
    """Body Part Examined (0018,0015) of any series. A study that names no body part is not excluded."""
    description: Words = ()
    """Study, requested procedure or series description, or protocol name."""
    not_description: Words = ()
    """None of them may fit one of these."""
    referring_department: Words = ()
    """Requesting Service (0032,1033) or Institutional Department Name (0008,1040)."""
    calling_ae_title: Words = ()
    """Who sent it."""
    called_ae_title: Words = ()
    """Under which name the archive was called."""

    @field_validator("*")
    @classmethod
    def _without_empty_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        if any(not pattern.strip() for pattern in patterns):
            raise ValueError("a pattern is empty")
        return patterns


class SeriesRule(Part):
    """Which roles a study must, and which it should, have."""

    required: tuple[SeriesRole, ...] = Field(min_length=1)
    wanted: tuple[SeriesRole, ...] = ()

    @model_validator(mode="after")
    def _each_role_once(self) -> SeriesRule:
        roles = [*self.required, *self.wanted]
        if len(set(roles)) < len(roles):
            raise ValueError("a role is named twice")
        return self

    @property
    def inputs(self) -> tuple[SeriesInput, ...]:
        """The same as a pipeline states it."""
        return tuple(SeriesInput(role, required=role in self.required) for role in (*self.required, *self.wanted))

    @property
    def modalities(self) -> frozenset[str]:
        """Modalities that an earlier study must have: those of the required roles."""
        return frozenset(role.modality for role in self.required)


class PriorChoice(StrEnum):
    """Which of several earlier studies is compared with."""

    LATEST = "latest"
    """The last one before the current study."""
    FIRST = "first"
    """The first one, or the first one after a date: a baseline of treatment."""


class PriorPlace(StrEnum):
    """Where earlier studies are looked for."""

    CLINICAL = "clinical"
    PACS = "pacs"


class PriorRule(Part):
    """Which earlier study a study is compared with."""

    choose: PriorChoice = PriorChoice.LATEST
    after: date | None = None
    """Studies of this day or before are not compared with."""
    at_least_days: int = Field(default=1, ge=1)
    """Between both studies; two of one day are parts of one visit."""
    coarsest_voxel_mm: float | None = Field(default=None, gt=0)
    """Longest side of a voxel that is acceptable in the required series of the earlier study."""
    look_in: tuple[PriorPlace, ...] = Field(default=(PriorPlace.CLINICAL, PriorPlace.PACS), min_length=1)
    fetch_at_most: int = Field(default=3, ge=1, le=20)
    """How many studies are fetched from the PACS until one of them can be used."""

    @field_validator("look_in")
    @classmethod
    def _clinical_archive_always(cls, places: tuple[PriorPlace, ...]) -> tuple[PriorPlace, ...]:
        if PriorPlace.CLINICAL not in places:
            raise ValueError("the clinical archive is always looked in: what is fetched from the PACS comes to it")
        return places

    def in_order(self, dates: Sequence[tuple[date, str]], current: date) -> list[str]:
        """Return the earlier studies that may be compared with, the preferred one first.

        Parameters
        ----------
        dates : sequence of (date, str)
            Study date and a name for each study; of two on one day the one that stands later is preferred.
        current : date
            Of the current study.
        """
        allowed = [
            (day, place, name)
            for place, (day, name) in enumerate(dates)
            if (current - day).days >= self.at_least_days and (self.after is None or day > self.after)
        ]
        if self.choose is PriorChoice.FIRST:
            allowed.sort(key=lambda one: (one[0], -one[1]))
        else:
            allowed.sort(reverse=True)
        return [name for _, _, name in allowed]


class Completeness(Part):
    """When a study counts as complete."""

    quiet_time_s: float | None = Field(default=None, gt=0)
    """No image has come for so long; the gateway's setting unless given."""
    longest_wait_s: float | None = Field(default=None, ge=0)
    """How long after its last image a study that lacks something is waited for; the gateway's setting unless given."""


class Publication(StrEnum):
    """When a result leaves Interval."""

    AFTER_REVIEW = "after review"


class Route(Part):
    """One rule: which studies, which pipeline, and how."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    match: Match = Match()
    pipeline: str
    priority: Priority = Priority.ROUTINE
    series: SeriesRule
    complete: Completeness = Completeness()
    prior: PriorRule = PriorRule()
    publication: Publication = Publication.AFTER_REVIEW
    targets: tuple[str, ...] = ()
    """Names of targets; every one that is configured unless given."""

    @field_validator("publication", mode="before")
    @classmethod
    def _only_after_review(cls, word: object) -> object:
        if isinstance(word, str) and word.strip().casefold().startswith("preliminary"):
            raise ValueError("a preliminary result can't be published: nothing leaves Interval before a reader signed")
        return word


class RouteTable(Part):
    """All rules, the first that fits counts."""

    routes: tuple[Route, ...] = Field(min_length=1)

    def find(self, name: str) -> Route | None:
        """Return the route of a name; none when the file no longer has it."""
        return next((route for route in self.routes if route.name == name), None)

    def modalities(self, name: str) -> frozenset[str]:
        """Return the modalities of which a route compares; those of all routes when it is not known yet which one."""
        route = self.find(name)
        routes = self.routes if route is None else (route,)
        return frozenset().union(*(one.series.modalities for one in routes))

    def prior_rule(self, name: str) -> PriorRule:
        """Return how a route chooses priors; as usual when the file no longer has it."""
        route = self.find(name)
        return route.prior if route is not None else PriorRule()
