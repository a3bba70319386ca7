"""The training examples on disk: made once, shared by every fold.

``python -m validation.training.corpus FOLDER`` makes them; each background has generators of its own, so that a fold
sees the same examples whatever else is made.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from processing.domain.study import SeriesRole
from processing.stages.components import MINIMUM_VOLUME_MM3, connected_components
from processing.stages.resample import reorient
from validation.lesion_shapes import LesionShape, outlined_lesions, shape_of
from validation.phantom import DEMO_PHANTOM, PhantomSpec, PoseSpec
from validation.real_pairs import CROSS_SECTIONAL_PATIENTS, LONGITUDINAL_PATIENTS, data_folder, read_image
from validation.training.backgrounds import (
    Background,
    doubled_background,
    phantom_background,
    real_background,
    thick_background,
)
from validation.training.content import ContentParameters
from validation.training.simulate import Example, SimulationParameters, simulate


@dataclass(frozen=True)
class CorpusParameters:
    """How many simulations of each kind; each gives two examples, one for each order of time."""

    real: int = 32
    doubled: int = 6
    thick: int = 8
    per_thick: int = 2
    phantoms: int = 3
    per_phantom: int = 4


DOUBLED = SimulationParameters(
    content=ContentParameters(lesions=80), shift_mm=0.15, turn_deg=0.15, noise=0.06, bias=0.15, slice_blur=0.3, calm=0.0
)
"""One scan taken twice has no noise of its own between the visits: more is added."""


def outlined(folder: Path) -> tuple[tuple[LesionShape, float], ...]:
    """Shape and contrast of every lesion that readers outlined in `ms-cross-sectional-mni`."""
    found: list[tuple[LesionShape, float]] = []
    for patient in CROSS_SECTIONAL_PATIENTS:
        place = folder / "ms-cross-sectional-mni" / patient
        scan = reorient(read_image(place / "FLAIR.nii.gz"))
        lesions = reorient(read_image(place / "lesions.nii.gz")).array > 0.5
        labels = connected_components(lesions, voxel_volume_mm3=1.0, minimum_volume_mm3=MINIMUM_VOLUME_MM3)
        found += outlined_lesions(scan, labels, brain=scan.array > 0)
    return tuple(found)


def own_changes(background: Background) -> list[LesionShape]:
    """Take the outline of every increase and decrease that a reader marked in a pair."""
    grid = background.now.grid
    shapes = []
    for labels in (background.rises, background.falls):
        for label, box in enumerate(ndimage.find_objects(labels), start=1):
            if box is not None and float((labels[box] == label).sum()) * grid.voxel_volume_mm3 >= MINIMUM_VOLUME_MM3:
                shapes.append(shape_of(labels[box] == label, grid.spacing_mm))
    return shapes


def phantom_specs(count: int) -> Iterator[PhantomSpec]:
    """Phantoms of different noise, slices and poses."""
    generator = np.random.default_rng(20)
    for number in range(count):
        slice_mm = float(generator.uniform(2.0, 5.0))

        def pose(draw: np.random.Generator = generator) -> PoseSpec:
            turn, shift = draw.uniform(-5, 5, 3), draw.uniform(-6, 6, 3)
            return PoseSpec((turn[0], turn[1], turn[2]), (shift[0], shift[1], shift[2]))

        scanners = [
            replace(
                scanner,
                pose=pose(),
                slice_mm=((SeriesRole.FLAIR, slice_mm),),
                noise=float(generator.uniform(0.02, 0.05)),
            )
            for scanner in (DEMO_PHANTOM.prior, DEMO_PHANTOM.current)
        ]
        yield replace(DEMO_PHANTOM, seed=1000 + number, prior=scanners[0], current=scanners[1])


def make(target: Path, data: Path, only: str, params: CorpusParameters) -> None:
    """Make the examples of one kind of background: a patient's name, or "phantom"."""
    shapes = [shape for shape, _ in outlined(data)]
    target.mkdir(parents=True, exist_ok=True)
    if only in LONGITUDINAL_PATIENTS:
        background = real_background(data, only)
        # Outlines of this patient's own changes go with this patient's examples only, so that leaving the patient out
        # leaves them out too.
        _fill(target, background, [*shapes, *own_changes(background)], params.real, SimulationParameters())
    elif only in CROSS_SECTIONAL_PATIENTS:
        _fill(target, doubled_background(data, only), shapes, params.doubled, DOUBLED)
        for seed in range(params.thick):
            _fill(target, thick_background(data, only, seed), shapes, params.per_thick, DOUBLED)
    else:
        for spec in phantom_specs(params.phantoms):
            _fill(target, phantom_background(spec), shapes, params.per_phantom, SimulationParameters())


def _fill(
    target: Path, background: Background, shapes: list[LesionShape], count: int, params: SimulationParameters
) -> None:
    for number in range(count):
        generator = np.random.default_rng([number, *background.name.encode()])
        for order, example in enumerate(simulate(background, shapes, generator=generator, params=params)):
            write(target / f"{background.name}-{number:03d}-{order}", example)


def write(stem: Path, example: Example) -> None:
    """Keep an example as two files that can be mapped into memory."""
    np.save(f"{stem}-channels.npy", example.channels)
    np.save(f"{stem}-labels.npy", example.labels)


def main(arguments: list[str]) -> int:
    """Make examples: FOLDER, then the backgrounds to make (all by default)."""
    data = data_folder()
    if data is None:
        sys.stderr.write("INTERVAL_DATA names no folder\n")
        return 1
    kinds = arguments[1:] or [*LONGITUDINAL_PATIENTS, *CROSS_SECTIONAL_PATIENTS, "phantom"]
    for kind in kinds:
        make(Path(arguments[0]), data, kind, CorpusParameters())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
