"""Runs the released code path on reference cases: the same `run` that the worker calls, on images read the same way.

A run can be stopped and taken up again: a case whose record was made by the same code, parameters and libraries is not
computed twice.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.domain.errors import InputRejected
from processing.domain.result import LongitudinalResult, as_longitudinal
from processing.pipelines.registry import find_spec
from processing.pipelines.runners import find_runner
from processing.pipelines.spec import PipelineSpec
from validation.datasets import Manifest, ReferenceCase, Truth, find_manifest, read_case
from validation.datasets.cases import landmark_errors_mm
from validation.fetch import fetched
from validation.metrics import compare
from validation.outputs import (
    HIT_MM,
    CaseOutput,
    CaseRecord,
    LandmarkFigures,
    TrueLesionFigures,
    TruthFigures,
    load,
    map_print,
    print_of,
    provenance,
    samples_of,
    save,
)
from validation.pictures import keep_images
from validation.segmentation import write_case_segmentation

RUNS = Path(".interval/validation")

Say = Callable[[str], object]


@dataclass(frozen=True)
class CaseKey:
    """Names a case of a set."""

    dataset: str
    case: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.dataset}/{self.case}"


def run_folder(spec: PipelineSpec, root: Path = RUNS) -> Path:
    """Return where the outputs of a version lie."""
    return root / f"{spec.name}-{spec.version}"


def keys_of(manifests: Iterable[Manifest], *, quick: bool = False, case: str | None = None) -> tuple[CaseKey, ...]:
    """Name the cases of sets: all, the quick ones, or those with a name."""
    return tuple(
        CaseKey(manifest.name, entry.name)
        for manifest in manifests
        for entry in manifest.cases
        if (entry.quick or not quick) and case in (None, entry.name)
    )


def compute(case: ReferenceCase, spec: PipelineSpec) -> tuple[CaseOutput, LongitudinalResult | None]:
    """Run the pipeline on a case, in this process; a refusal is a result, any other error is raised."""
    started = time.perf_counter()
    if not case.prior:
        (volume,) = case.current.values()
        images, samples = {"series": print_of(volume)}, {"series": samples_of(volume)}
        record = _record(case, spec, started, images=images)
        return CaseOutput(record, None, samples), None
    try:
        measured = find_runner(spec.name, spec.version)(case.current, case.prior, lambda _stage, _fraction: None)
        result = as_longitudinal(measured)
    except InputRejected as refused:
        return CaseOutput(_record(case, spec, started, failure=refused.reason), None, {}), None
    volumes = {"registered prior": result.registered_prior, "subtraction": result.subtraction}
    record = _record(
        case,
        spec,
        started,
        lesions=result.lesions,
        quality=result.quality,
        warnings=result.warnings,
        current_to_prior=tuple(tuple(float(v) for v in row) for row in result.current_to_prior.matrix),
        images={"lesions": map_print(result.lesion_map), **{name: print_of(v) for name, v in volumes.items()}},
        truth=truth_figures(result, case.truth) if case.truth is not None else None,
    )
    samples = {name: samples_of(volume) for name, volume in volumes.items()}
    return CaseOutput(record, result.lesion_map, samples), result


def _record(case: ReferenceCase, spec: PipelineSpec, started: float, **found: object) -> CaseRecord:
    made_by = provenance(spec.parameters, time.perf_counter() - started)
    return CaseRecord.model_validate(
        {
            "dataset": case.dataset,
            "case": case.name,
            "pipeline": spec.name,
            "version": spec.version,
            "provenance": made_by,
            **found,
        }
    )


def truth_figures(result: LongitudinalResult, truth: Truth) -> TruthFigures:
    """Compare a result with the truth, lesion by lesion."""
    marked = result.lesion_map.keep({lesion.number for lesion in result.lesions if lesion.change.increase}).array
    voxel = result.lesion_map.grid.voxel_volume_mm3
    agreement = compare(marked, truth.increases, voxel_volume_mm3=voxel, ignored=truth.ignored)
    scores = []
    for lesion in (lesion for lesion in result.lesions if lesion.change.increase):
        place = marked == lesion.number
        real = bool((truth.increases[place] > 0).any())
        if real or truth.ignored is None or not truth.ignored[place].any():
            scores.append((lesion.score, real))
    return TruthFigures(
        lesions=tuple(
            TrueLesionFigures(
                volume_mm3=lesion.volume_mm3,
                overlap=round(lesion.overlap, 4),
                found=lesion.found,
                visible=lesion.label in truth.visible,
            )
            for lesion in agreement.lesions
        ),
        false_positives=agreement.false_positives,
        dice=agreement.dice,
        landmarks=_landmark_figures(landmark_errors_mm(truth, result.current_to_prior)),
        scores=tuple(scores),
    )


def _landmark_figures(errors_mm: npt.NDArray[np.float64]) -> LandmarkFigures | None:
    if errors_mm.size == 0:
        return None
    return LandmarkFigures(
        mean_mm=round(float(errors_mm.mean()), 4),
        largest_mm=round(float(errors_mm.max()), 4),
        hit_rates={f"{within:g} mm": round(float((errors_mm <= within).mean()), 4) for within in HIT_MM},
    )


def run_case(key: CaseKey, pipeline: str, folder: Path) -> CaseOutput:
    """Run one case and write what it leaves."""
    spec, manifest = find_spec(pipeline), find_manifest(key.dataset)
    case = read_case(manifest, manifest.case(key.case), fetched)
    output, result = compute(case, spec)
    save(output, folder)
    keep_images(case, folder)
    if result is not None:
        write_case_segmentation(case, result, spec, folder)
    return output


def standing(key: CaseKey, spec: PipelineSpec, folder: Path) -> CaseOutput | None:
    """Return a case that was computed before by what would compute it now."""
    output = load(folder, key.dataset, key.case)
    if output is None or output.record.provenance.fingerprint != provenance(spec.parameters, 0.0).fingerprint:
        return None
    return output


def run(
    keys: Sequence[CaseKey], pipeline: str, *, folder: Path | None = None, processes: int = 1, say: Say
) -> list[CaseOutput]:
    """Run cases and return their outputs in the order of `keys`.

    Parameters
    ----------
    keys : sequence of CaseKey
    pipeline : str
    folder : Path, optional
        Of the outputs; where the version's lie unless given.
    processes : int
    say : callable
        Told how far it is.
    """
    spec = find_spec(pipeline)
    folder = folder if folder is not None else run_folder(spec)
    done: dict[CaseKey, CaseOutput] = {}
    for key in keys:
        if (output := standing(key, spec, folder)) is not None:
            done[key] = output
    if done:
        say(f"{len(done)} of {len(keys)} cases stand from before\n")
    waiting = [key for key in keys if key not in done]

    def note(key: CaseKey, output: CaseOutput) -> None:
        done[key] = output
        bar = "#" * round(30 * len(done) / len(keys))
        say(f"[{bar:<30}] {len(done)}/{len(keys)}  {key}  {output.record.provenance.seconds:.0f} s\n")

    if processes == 1 or len(waiting) == 1:
        for key in waiting:
            note(key, run_case(key, pipeline, folder))
    elif waiting:
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            tasks = {pool.submit(run_case, key, pipeline, folder): key for key in waiting}
            for task in as_completed(tasks):
                note(tasks[task], task.result())
    return [done[key] for key in keys]
