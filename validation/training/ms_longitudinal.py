"""Train the learned detector: ``python -m validation.training.ms_longitudinal CORPUS TARGET [--without PATIENT]``.

CORPUS comes from ``python -m validation.training.corpus``. With ``--without`` the pair of that patient takes no part,
so that figures on it are those of a patient never seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from validation.real_pairs import CROSS_SECTIONAL_PATIENTS, LONGITUDINAL_PATIENTS
from validation.training.export import write_onnx
from validation.training.fit import FitParameters, Source, fit

SHARES = {"real": 0.55, "thick": 0.2, "doubled": 0.1, "phantom": 0.15}


def sources(corpus: Path, without: str | None) -> list[Source]:
    """Gather the examples of every background but one."""

    def stems(prefixes: tuple[str, ...]) -> tuple[Path, ...]:
        ending = "-labels.npy"
        names = sorted(path.name.removesuffix(ending) for path in corpus.glob(f"*{ending}"))
        return tuple(corpus / name for name in names if name.startswith(prefixes))

    patients = tuple(patient for patient in LONGITUDINAL_PATIENTS if patient != without)
    return [
        Source(stems(patients), SHARES["real"]),
        Source(stems(CROSS_SECTIONAL_PATIENTS), SHARES["doubled"]),
        Source(stems(("thick",)), SHARES["thick"]),
        Source(stems(("phantom",)), SHARES["phantom"]),
    ]


def main(arguments: list[str]) -> int:
    """Train one network and write it as ONNX."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--without", choices=LONGITUDINAL_PATIENTS)
    parser.add_argument("--steps", type=int, default=FitParameters.steps)
    parser.add_argument("--seed", type=int, default=FitParameters.seed)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    network = fit(sources(chosen.corpus, chosen.without), params=FitParameters(steps=chosen.steps, seed=chosen.seed))
    chosen.target.parent.mkdir(parents=True, exist_ok=True)
    write_onnx(network, chosen.target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
