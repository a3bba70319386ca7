"""How well measurements repeat: the same head scanned again, the same images run again.

Limits of agreement (Bland and Altman, Lancet 1986), by size, twice. As a difference in mm3, where a scan that does not
show a lesion measured nothing of it: a change that is no larger may be none. And as a factor, on the logarithm of
volume, of lesions that both scans show: how far two measurements of one volume may lie apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from pydantic import BaseModel, ConfigDict

from processing.domain.imaging import RigidTransform, Volume
from processing.domain.result import Lesion, LongitudinalResult, as_longitudinal
from processing.domain.versions import VolumeLimits
from processing.pipelines.registry import find_spec
from processing.pipelines.runners import find_runner
from processing.pipelines.spec import PipelineSpec
from validation.compare import Verdict, compare_case
from validation.datasets import Manifest, ReferenceCase, find_manifest, read_case
from validation.fetch import at_hand, fetched
from validation.gate import read_ledger, write_ledger
from validation.layout import columns
from validation.outputs import CaseOutput
from validation.perturb import rescan
from validation.run import Say, compute

REPEATED_CASES = (("phantom", "demo"), ("ms-longitudinal", "patient01"), ("ms-longitudinal", "patient12"))
LIMITS_OF_AGREEMENT = 1.96 * np.sqrt(2.0)
"""In within-lesion deviations: the difference of two measurements has the square root of two of one's."""

KEPT = Path(__file__).parent / "reports" / "stability"

SIZES_MM3 = ((12.0, 50.0), (50.0, 150.0), (150.0, 500.0), (500.0, float("inf")))
"""Each with limits of its own."""

FEWEST = 2
"""Lesions of a size below which no limits are given."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Repeated(_Strict):
    """One lesion in all the scans that show it, and how many do not."""

    case: str
    increase: bool
    volumes_mm3: tuple[float, ...]
    missed: int

    @property
    def mean_mm3(self) -> float:
        """Geometric mean where it was seen."""
        return float(np.exp(np.mean(np.log(self.volumes_mm3))))

    @property
    def log_variance(self) -> float:
        """Variance of the logarithm of volume between the scans that show it."""
        return float(np.var(np.log(self.volumes_mm3), ddof=1))

    @property
    def variance_mm6(self) -> float:
        """Variance of volume between all scans; where it was missed its volume was measured as 0."""
        return float(np.var([*self.volumes_mm3, *[0.0] * self.missed], ddof=1))


class Stability(_Strict):
    """What was measured of one version, with every volume, so that limits can be worked out anew."""

    pipeline: str
    version: str
    made: date
    scans: int
    lesions: tuple[Repeated, ...]


class NotRepeatable(LookupError):
    """A pipeline's volumes can't be measured again yet."""


def require_comparing(pipeline: str) -> PipelineSpec:
    """Return the spec of a pipeline that the simulated re-scans are made for.

    Raises
    ------
    NotRepeatable
        If it measures something else than what changed between two visits.
    """
    spec = find_spec(pipeline)
    if not spec.compares:
        raise NotRepeatable(
            f"{pipeline} compares no two visits: the simulated re-scans follow lesions that changed. Its "
            "limits of agreement are not known, and nothing is said of them in its reports."
        )
    return spec


def measure_stability(pipeline: str, *, scans: int, say: Say) -> Stability:
    """Scan every case again and again; the volumes are kept in the reports, their limits of agreement in the ledger."""
    spec = require_comparing(pipeline)
    measured = Stability(
        pipeline=pipeline, version=spec.version, made=datetime.now(UTC).date(), scans=scans, lesions=()
    )
    for dataset, name in REPEATED_CASES:
        manifest = find_manifest(dataset)
        if manifest.files and at_hand(manifest) is None:
            say(f"{dataset}/{name} is left out: its files are not at hand\n")
            continue
        found = rescan_case(_read(manifest, name), pipeline, scans=scans, say=say)
        measured = measured.model_copy(update={"lesions": (*measured.lesions, *found)})
        # After every case: whoever stops here has measured the cases before.
        path = stability_path(pipeline, spec.version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(measured.model_dump_json(indent=1) + "\n", encoding="utf-8")
    keep_limits(measured, say)
    return measured


def stability_path(pipeline: str, version: str) -> Path:
    """Return where the volumes of a version's re-scans are kept."""
    return KEPT / f"{pipeline}-{version}.json"


def kept_stability(pipeline: str, version: str) -> Stability | None:
    """Return what was measured of a version before; None where nothing was."""
    path = stability_path(pipeline, version)
    return Stability.model_validate_json(path.read_bytes()) if path.is_file() else None


def keep_limits(measured: Stability, say: Say) -> None:
    """Write a version's limits of agreement into its entry of the ledger."""
    ledger = read_ledger()
    entry = ledger.entry(measured.pipeline, measured.version)
    if entry is None:
        say(f"Version {measured.version} is not in the ledger: its limits were not kept there.\n")
        return
    limits = limits_of(measured.lesions)
    write_ledger(ledger.with_entry(measured.pipeline, entry.model_copy(update={"limits": limits})))


def _read(manifest: Manifest, name: str) -> ReferenceCase:
    return read_case(manifest, manifest.case(name), fetched)


def rescan_case(case: ReferenceCase, pipeline: str, *, scans: int, say: Say) -> tuple[Repeated, ...]:
    """Measure a case on simulated re-scans of its current study."""
    runner = find_runner(pipeline)
    results: list[tuple[LongitudinalResult, RigidTransform]] = []
    for number in range(scans):
        images, pose = rescan(case.current, np.random.default_rng([1983, number]))
        result = as_longitudinal(runner(images, case.prior, lambda _stage, _fraction: None))
        results.append((result, pose))
        say(f"{case.dataset}/{case.name}: scan {number + 1} of {scans}\n")
    return follow(f"{case.dataset}/{case.name}", results)


def follow(case: str, results: Sequence[tuple[LongitudinalResult, RigidTransform]]) -> tuple[Repeated, ...]:
    """Follow every lesion through all scans by its place in the head."""
    tracks: list[tuple[npt.NDArray[np.float64], Lesion, list[float]]] = []
    for result, pose in results:
        taken: set[int] = set()
        for lesion in result.lesions:
            place = pose.apply(lesion.centroid_mm)
            near = [
                (float(np.linalg.norm(place - centre)), index)
                for index, (centre, first, _) in enumerate(tracks)
                if index not in taken and first.change.increase == lesion.change.increase
            ]
            distance, index = min(near, default=(np.inf, -1))
            if distance <= _reach_mm(lesion):
                tracks[index][2].append(lesion.volume_mm3)
                taken.add(index)
            else:
                taken.add(len(tracks))
                tracks.append((place, lesion, [lesion.volume_mm3]))
    return tuple(
        Repeated(
            case=case,
            increase=first.change.increase,
            volumes_mm3=tuple(volumes),
            missed=len(results) - len(volumes),
        )
        for _, first, volumes in tracks
    )


def _reach_mm(lesion: Lesion) -> float:
    """A lesion's own radius and a bit: the voxel that stands for its middle moves with its outline."""
    return 3.0 + 1.5 * float((3 * lesion.volume_mm3 / (4 * np.pi)) ** (1 / 3))


def limits_of(repeated: Sequence[Repeated]) -> tuple[VolumeLimits, ...]:
    """Return the limits of agreement for every size that enough lesions tell about."""
    limits = []
    for low, high in SIZES_MM3:
        here = [one for one in repeated if low <= one.mean_mm3 < high]
        again = [one.log_variance for one in here if len(one.volumes_mm3) > 1]
        if len(again) < FEWEST:
            continue
        limits.append(
            VolumeLimits(
                low_mm3=low,
                high_mm3=high if np.isfinite(high) else None,
                factor=round(float(np.exp(LIMITS_OF_AGREEMENT * np.sqrt(np.mean(again)))), 3),
                difference_mm3=round(
                    float(LIMITS_OF_AGREEMENT * np.sqrt(np.mean([one.variance_mm6 for one in here]))), 1
                ),
                lesions=len(here),
            )
        )
    return tuple(limits)


def stability_table(repeated: Sequence[Repeated]) -> str:
    """Lay out the limits by size, and how often a lesion was missed in a scan."""
    rows = [["size", "lesions", "limits of agreement", "where seen", "seen in scans"]]
    limits = {limit.low_mm3: limit for limit in limits_of(repeated)}
    for low, high in SIZES_MM3:
        here = [one for one in repeated if low <= one.mean_mm3 < high]
        seen, scans = sum(len(one.volumes_mm3) for one in here), sum(len(one.volumes_mm3) + one.missed for one in here)
        limit = limits.get(low)
        name = f"{low:.0f}-{high:.0f} mm3" if np.isfinite(high) else f"> {low:.0f} mm3"
        difference = f"+-{limit.difference_mm3:.0f} mm3" if limit else "too few lesions"
        factor = f"/{limit.factor:.2f} to x{limit.factor:.2f}" if limit else ""
        rows.append([name, str(len(here)), difference, factor, f"{seen}/{scans}"])
    return columns(rows)


THREADS = (1, 2, 4)


def determinism(pipeline: str, *, say: Say) -> bool:
    """Run one case twice, and with other numbers of threads; return whether all agree to the last bit.

    Libraries are told their default number of threads; the stages choose their own where the sum would depend on it.
    """
    manifest = find_manifest("phantom")
    spec = require_comparing(pipeline)
    case = _read(manifest, "small")
    first, _ = compute(case, spec)
    agree = True
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        for threads in (before, *THREADS):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            again, _ = compute(case, spec)
            differ = differing(first, again)
            agree &= not differ
            say(f"{threads} threads: {'identical' if not differ else 'other ' + ', '.join(differ)}\n")
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    moved = compare_case(compute(rounded_otherwise(case), spec)[0], first)
    say(f"last bit of every voxel turned: {moved.verdict.words}\n")
    for finding in moved.findings:
        if finding.detail:
            say(f"    {finding.verdict.words}: {finding.what}, {finding.detail}\n")
    agree &= moved.verdict is not Verdict.CHANGED
    say(f"onnxruntime {onnxruntime.__version__}, SimpleITK {sitk.Version.VersionString()}\n")
    return agree


def rounded_otherwise(case: ReferenceCase) -> ReferenceCase:
    """Move every voxel of the current images to a neighbouring float, up or down by chance.

    Another processor rounds sums and exponentials another way. This is as small as such a difference can be, and it
    comes before every step, so that all of them carry it on.
    """
    chance = np.random.default_rng(6)

    def turned(volume: Volume) -> Volume:
        towards = np.where(chance.random(volume.array.shape) < 0.5, -np.inf, np.inf).astype(np.float32)
        return volume.with_array(np.nextafter(volume.array, towards))

    return replace(case, current={role: turned(volume) for role, volume in case.current.items()})


def differing(one: CaseOutput, other: CaseOutput) -> tuple[str, ...]:
    """Name what is not the same to the last bit in two outputs of one case."""
    parts: Mapping[str, tuple[object, object]] = {
        **{
            name: (one.record.images.get(name), other.record.images.get(name))
            for name in sorted(one.record.images.keys() | other.record.images.keys())
        },
        "measurements": (one.record.lesions, other.record.lesions),
        "quality figures": (one.record.quality, other.record.quality),
        "registration": (one.record.current_to_prior, other.record.current_to_prior),
    }
    return tuple(name for name, (a, b) in parts.items() if a != b)
