"""How many inserted lesions the whole pipeline finds, by size: ``python -m validation.insertion_accuracy``.

Lesions are put into FLAIR alone, so the pipeline gets FLAIR alone: T1 and T2, which do not show them, would rightly
refute them. The untouched pair gives the false positives. A network that has never seen the patient is named by
``--network``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from processing.pipelines.ms_longitudinal.network import installed_network
from processing.pipelines.ms_longitudinal.pipeline import run_with
from processing.stages.learned import LearnedModel
from validation.accuracy import increases
from validation.insertion import InsertionSpec, insert_set
from validation.metrics import FOUND_OVERLAP, SIZE_CLASSES_MM3
from validation.real_pairs import LONGITUDINAL_PATIENTS, data_folder
from validation.training.backgrounds import Background, real_background
from validation.training.corpus import outlined

CONTRASTS = (0.15, 0.3)


@dataclass(frozen=True)
class InsertionFigures:
    """Found and present lesions of each of `SIZE_CLASSES_MM3`, and marks that touch no lesion and no true change."""

    contrast: float
    found: tuple[int, ...]
    present: tuple[int, ...]
    false_positives: int


def measure(
    background: Background, data: Path, network: LearnedModel | None, *, seeds: tuple[int, ...], per_class: int
) -> Iterator[InsertionFigures]:
    """Run the pipeline on inserted pairs, and at contrast 0 on the untouched one."""
    shapes = outlined(data)
    yield _run(background, background.now, {}, np.zeros(background.now.grid.shape, np.uint16), 0.0, network)
    for contrast in CONTRASTS:
        for seed in seeds:
            made = insert_set(
                background.now,
                allowed=background.allowed,
                white_matter=background.white_now,
                outlined=shapes,
                spec=InsertionSpec(seed=seed, contrast=contrast, per_class=per_class, apart_mm=16.0),
            )
            volumes = {number: lesion.volume_mm3 for number, lesion in enumerate(made.lesions, start=1)}
            yield _run(background, made.current, volumes, made.truth.array, contrast, network)


def _run(
    background: Background,
    now: Volume,
    volumes_mm3: dict[int, float],
    truth: np.ndarray[tuple[int, ...], np.dtype[np.uint16]],
    contrast: float,
    network: LearnedModel | None,
) -> InsertionFigures:
    result = run_with(
        network, {SeriesRole.FLAIR: now}, {SeriesRole.FLAIR: background.before}, lambda _stage, _fraction: None
    )
    marked = increases(result)
    found, present = [], []
    for low, high in SIZE_CLASSES_MM3:
        numbers = [number for number, volume in volumes_mm3.items() if low <= volume < high]
        present.append(len(numbers))
        found.append(sum(bool((marked[truth == number] > 0).mean() >= FOUND_OVERLAP) for number in numbers))
    explained = (truth > 0) | background.marked
    false_positives = sum(not explained[marked == number].any() for number in np.unique(marked[marked > 0]))
    return InsertionFigures(contrast, tuple(found), tuple(present), int(false_positives))


def main(arguments: list[str]) -> int:
    """Print one line for each contrast, hand-made and joined."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patient", choices=LONGITUDINAL_PATIENTS)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--per-class", type=int, default=10)
    chosen = parser.parse_args(arguments)
    data = data_folder()
    if data is None:
        sys.stderr.write("INTERVAL_DATA names no folder\n")
        return 1
    background = real_background(data, chosen.patient)
    network = LearnedModel(chosen.network.read_bytes()) if chosen.network else installed_network()
    for title, used in (("hand-made", None), ("joined", network)):
        figures = list(measure(background, data, used, seeds=tuple(range(chosen.seeds)), per_class=chosen.per_class))
        for contrast in (0.0, *CONTRASTS):
            here = [line for line in figures if line.contrast == contrast]
            shares = [
                f"{sum(line.found[size] for line in here)}/{sum(line.present[size] for line in here)}"
                for size in range(len(SIZE_CLASSES_MM3))
            ]
            false_positives = sum(line.false_positives for line in here) / len(here)
            line = [
                chosen.patient,
                f"{title:9s}",
                f"+{contrast:.2f}",
                *shares,
                f"false positives {false_positives:.1f}",
            ]
            sys.stdout.write("  ".join(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
