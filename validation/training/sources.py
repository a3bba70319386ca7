"""Which examples a network is trained on, and how often each kind is drawn."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from validation.real_pairs import CROSS_SECTIONAL_PATIENTS, LONGITUDINAL_PATIENTS

PATIENTS = (*LONGITUDINAL_PATIENTS, *CROSS_SECTIONAL_PATIENTS)

SHARES = {"real": 0.55, "thick": 0.2, "doubled": 0.15, "phantom": 0.1}


@dataclass(frozen=True, eq=False)
class Source:
    """Examples of one kind, and how often they are drawn."""

    examples: tuple[Path, ...]
    share: float


def sources(corpus: Path, without: Collection[str] = ()) -> list[Source]:
    """Gather the examples of every background but those of some patients."""
    ending = "-labels.npy"
    names = sorted(path.name.removesuffix(ending) for path in corpus.glob(f"*{ending}"))
    kept = [name for name in names if not any(patient in name for patient in without)]

    def stems(prefixes: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(corpus / name for name in kept if name.startswith(prefixes))

    return [
        Source(stems(LONGITUDINAL_PATIENTS), SHARES["real"]),
        Source(stems(CROSS_SECTIONAL_PATIENTS), SHARES["doubled"]),
        Source(stems(("thick",)), SHARES["thick"]),
        Source(stems(("phantom",)), SHARES["phantom"]),
    ]
