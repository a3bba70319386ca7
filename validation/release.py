"""From a run to a decision, and from a decision to a released reference."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from processing.domain.versions import Basis, VersionEntry
from processing.pipelines.registry import find_spec
from processing.pipelines.spec import PipelineSpec
from validation.compare import CaseComparison, compare_run, forgotten, reference_folder
from validation.datasets import Manifest, all_manifests, find_manifest, read_case
from validation.fetch import at_hand, fetched
from validation.gate import LEDGER, Decision, Evidence, decide, read_ledger, write_ledger
from validation.outputs import CaseOutput, CaseRecord, save
from validation.ratings import Rating, judgements
from validation.run import CaseKey, Say, compute, keys_of, run
from validation.stability import kept_stability, limits_of
from validation.statistics import SetFigures, set_figures

REPORTS = Path(__file__).parent / "reports"
REPEATED = CaseKey("phantom", "small")
"""Computed twice, to see whether it comes out the same; where it was not run the first case that was measured."""


class CaseSummary(BaseModel):
    """A case in a line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    case: str
    verdict: str
    volume_change_percent: float | None
    increase_mm3: float
    decrease_mm3: float
    lesions: int
    seconds: float


class Summary(BaseModel):
    """What is kept of a release for good: its figures and what the gate said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: str
    version: str
    made: date
    compared_with: str | None
    entry: VersionEntry | None
    to_rate: tuple[tuple[str, str], ...]
    libraries: dict[str, str]
    sets: tuple[SetFigures, ...]
    cases: tuple[CaseSummary, ...]


@dataclass(frozen=True, eq=False)
class Assessment:
    """A run with all that the gate saw of it."""

    spec: PipelineSpec
    outputs: Sequence[CaseOutput]
    evidence: Evidence
    decision: Decision

    @property
    def comparisons(self) -> Sequence[CaseComparison]:
        """Every case against its reference."""
        return self.evidence.comparisons


class OtherPipeline(LookupError):
    """A set is of another pipeline."""


def datasets_at_hand(pipeline: str, say: Say, names: Sequence[str] = ()) -> tuple[Manifest, ...]:
    """Return the sets of a pipeline: those that are named, or all that are at hand; what is left out is said.

    Raises
    ------
    OtherPipeline
        If a named set can't be measured by the pipeline.
    """
    if names:
        named = tuple(find_manifest(name) for name in names)
        if others := [manifest.name for manifest in named if pipeline not in manifest.pipelines]:
            raise OtherPipeline(f"{pipeline} can't measure {', '.join(others)}.")
        return named
    chosen = []
    for manifest in all_manifests():
        if pipeline not in manifest.pipelines:
            continue
        if manifest.unpinned or (manifest.files and at_hand(manifest) is None):
            say(
                f"{manifest.name} is left out: its files are not at hand (python -m validation fetch {manifest.name})\n"
            )
        else:
            chosen.append(manifest)
    return tuple(chosen)


def assess(
    pipeline: str,
    manifests: Sequence[Manifest],
    *,
    say: Say,
    quick: bool = False,
    processes: int = 1,
    ratings: Sequence[Rating] = (),
) -> Assessment:
    """Run sets, compare them with the reference and ask the gate."""
    spec = find_spec(pipeline)
    keys = keys_of(manifests, quick=quick)
    outputs = run(keys, pipeline, processes=processes, say=say)
    reference = reference_folder(pipeline)
    comparisons = compare_run(outputs, reference)
    released = next((one.reference.version for one in comparisons if one.reference is not None), "")
    ran = {manifest.name for manifest in manifests}
    gone = () if quick else tuple(name for name in forgotten(outputs, spec, reference) if name.split("/")[0] in ran)
    evidence = Evidence(
        pipeline=pipeline,
        version=spec.version,
        comparisons=comparisons,
        irreproducible=_irreproducible(outputs, spec, say),
        missing=gone,
        graded_by={manifest.name: manifest.graded_by for manifest in manifests},
        before=judgements(ratings, pipeline, released),
        now=judgements(ratings, pipeline, spec.version),
    )
    return Assessment(spec, outputs, evidence, decide(evidence, today=_today()))


def _today() -> date:
    return datetime.now(UTC).date()


def _irreproducible(outputs: Sequence[CaseOutput], spec: PipelineSpec, say: Say) -> tuple[str, ...]:
    """Compute one case once more, and say whether it came out otherwise."""
    measured = {CaseKey(o.record.dataset, o.record.case): o for o in outputs if o.lesion_map is not None}
    key = REPEATED if REPEATED in measured else next(iter(measured), None)
    if key is None:
        return ()
    say(f"once more, to see whether it comes out the same: {key}\n")
    manifest = find_manifest(key.dataset)
    again, _ = compute(read_case(manifest, manifest.case(key.case), fetched), spec)
    return () if same_output(again, measured[key]) else (str(key),)


def same_output(one: CaseOutput, other: CaseOutput) -> bool:
    """Whether two outputs are the same to the last bit."""
    return _measured(one.record) == _measured(other.record)


def _measured(record: CaseRecord) -> tuple[object, ...]:
    return record.images, record.lesions, record.measurements, record.quality, record.current_to_prior


def summarise(assessment: Assessment) -> Summary:
    """Take the figures of a run that are kept."""
    records = [output.record for output in assessment.outputs]
    names = list(dict.fromkeys(record.dataset for record in records))
    entry = assessment.decision.entry
    return Summary(
        pipeline=assessment.spec.name,
        version=assessment.spec.version,
        made=_today(),
        compared_with=assessment.evidence.reference_version,
        entry=entry,
        to_rate=assessment.decision.to_rate,
        libraries=records[0].provenance.libraries if records else {},
        sets=tuple(set_figures(name, [record for record in records if record.dataset == name]) for name in names),
        cases=tuple(_case_summary(one) for one in assessment.comparisons),
    )


def _case_summary(one: CaseComparison) -> CaseSummary:
    percent, record = one.volume_change_percent, one.result
    return CaseSummary(
        dataset=one.dataset,
        case=one.case,
        verdict=one.verdict.words if one.reference is not None else "new",
        volume_change_percent=round(percent, 2) if percent != float("inf") else None,
        increase_mm3=round(record.increase_mm3, 1),
        decrease_mm3=round(record.decrease_mm3, 1),
        lesions=len(record.lesions),
        seconds=record.provenance.seconds,
    )


def make_reference(
    assessment: Assessment, say: Say, *, decided: str = "", unreleased: bool = False
) -> VersionEntry | None:
    """Let a run become the reference, and write what the gate said of it into the ledger and the reports.

    Parameters
    ----------
    assessment : Assessment
        Of whole sets.
    say : callable
    decided : str
        A maintainer's reason to release without the readers' ratings; it is kept in the ledger.
    unreleased : bool
        The version was never released, so that its output may change without another version: what the ledger says of
        it stays, and its reference is replaced.

    Returns
    -------
    VersionEntry or None
        None when the gate stays closed: then nothing was written.
    """
    name, version = assessment.spec.name, assessment.spec.version
    ledger = read_ledger()
    standing = ledger.entry(name, version)
    entry = assessment.decision.entry
    if entry is None and unreleased and assessment.evidence.only_version_stands_still:
        entry = standing
    if entry is None:
        return None
    if decided and not entry.passed:
        entry = entry.model_copy(update={"basis": Basis.MAINTAINER, "reason": f"{entry.reason}; {decided}"})
    if standing is not None and entry.basis is Basis.UNCHANGED:
        entry = standing
    if (measured := kept_stability(name, version)) is not None:
        entry = entry.model_copy(update={"limits": limits_of(measured.lesions)})
    if entry != standing:
        write_ledger(ledger.with_entry(name, entry))
        say(f"wrote {LEDGER.name}: {version}, {entry.basis.value}\n")
    _write_reference(assessment, entry)
    say(f"wrote the reference of {name} {version}: {len(assessment.outputs)} cases\n")
    return entry


def _write_reference(assessment: Assessment, entry: VersionEntry) -> None:
    folder = reference_folder(assessment.spec.name)
    for dataset in {output.record.dataset for output in assessment.outputs}:
        shutil.rmtree(folder / dataset, ignore_errors=True)
    for output in assessment.outputs:
        save(output, folder)
    REPORTS.mkdir(exist_ok=True)
    summary = summarise(assessment).model_copy(update={"entry": entry})
    path = REPORTS / f"{assessment.spec.name}-{assessment.spec.version}.json"
    path.write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")


def admit(pipeline: str, reason: str, say: Say) -> VersionEntry:
    """Write into the ledger that a maintainer lets a version pass for which there is no reference set yet."""
    spec = find_spec(pipeline)
    entry = VersionEntry(version=spec.version, basis=Basis.MAINTAINER, decided=_today(), reason=reason)
    write_ledger(read_ledger().with_entry(pipeline, entry))
    say(f"wrote {LEDGER.name}: {pipeline} {spec.version}, {entry.basis.value}\n")
    return entry


def conclude_ratings(pipeline: str, ratings: Sequence[Rating], say: Say) -> VersionEntry | None:
    """Let readers' ratings decide about the installed version, where the gate waits for them.

    Returns
    -------
    VersionEntry or None
        None when the gate waits for nothing, or ratings are still missing.
    """
    spec, ledger = find_spec(pipeline), read_ledger()
    entry = ledger.entry(pipeline, spec.version)
    kept = [one for one in past_summaries(pipeline) if one.version == spec.version]
    if entry is None or entry.basis not in (Basis.RATINGS_WANTED, Basis.WORSE) or not kept:
        say(f"The gate waits for no ratings of {pipeline} {spec.version}.\n")
        return None
    (summary,) = kept
    now = judgements(ratings, pipeline, spec.version)
    before = judgements(ratings, pipeline, summary.compared_with or "")
    if missing := [name for name in summary.to_rate if name not in now]:
        say(f"Still without a rating: {', '.join('/'.join(name) for name in missing)}\n")
        return None
    worse = [name for name in summary.to_rate if name in before and not now[name].at_least(before[name])]
    basis = Basis.WORSE if worse else Basis.READERS
    entry = entry.model_copy(update={"basis": basis, "decided": _today()})
    write_ledger(ledger.with_entry(pipeline, entry))
    say(f"{pipeline} {spec.version}: {basis.value}{': ' + ', '.join('/'.join(n) for n in worse) if worse else ''}\n")
    return entry


def past_summaries(pipeline: str) -> tuple[Summary, ...]:
    """Return the kept figures of every release of a pipeline, oldest first."""
    read = [Summary.model_validate_json(path.read_bytes()) for path in REPORTS.glob(f"{pipeline}-*.json")]
    return tuple(sorted(read, key=lambda one: (one.made, [int(n) for n in one.version.split(".") if n.isdigit()])))
