"""Readers' ratings of reference cases, as the gateway gives them out. No rater's name is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

CaseName = tuple[str, str]
"""(dataset, case)."""


class Rating(BaseModel):
    """One reader's judgement of one version's result, made without knowing the version."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    case: str
    pipeline: str
    version: str
    rater: str
    acceptable: bool
    rating: int = Field(ge=1, le=5)


@dataclass(frozen=True)
class Judgement:
    """What the readers of a case said together: accepted if most accept, rated by the median."""

    acceptable: bool
    rating: float

    def at_least(self, before: Judgement) -> bool:
        """Whether it is as good as another one."""
        return self.acceptable >= before.acceptable and self.rating >= before.rating


def read_ratings(path: Path) -> tuple[Rating, ...]:
    """Read ratings from the file that the gateway gives out."""
    return TypeAdapter(tuple[Rating, ...]).validate_json(path.read_bytes())


def judgements(ratings: Iterable[Rating], pipeline: str, version: str) -> Mapping[CaseName, Judgement]:
    """Return the readers' common judgement of every case that they rated of a version."""
    by_case: dict[CaseName, list[Rating]] = {}
    for rating in ratings:
        if (rating.pipeline, rating.version) == (pipeline, version):
            by_case.setdefault((rating.dataset, rating.case), []).append(rating)
    return {
        name: Judgement(
            acceptable=sum(one.acceptable for one in said) * 2 > len(said), rating=median(one.rating for one in said)
        )
        for name, said in by_case.items()
    }
