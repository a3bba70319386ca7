"""Train the learned detector: ``python -m validation.training.ms_longitudinal CORPUS TARGET [--without PATIENT ...]``.

CORPUS comes from ``python -m validation.training.corpus``. With ``--without`` the scans of those patients take no part,
so that figures on them are those of patients never seen.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from validation.training.export import write_onnx
from validation.training.fit import FitParameters, fit
from validation.training.sources import PATIENTS, sources


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
