"""Measured cases on disk: a run that was interrupted goes on where it stopped, and none is measured twice.

A case is kept under what was measured and with which code: whatever changes in a stage, the pipeline or the phantom
makes every kept case unfindable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np

import processing
import validation.phantom
from validation.phantom.tumour import TumourSpec
from validation.tumour_cohort import cases
from validation.tumour_cohort.cases import TumourCase, measure


def measure_all(
    specs: Sequence[TumourSpec], folder: Path, *, processes: int, tell: Callable[[int, int], None]
) -> tuple[TumourCase, ...]:
    """Measure every phantom that is not kept yet.

    Parameters
    ----------
    specs : sequence of TumourSpec
    folder : Path
        Where measured cases are kept.
    processes : int
    tell : callable
        Hears how many of how many are done.

    Returns
    -------
    tuple of TumourCase
        In the order of `specs`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {spec: folder / f"{_key(spec)}.npz" for spec in specs}
    missing = [spec for spec, file in files.items() if not file.is_file()]
    done = len(files) - len(missing)
    tell(done, len(files))
    with ProcessPoolExecutor(processes) as pool:
        for number, future in enumerate(as_completed(pool.submit(_keep, spec, files[spec]) for spec in missing)):
            future.result()
            tell(done + number + 1, len(files))
    return tuple(_read(files[spec]) for spec in specs)


def _keep(spec: TumourSpec, file: Path) -> None:
    case = measure(spec)
    # Renamed when complete: an interrupted run must not leave half a case behind.
    partial = file.with_suffix(".partial.npz")
    np.savez(partial, **{field.name: getattr(case, field.name) for field in fields(case)})
    partial.rename(file)


def _read(file: Path) -> TumourCase:
    with np.load(file) as kept:
        arrays = {field.name: kept[field.name] for field in fields(TumourCase) if field.name != "small_quality"}
        return TumourCase(**arrays, small_quality=float(kept["small_quality"]))


def _key(spec: TumourSpec) -> str:
    return hashlib.sha256(f"{_code()} {spec!r}".encode()).hexdigest()[:24]


@cache
def _code() -> str:
    """Digest of all code that a measured case depends on."""
    rooms = [Path(processing.__path__[0]) / name for name in ("domain", "stages", "pipelines/tumour_volumetry")]
    rooms.append(Path(validation.phantom.__path__[0]))
    files = [file for room in rooms for file in sorted(room.rglob("*.py"))]
    digest = hashlib.sha256()
    for file in [*files, Path(cases.__file__)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
