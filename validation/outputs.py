"""What a run leaves of a case: a record as JSON, the arrays behind it, and the lesions as a DICOM Segmentation."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.result import Lesion, QualityFigure

SAMPLES = 2048
"""Voxels of an image that are kept to compare it with: the same places in every run."""

HIT_MM = (0.25, 0.5, 1.0, 2.0)
"""Distances within which a landmark counts as hit."""

LIBRARIES = ("numpy", "scipy", "SimpleITK", "scikit-image", "onnxruntime", "nilearn", "pydicom", "highdicom")
"""What the numbers of a result depend on."""

_CODE = ("domain", "dicom", "stages", "pipelines")
_PROCESSING = Path(__file__).resolve().parents[1] / "processing"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ImagePrint(_Strict):
    """An image in few numbers.

    Parameters
    ----------
    sha256 : str
        Of shape and voxels.
    shape : tuple of int
    affine : tuple of tuple of float
        Voxel index to LPS, rounded to a micrometre.
    mean, deviation : float
    half_precision : bool
        Whether every value fits a 16-bit float although they are no whole numbers: somebody dropped digits.
    """

    sha256: str
    shape: tuple[int, int, int]
    affine: tuple[tuple[float, ...], ...]
    mean: float
    deviation: float
    half_precision: bool


class Measurement(_Strict):
    """One number that a result states beside its lesions; volumes are in mm3."""

    name: str
    value: float
    unit: str

    @property
    def is_volume(self) -> bool:
        """Whether the gate watches how far it moves."""
        return self.unit == "mm3"


class TrueLesionFigures(_Strict):
    """A true increase: how large it is, what part of it was marked, and whether the images show it."""

    volume_mm3: float
    overlap: float
    found: bool
    visible: bool


class LandmarkFigures(_Strict):
    """How far a transform takes landmarks from where they truly lie.

    Parameters
    ----------
    mean_mm, largest_mm : float
    hit_rates : dict of str to float
        Part of the landmarks within each of `HIT_MM`.
    """

    mean_mm: float
    largest_mm: float
    hit_rates: dict[str, float]


class TruthFigures(_Strict):
    """How a result compares with the truth."""

    lesions: tuple[TrueLesionFigures, ...]
    false_positives: int
    dice: float
    landmarks: LandmarkFigures | None
    scores: tuple[tuple[float, bool], ...]
    """Of every new or growing lesion that was marked: its score, and whether it touches a true one."""


class RunProvenance(_Strict):
    """What a result was made by."""

    parameters_sha256: str
    code_sha256: str
    libraries: dict[str, str]
    python: str
    machine: str
    cores: int
    seconds: float

    @property
    def fingerprint(self) -> str:
        """Changes with whatever may change a result."""
        said = [self.parameters_sha256, self.code_sha256, self.libraries]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class CaseRecord(_Strict):
    """One case of one run."""

    dataset: str
    case: str
    pipeline: str
    version: str
    failure: str = ""
    """Why there is no result, in the pipeline's words; empty where there is one."""
    lesions: tuple[Lesion, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    quality: tuple[QualityFigure, ...] = ()
    warnings: tuple[str, ...] = ()
    current_to_prior: tuple[tuple[float, ...], ...] | None = None
    images: dict[str, ImagePrint] = {}
    truth: TruthFigures | None = None
    provenance: RunProvenance

    @property
    def increase_mm3(self) -> float:
        """Volume of new and growing lesions."""
        return sum(lesion.volume_mm3 for lesion in self.lesions if lesion.change.increase)

    @property
    def decrease_mm3(self) -> float:
        """Volume that shrinking and vanished lesions lost."""
        return sum(lesion.volume_mm3 for lesion in self.lesions if not lesion.change.increase)

    @property
    def volumes_mm3(self) -> dict[str, float]:
        """Every volume that must not move from one version to the next, by its name."""
        lesions = {"what was added": self.increase_mm3, "what was lost": self.decrease_mm3}
        return {**lesions, **{one.name: one.value for one in self.measurements if one.is_volume}}


@dataclass(frozen=True, eq=False)
class CaseOutput:
    """A record and its arrays.

    Parameters
    ----------
    record : CaseRecord
    lesion_map : LabelMap or None
    samples : mapping of str to ndarray of float32
        Values of each image at `SAMPLES` places.
    """

    record: CaseRecord
    lesion_map: LabelMap | None
    samples: Mapping[str, npt.NDArray[np.float32]]


def print_of(volume: Volume) -> ImagePrint:
    """Take an image's fingerprint."""
    array = volume.array
    digest = hashlib.sha256(str(array.shape).encode() + np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()
    whole = bool((array == np.rint(array)).all())
    with np.errstate(over="ignore"):
        coarse = array.astype(np.float16).astype(np.float32)
    return ImagePrint(
        sha256=digest,
        shape=volume.grid.shape,
        affine=tuple(tuple(round(float(v), 6) + 0.0 for v in row) for row in volume.grid.affine),
        mean=float(array.mean(dtype=np.float64)),
        deviation=float(array.std(dtype=np.float64)),
        half_precision=not whole and bool(np.array_equal(coarse, array)),
    )


def samples_of(volume: Volume) -> npt.NDArray[np.float32]:
    """Return values at places that depend on the shape alone, most of them where there is signal."""
    flat = volume.array.ravel()
    places = np.random.default_rng(flat.size).integers(0, flat.size, SAMPLES)
    return flat[np.sort(places)].astype(np.float32)


def map_print(lesion_map: LabelMap) -> ImagePrint:
    """Take the fingerprint of a lesion map."""
    return print_of(Volume(lesion_map.array.astype(np.float32), lesion_map.grid))


def provenance(parameters: object, seconds: float) -> RunProvenance:
    """Say what this process computes with."""
    return RunProvenance(
        parameters_sha256=hashlib.sha256(repr(parameters).encode()).hexdigest(),
        code_sha256=_code_hash(),
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        python=platform.python_version(),
        machine=platform.machine(),
        cores=os.cpu_count() or 0,
        seconds=round(seconds, 1),
    )


@cache
def _code_hash() -> str:
    """Hash the code and the weights that results come from."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_PROCESSING / folder).rglob("*")):
            if path.suffix in {".py", ".onnx", ".json"}:
                digest.update(path.relative_to(_PROCESSING).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def paths_of(folder: Path, dataset: str, case: str) -> tuple[Path, Path]:
    """Return the paths of a case's record and arrays."""
    place = folder / dataset
    stem = case.replace(" ", "-").replace("/", "-")
    return place / f"{stem}.json", place / f"{stem}.npz"


def save(output: CaseOutput, folder: Path) -> None:
    """Write a case, its record last: where there is a record, all of it is there."""
    record_path, arrays_path = paths_of(folder, output.record.dataset, output.record.case)
    record_path.parent.mkdir(parents=True, exist_ok=True)
    record_path.unlink(missing_ok=True)
    arrays: dict[str, npt.NDArray[np.generic]] = {f"samples {name}": values for name, values in output.samples.items()}
    if output.lesion_map is not None:
        arrays |= _packed(output.lesion_map)
    np.savez_compressed(arrays_path, allow_pickle=False, **arrays)
    record_path.write_text(output.record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _packed(lesion_map: LabelMap) -> dict[str, npt.NDArray[np.generic]]:
    places = np.flatnonzero(lesion_map.array)
    return {
        "lesion places": places.astype(np.uint32),
        "lesion labels": lesion_map.array.ravel()[places],
        "shape": np.array(lesion_map.grid.shape, np.uint32),
        "affine": lesion_map.grid.affine,
    }


def load(folder: Path, dataset: str, case: str) -> CaseOutput | None:
    """Read a case; None where there is none."""
    record_path, arrays_path = paths_of(folder, dataset, case)
    if not record_path.is_file() or not arrays_path.is_file():
        return None
    record = CaseRecord.model_validate_json(record_path.read_bytes())
    with np.load(arrays_path, allow_pickle=False) as arrays:
        samples = {name.removeprefix("samples "): arrays[name] for name in arrays.files if name.startswith("samples ")}
        lesion_map = None
        if "shape" in arrays.files:
            z, y, x = (int(n) for n in arrays["shape"])
            flat = np.zeros(z * y * x, np.uint16)
            flat[arrays["lesion places"]] = arrays["lesion labels"]
            lesion_map = LabelMap(flat.reshape(z, y, x), Grid((z, y, x), arrays["affine"]))
    return CaseOutput(record, lesion_map, samples)
