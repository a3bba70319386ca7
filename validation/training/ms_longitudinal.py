"""Train the learned detector: ``python -m validation.training.ms_longitudinal CORPUS TARGET [--without PATIENT ...]``.

CORPUS comes from ``python -m validation.training.corpus``. With ``--without`` the scans of those patients take no part,
so that figures on them are those of patients never seen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

import torch

from validation.real_pairs import CROSS_SECTIONAL_PATIENTS, LONGITUDINAL_PATIENTS
from validation.training.export import write_onnx
from validation.training.fit import FitParameters, Source, fit

PATIENTS = (*LONGITUDINAL_PATIENTS, *CROSS_SECTIONAL_PATIENTS)

SHARES = {"real": 0.55, "thick": 0.2, "doubled": 0.1, "phantom": 0.15}


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


def main(arguments: list[str]) -> int:
    """Train one network for each seed and write their average as ONNX."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--without", choices=PATIENTS, nargs="+", default=[])
    parser.add_argument("--steps", type=int, default=FitParameters.steps)
    parser.add_argument("--seeds", type=int, nargs="+", default=[FitParameters.seed], help="one network for each")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    examples = sources(chosen.corpus, chosen.without)
    networks = [fit(examples, params=FitParameters(steps=chosen.steps, seed=seed)) for seed in chosen.seeds]
    chosen.target.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(networks, chosen.target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
