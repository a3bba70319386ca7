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

from processing.domain.errors import InputRejected
from processing.domain.result import LongitudinalResult, PipelineResult
from processing.pipelines.registry import find_spec
from processing.pipelines.runners import find_runner
from processing.pipelines.spec import PipelineSpec
from validation.comparable import found_in
from validation.datasets import Manifest, ReferenceCase, find_manifest, read_case
from validation.fetch import fetched
from validation.outputs import (
    CaseOutput,
    CaseRecord,
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


def compute(case: ReferenceCase, spec: PipelineSpec) -> tuple[CaseOutput, PipelineResult | None]:
    """Run the pipeline on a case, in this process; a refusal is a result, any other error is raised."""
    started = time.perf_counter()
    if case.reading_only:
        (volume,) = case.current.values()
        images, samples = {"series": print_of(volume)}, {"series": samples_of(volume)}
        record = _record(case, spec, started, images=images)
        return CaseOutput(record, None, samples), None
    try:
        result = find_runner(spec.name, spec.version)(case.current, case.prior, lambda _stage, _fraction: None)
    except InputRejected as refused:
        return CaseOutput(_record(case, spec, started, failure=refused.reason), None, {}), None
    found = found_in(result, case.truth)
    matrix = found.transform.matrix if found.transform is not None else None
    record = _record(
        case,
        spec,
        started,
        lesions=found.lesions,
        measurements=found.measurements,
        quality=found.quality,
        warnings=found.warnings,
        current_to_prior=tuple(tuple(float(v) for v in row) for row in matrix) if matrix is not None else None,
        images={"lesions": map_print(found.label_map), **{name: print_of(v) for name, v in found.images.items()}},
        truth=found.truth,
    )
    samples = {name: samples_of(volume) for name, volume in found.images.items()}
    return CaseOutput(record, found.label_map, samples), result


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


def run_case(key: CaseKey, pipeline: str, folder: Path) -> CaseOutput:
    """Run one case and write what it leaves."""
    spec, manifest = find_spec(pipeline), find_manifest(key.dataset)
    case = read_case(manifest, manifest.case(key.case), fetched)
    output, result = compute(case, spec)
    save(output, folder)
    keep_images(case, folder)
    if isinstance(result, LongitudinalResult):
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
