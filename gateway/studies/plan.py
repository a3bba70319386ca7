"""Which reader reads which case when, and how.

Every reader reads every case twice, in two phases with a washout between them. Each phase has a random order of its
own. Half of the cases are read with the lesions in the first phase and without them in the second, the other half
the other way round, so that neither practice nor memory favours one way of reading.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

PHASES = (1, 2)


@dataclass(frozen=True)
class Planned:
    """One reading to come."""

    phase: int
    position: int
    case_id: str
    overlay: bool


def plan(case_ids: Sequence[str], reader: str, seed: int) -> list[Planned]:
    """Return a reader's readings in their order; the same seed gives the same plan.

    Parameters
    ----------
    case_ids : sequence of str
    reader : str
        User name; every reader gets another order.
    seed : int
        Of the study.
    """
    chance = random.Random(f"{seed}/{reader}")  # noqa: S311 - an order, no secret
    shuffled = sorted(case_ids)
    chance.shuffle(shuffled)
    first_with = set(shuffled[: (len(shuffled) + chance.randint(0, 1)) // 2])
    readings = []
    for phase in PHASES:
        order = sorted(case_ids)
        chance.shuffle(order)
        for position, case_id in enumerate(order, start=1):
            readings.append(Planned(phase, position, case_id, overlay=(case_id in first_with) == (phase == 1)))
    return readings
