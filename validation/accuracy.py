"""How well the pipeline finds what truly changed: ``make accuracy``.

Each case's figures are kept in a folder under the code's own fingerprint, so that a run that was stopped goes on where
it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

import processing
from processing.domain.result import Lesion, LongitudinalResult
from processing.pipelines.ms_longitudinal.pipeline import PARAMETERS, run_with
from processing.stages.learned import LearnedModel
from validation.accuracy_sets import AccuracyCase, Material
from validation.metrics import FOUND_OVERLAP, compare
from validation.real_pairs import VISIBLE_DEVIATIONS

KEPT = Path(".interval/accuracy")


class FoundLesion(BaseModel):
    """A true increase: its volume, whether the images show it, and how it was found.

    `score` is the largest that leaves it found when less sure lesions are dropped; None if it was missed. `marked_mm3`
    is the volume of the marks that touch it, and `partial_mm3` the same by how much each voxel changed, where that may
    be compared with the truth.
    """

    model_config = ConfigDict(frozen=True)

    label: int
    volume_mm3: float
    visible: bool
    overlap: float
    score: float | None
    marked_mm3: float | None = None
    partial_mm3: float | None = None


class CaseFigures(BaseModel):
    """One case's figures at the shipped threshold; scores also of what lies below it."""

    model_config = ConfigDict(frozen=True)

    group: str
    name: str
    lesions: tuple[FoundLesion, ...]
    false_scores: tuple[float, ...]
    """Of every mark that touches neither truth nor what is ignored."""
    dice: float
    registration_error_mm: float | None
    cpu_s: float
    wall_s: float

    def found(self, score: float) -> int:
        """Number of increases found when lesions below a score are dropped."""
        return sum(lesion.score is not None and lesion.score >= score for lesion in self.lesions)

    def false_positives(self, score: float) -> int:
        """Number of false marks of at least a score."""
        return sum(value >= score for value in self.false_scores)


def shipped_score() -> float:
    """Return the score below which the pipeline drops a lesion."""
    return PARAMETERS.minimum_score


def increases(result: LongitudinalResult, *, minimum_score: float = 0.0) -> npt.NDArray[np.uint16]:
    """Return the map of new and growing lesions of at least a score."""
    kept = {lesion.number for lesion in result.lesions if lesion.change.increase and lesion.score >= minimum_score}
    return result.lesion_map.keep(kept).array


def measure(case: AccuracyCase) -> CaseFigures:
    """Make a case, run the pipeline with no lesion dropped for its score, and compare with the truth."""
    material = case.make()
    network = LearnedModel(case.network.read_bytes()) if case.network.is_file() else None
    params = replace(PARAMETERS, minimum_score=0.0)
    wall, cpu = time.perf_counter(), time.process_time()
    result = run_with(network, material.current, material.prior, lambda _stage, _fraction: None, params=params)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return figures(
        result, material, minimum_score=shipped_score() if network else 0.0, group=case.group, name=case.name
    ).model_copy(update={"wall_s": wall, "cpu_s": cpu})


def figures(
    result: LongitudinalResult, material: Material, *, minimum_score: float, group: str, name: str
) -> CaseFigures:
    """Compare a result that holds every candidate with the truth.

    Parameters
    ----------
    result : LongitudinalResult
    material : Material
    minimum_score : float
        At which the Dice overlap is taken.
    group, name : str
    """
    everything = increases(result)
    voxel = result.lesion_map.grid.voxel_volume_mm3
    scores = {lesion.number: lesion.score for lesion in result.lesions if lesion.change.increase}
    allowed = material.truth > 0 if material.ignored is None else (material.truth > 0) | material.ignored
    shipped = increases(result, minimum_score=minimum_score)
    agreement = compare(shipped, material.truth, voxel_volume_mm3=voxel, ignored=material.ignored)
    present = {int(label) for label in np.unique(material.truth[material.truth > 0])} | set(material.volumes_mm3)
    lesions = []
    for label in sorted(present):
        place = material.truth == label
        touching = _touching(result, shipped, place) if label in material.outlined_new else ()
        lesions.append(
            FoundLesion(
                label=label,
                volume_mm3=material.volumes_mm3.get(label, float(place.sum()) * voxel),
                visible=_visible(result, material, label, place),
                overlap=float((shipped[place] > 0).mean()) if place.any() else 0.0,
                score=_score_when_found(everything, place, scores),
                marked_mm3=sum(lesion.volume_mm3 for lesion in touching) if touching else None,
                partial_mm3=sum(lesion.partial_volume_mm3 or 0.0 for lesion in touching) if touching else None,
            )
        )
    return CaseFigures(
        group=group,
        name=name,
        lesions=tuple(lesions),
        false_scores=tuple(
            sorted(score for number, score in scores.items() if not allowed[everything == number].any())
        ),
        dice=agreement.dice,
        registration_error_mm=material.error_mm(result.current_to_prior.matrix) if material.error_mm else None,
        cpu_s=0.0,
        wall_s=0.0,
    )


def _visible(result: LongitudinalResult, material: Material, label: int, place: npt.NDArray[np.bool_]) -> bool:
    """Whether a lesion rises by two robust deviations of the difference on average."""
    if material.visible is not None:
        return label in material.visible
    noise = next(figure.value for figure in result.quality if figure.name == "noise of the difference") / 100.0
    return bool(place.any()) and float(result.subtraction.array[place].mean()) >= VISIBLE_DEVIATIONS * noise


def _score_when_found(
    marked: npt.NDArray[np.uint16], place: npt.NDArray[np.bool_], scores: dict[int, float]
) -> float | None:
    """Return the highest score that still leaves enough of a lesion marked."""
    inside = marked[place]
    for score in sorted({scores[int(number)] for number in np.unique(inside[inside > 0])}, reverse=True):
        kept = [number for number, value in scores.items() if value >= score]
        if np.isin(inside, kept).mean() >= FOUND_OVERLAP:
            return score
    return None


def _touching(
    result: LongitudinalResult, marked: npt.NDArray[np.uint16], place: npt.NDArray[np.bool_]
) -> tuple[Lesion, ...]:
    numbers = set(np.unique(marked[place]).tolist())
    return tuple(lesion for lesion in result.lesions if lesion.number in numbers)


def fingerprint() -> str:
    """Digest of all code and weights that a figure depends on."""
    digest = hashlib.sha256()
    for folder in (Path(processing.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".onnx", ".json"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def measure_all(
    cases: Iterable[AccuracyCase], say: Callable[[str], object], *, kept: Path = KEPT
) -> tuple[CaseFigures, ...]:
    """Measure every case that no earlier run of the same code has measured."""
    folder = kept / fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(cases)
    done = []
    for number, case in enumerate(chosen, start=1):
        file = folder / f"{hashlib.sha256(f'{case.group}|{case.name}'.encode()).hexdigest()[:16]}.json"
        if file.is_file():
            done.append(CaseFigures.model_validate_json(file.read_bytes()))
            continue
        say(f"{number}/{len(chosen)} {case.group}: {case.name}\n")
        found = measure(case)
        file.write_text(found.model_dump_json())
        done.append(found)
    return tuple(done)
