"""Compares a run with the committed reference: identical, changed within tolerance, or changed, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from processing.domain.imaging import Grid
from processing.pipelines.spec import PipelineSpec
from validation.matching import MatchedLesion, match_lesions
from validation.outputs import LIBRARIES, CaseOutput, CaseRecord, ImagePrint, load
from validation.tolerances import TOLERANCES, Tolerances

REFERENCE = Path(__file__).parent / "reference"
"""Outputs of the last released version of each pipeline."""


class Verdict(IntEnum):
    """How much an output changed; the larger, the more."""

    IDENTICAL = 0
    WITHIN_TOLERANCE = 1
    CHANGED = 2

    @property
    def words(self) -> str:
        """As people read it."""
        return ("identical", "within tolerance", "changed")[self]


@dataclass(frozen=True)
class Finding:
    """One thing that was compared."""

    what: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class CaseComparison:
    """A case against its reference.

    Parameters
    ----------
    dataset, case : str
    reference, result : CaseRecord
        The reference's is None for a case that it does not hold.
    findings : tuple of Finding
    lesions : tuple of MatchedLesion
    """

    dataset: str
    case: str
    reference: CaseRecord | None
    result: CaseRecord
    findings: tuple[Finding, ...]
    lesions: tuple[MatchedLesion, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst finding's."""
        return max((finding.verdict for finding in self.findings), default=Verdict.IDENTICAL)

    @property
    def volume_change_percent(self) -> float:
        """Largest relative change of a volume of the case: what was added, what was lost, or a part.

        Nothing before and something now has no ratio: it counts as infinite.
        """
        if self.reference is None:
            return 0.0
        before, after = self.reference.volumes_mm3, self.result.volumes_mm3
        names = before.keys() | after.keys()
        return max(percent_change(before.get(name, 0.0), after.get(name, 0.0)) for name in names)


def percent_change(before: float, after: float) -> float:
    """Return the size of a relative change in percent; infinite for something that comes from nothing."""
    if before == after:
        return 0.0
    return 100.0 * abs(after - before) / before if before else float("inf")


def reference_folder(pipeline: str) -> Path:
    """Return where a pipeline's reference lies."""
    return REFERENCE / pipeline


def compare_run(outputs: Iterable[CaseOutput], folder: Path) -> tuple[CaseComparison, ...]:
    """Compare every case of a run with the reference in a folder."""
    return tuple(compare_case(output, load(folder, output.record.dataset, output.record.case)) for output in outputs)


def compare_case(
    output: CaseOutput, reference: CaseOutput | None, tolerances: Tolerances = TOLERANCES
) -> CaseComparison:
    """Compare one case with its reference."""
    new = output.record
    if reference is None:
        missing = Finding("reference", Verdict.CHANGED, "the reference holds no such case")
        return CaseComparison(new.dataset, new.case, None, new, (missing,))
    old = reference.record
    findings = [*_libraries(old, new), *_outcome(old, new)]
    lesions: tuple[MatchedLesion, ...] = ()
    if not any(finding.verdict is Verdict.CHANGED and finding.what == "outcome" for finding in findings):
        findings += list(_images(reference, output, tolerances))
        if old.current_to_prior is not None and new.current_to_prior is not None:
            findings.append(_transform(old, new, tolerances))
        findings += list(_quality(old, new, tolerances))
        if _same_lattice(old, new) and reference.lesion_map is not None and output.lesion_map is not None:
            lesions = match_lesions(reference.lesion_map, output.lesion_map)
            findings += list(_lesions(old, new, lesions, tolerances))
        findings += list(_measurements(old, new, tolerances))
    return CaseComparison(new.dataset, new.case, old, new, tuple(findings), lesions)


def _libraries(old: CaseRecord, new: CaseRecord) -> Iterator[Finding]:
    before, after = old.provenance.libraries, new.provenance.libraries
    for name in LIBRARIES:
        if before.get(name) != after.get(name):
            detail = f"{name} {before.get(name, 'absent')} made the reference, {after.get(name, 'absent')} is installed"
            yield Finding("library", Verdict.CHANGED, detail)


def _outcome(old: CaseRecord, new: CaseRecord) -> Iterator[Finding]:
    if old.failure != new.failure:
        yield Finding("outcome", Verdict.CHANGED, f"'{old.failure or 'a result'}' became '{new.failure or 'a result'}'")
    if old.warnings != new.warnings:
        yield Finding("warnings", Verdict.CHANGED, "the sentences that readers see are others")


def _same_lattice(old: CaseRecord, new: CaseRecord) -> bool:
    before, after = old.images.get("lesions"), new.images.get("lesions")
    return before is not None and after is not None and before.shape == after.shape


def _images(old: CaseOutput, new: CaseOutput, tolerances: Tolerances) -> Iterator[Finding]:
    for name in sorted(old.record.images.keys() | new.record.images.keys()):
        before, after = old.record.images.get(name), new.record.images.get(name)
        if before is None or after is None:
            yield Finding(name, Verdict.CHANGED, "in one of the two only")
            continue
        yield _image(name, before, after, old, new, tolerances)


def _image(
    name: str, before: ImagePrint, after: ImagePrint, old: CaseOutput, new: CaseOutput, tolerances: Tolerances
) -> Finding:
    if before == after:
        return Finding(name, Verdict.IDENTICAL, "")
    if before.shape != after.shape or not np.allclose(before.affine, after.affine, atol=1e-3):
        return Finding(name, Verdict.CHANGED, "lies on another grid")
    if before.half_precision != after.half_precision:
        return Finding(name, Verdict.CHANGED, "digits were dropped: the values are those of 16-bit floats")
    if name not in old.samples or name not in new.samples:
        return Finding(name, Verdict.WITHIN_TOLERANCE, "voxels differ; the lesions say by how much")
    difference = new.samples[name].astype(np.float64) - old.samples[name]
    rms = float(np.sqrt((difference**2).mean())) / max(before.deviation, 1e-9)
    # Means catch what few voxels hide: a slope, an offset.
    rms = max(rms, abs(after.mean - before.mean) / max(before.deviation, 1e-9))
    verdict = Verdict.WITHIN_TOLERANCE if rms <= tolerances.image_rms else Verdict.CHANGED
    return Finding(name, verdict, f"differs by {rms:.2g} standard deviations")


def _transform(old: CaseRecord, new: CaseRecord, tolerances: Tolerances) -> Finding:
    before, after = np.array(old.current_to_prior), np.array(new.current_to_prior)
    if np.array_equal(before, after):
        return Finding("registration", Verdict.IDENTICAL, "")
    image = new.images["lesions"]
    grid = Grid(image.shape, np.array(image.affine))
    corners = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 1)]) * (np.array(grid.shape) - 1)
    points = np.column_stack([grid.index_to_lps(corners), np.ones(8)])
    apart = float(np.linalg.norm((points @ (after - before).T)[:, :3], axis=1).max())
    verdict = Verdict.WITHIN_TOLERANCE if apart <= tolerances.transform_mm else Verdict.CHANGED
    return Finding("registration", verdict, f"up to {apart:.3g} mm apart")


def _quality(old: CaseRecord, new: CaseRecord, tolerances: Tolerances) -> Iterator[Finding]:
    before, after = ({figure.name: figure for figure in record.quality} for record in (old, new))
    if before.keys() != after.keys():
        yield Finding("quality figures", Verdict.CHANGED, "others are measured")
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if one == other:
            continue
        near = abs(other.value - one.value) <= tolerances.quality_part * max(abs(one.value), 1e-3)
        same = near and one.unit == other.unit and one.acceptable == other.acceptable
        verdict = Verdict.WITHIN_TOLERANCE if same else Verdict.CHANGED
        yield Finding(name, verdict, f"{one.value:.4g} became {other.value:.4g} {other.unit}".rstrip())


def _lesions(
    old: CaseRecord, new: CaseRecord, lesions: Sequence[MatchedLesion], tolerances: Tolerances
) -> Iterator[Finding]:
    before, after = ({lesion.number: lesion for lesion in record.lesions} for record in (old, new))
    for pair in lesions:
        if pair.reference is None or pair.result is None:
            said = "is gone" if pair.result is None else "is there now"
            volume = pair.reference_mm3 or pair.result_mm3
            yield Finding("lesion", Verdict.CHANGED, f"a lesion of {volume:.0f} mm³ {said}")
            continue
        limit = max(tolerances.voxels, tolerances.voxel_part * pair.voxels)
        if pair.reference not in before or pair.result not in after:
            yield from _part(pair, limit)
            continue
        one, other = before[pair.reference], after[pair.result]
        if one == other and not pair.voxels_changed:
            continue
        named = (one.change, one.region, one.side) == (other.change, other.region, other.side)
        near = pair.voxels_changed <= limit and abs(other.score - one.score) <= tolerances.score
        told = "" if named else f", {one.change} {one.region} became {other.change} {other.region}"
        detail = (
            f"lesion {one.number}: {one.volume_mm3:.0f} became {other.volume_mm3:.0f} mm³, Dice {pair.dice:.3f}, "
            f"score {one.score:.3f} became {other.score:.3f}{told}"
        )
        yield Finding("lesion", Verdict.WITHIN_TOLERANCE if named and near else Verdict.CHANGED, detail)


def _part(pair: MatchedLesion, limit: float) -> Iterator[Finding]:
    """Compare a part of a tumour, which has a label and no record of its own."""
    if pair.reference == pair.result and not pair.voxels_changed:
        return
    near = pair.reference == pair.result and pair.voxels_changed <= limit
    detail = f"label {pair.reference}: {pair.reference_mm3:.0f} became {pair.result_mm3:.0f} mm³, Dice {pair.dice:.3f}"
    yield Finding("part", Verdict.WITHIN_TOLERANCE if near else Verdict.CHANGED, detail)


def _measurements(old: CaseRecord, new: CaseRecord, tolerances: Tolerances) -> Iterator[Finding]:
    before, after = ({one.name: one for one in record.measurements} for record in (old, new))
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield Finding(name, Verdict.CHANGED, "in one of the two only")
            continue
        one, other = before[name], after[name]
        if one == other:
            continue
        near = one.unit == other.unit and abs(other.value - one.value) <= tolerances.voxel_part * abs(one.value)
        detail = f"{one.value:.4g} became {other.value:.4g} {other.unit}"
        yield Finding(name, Verdict.WITHIN_TOLERANCE if near else Verdict.CHANGED, detail)


def forgotten(outputs: Iterable[CaseOutput], spec: PipelineSpec, folder: Path) -> tuple[str, ...]:
    """Return the cases of the same sets that the reference holds and the run does not."""
    ran = {(output.record.dataset, output.record.case) for output in outputs}
    held = set()
    for path in folder.glob("*/*.json"):
        record = CaseRecord.model_validate_json(path.read_bytes())
        if record.pipeline == spec.name:
            held.add((record.dataset, record.case))
    return tuple(f"{dataset}/{case}" for dataset, case in sorted(held - ran))
