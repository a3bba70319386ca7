"""The protocol for updates (EASE, section Validation and Version Control), as code.

1. The reference cases are processed again.
2. No change: the update can be deployed.
3. A change: the changed cases are judged again. Where readers judge a set, they rate the new results in the viewer,
   without knowing the version, in random order. Where a set has a ground truth, which is what readers outlined or
   what a phantom was made of, that judges first (ADR 0012).
4. As good or better: the update can be deployed.
5. A volume of an accepted reference case that moved by more than 25 %: the version is incompatible with earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from processing.domain.versions import Basis, Ledger, VersionEntry
from validation.compare import CaseComparison, Verdict
from validation.datasets import GradedBy
from validation.outputs import CaseRecord, TruthFigures
from validation.ratings import CaseName, Judgement
from validation.tolerances import SUBSTANTIAL_PERCENT

LEDGER = Path(__file__).parent / "compatibility.yaml"

_HEAD = """\
# Which versions passed the validation gate, and whose volumes compare with whose. Written by `python -m validation
# reference` and read by the gateway, which routes to no version that has not passed.
"""

WHAT_TO_DO = (
    "If the change is intended: raise SPEC.version in processing/pipelines/{pipeline}/spec.py, run "
    "`python -m validation reference`, say why in CHANGELOG.md, and commit what it wrote (validation/reference, "
    "validation/compatibility.yaml, validation/reports) with the change. If it is not: undo it."
)


NO_CASES = (
    "nothing is known of its output. A maintainer can let it pass with a reason: "
    "`python -m validation admit --pipeline NAME --decided REASON`."
)


@dataclass(frozen=True)
class Evidence:
    """What the gate decides on.

    Parameters
    ----------
    pipeline, version : str
        That asks to be deployed.
    comparisons : sequence of CaseComparison
        With the reference of the released version.
    irreproducible : sequence of str
        Cases that two runs on one machine gave different results for.
    missing : sequence of str
        Cases of the reference that were not run.
    graded_by : mapping of str to GradedBy
        Of each dataset.
    before, now : mapping of CaseName to Judgement
        What readers said of the released version's results, and of the new ones.
    """

    pipeline: str
    version: str
    comparisons: Sequence[CaseComparison]
    irreproducible: Sequence[str]
    missing: Sequence[str]
    graded_by: Mapping[str, GradedBy]
    before: Mapping[CaseName, Judgement]
    now: Mapping[CaseName, Judgement]

    @property
    def changed(self) -> tuple[CaseComparison, ...]:
        """Cases whose output changed."""
        return tuple(one for one in self.comparisons if one.verdict is Verdict.CHANGED)

    @property
    def reference_version(self) -> str | None:
        """Version that made the reference; None without one."""
        return next((one.reference.version for one in self.comparisons if one.reference is not None), None)

    @property
    def only_version_stands_still(self) -> bool:
        """Whether nothing is wrong but that the output changed under one version."""
        return not self.irreproducible and not self.missing and self.version == self.reference_version


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Parameters
    ----------
    blocked : str
        What has to be put right before there is anything to decide; empty when there is an entry.
    entry : VersionEntry or None
    to_rate : tuple of CaseName
        Changed cases that readers have to rate, or whose rating is worse than before.
    """

    blocked: str
    entry: VersionEntry | None
    to_rate: tuple[CaseName, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the version can be deployed."""
        return self.entry is not None and self.entry.passed


def decide(evidence: Evidence, *, today: date) -> Decision:
    """Go through the protocol."""
    if not evidence.comparisons:
        return Decision(f"{evidence.pipeline} has no reference case at hand: {NO_CASES}", None)
    if evidence.irreproducible:
        named = ", ".join(evidence.irreproducible)
        return Decision(f"Two runs on one machine give different results for {named}: something is not seeded.", None)
    if evidence.missing:
        return Decision(f"Cases of the reference were not run: {', '.join(evidence.missing)}.", None)
    if evidence.reference_version is None:
        return Decision("", VersionEntry(version=evidence.version, basis=Basis.FIRST, decided=today))
    if not evidence.changed:
        return Decision("", VersionEntry(version=evidence.version, basis=Basis.UNCHANGED, decided=today))
    if evidence.version == evidence.reference_version:
        names = ", ".join(f"{one.dataset}/{one.case}" for one in evidence.changed)
        return Decision(
            f"The output of {evidence.pipeline} {evidence.version} changed in {names}. "
            + WHAT_TO_DO.format(pipeline=evidence.pipeline),
            None,
        )
    basis, to_rate = _judge(evidence)
    largest, substantial = _largest_change(evidence)
    percent = largest.volume_change_percent
    entry = VersionEntry(
        version=evidence.version,
        basis=basis,
        decided=today,
        reason=f"changed: {', '.join(f'{one.dataset}/{one.case}' for one in evidence.changed)}",
        incompatible_with_earlier=substantial,
        largest_volume_change_percent=round(percent, 1) if percent != float("inf") else None,
        case=f"{largest.dataset}/{largest.case}",
    )
    return Decision("", entry, to_rate)


def _judge(evidence: Evidence) -> tuple[Basis, tuple[CaseName, ...]]:
    """Say on which basis the change stands, and which cases readers still have to look at."""
    by_truth = [one for one in evidence.changed if evidence.graded_by.get(one.dataset) is GradedBy.TRUTH]
    by_readers = [one for one in evidence.changed if one not in by_truth]
    if not no_worse_against_truth(by_truth):
        by_readers = [*by_readers, *by_truth]
    if not by_readers:
        return Basis.TRUTH, ()
    names = [(one.dataset, one.case) for one in by_readers]
    if unrated := tuple(name for name in names if name not in evidence.now):
        return Basis.RATINGS_WANTED, unrated
    worse = tuple(
        name for name in names if name in evidence.before and not evidence.now[name].at_least(evidence.before[name])
    )
    return (Basis.WORSE, worse) if worse else (Basis.READERS, ())


def _largest_change(evidence: Evidence) -> tuple[CaseComparison, bool]:
    """Return the accepted case whose volume moved most, and whether that is too much to compare.

    A case that no reader rejected counts as accepted: the phantoms and public pairs are accepted by their truth.
    """
    accepted = [
        one
        for one in evidence.changed
        if (one.dataset, one.case) not in evidence.before or evidence.before[one.dataset, one.case].acceptable
    ]
    largest = max(accepted or evidence.changed, key=lambda one: one.volume_change_percent)
    return largest, bool(accepted) and largest.volume_change_percent > SUBSTANTIAL_PERCENT


def no_worse_against_truth(comparisons: Iterable[CaseComparison]) -> bool:
    """Whether the new results of cases agree with their truth as well as the old ones.

    Counted over all of them together, because one lesion more or less decides a single case. Sensitivity weighs more
    than false positives, which readers remove: the F-measure with beta 2 must not fall.
    """
    pairs = [(_truth(one.reference), _truth(one.result)) for one in comparisons]
    known = [(before, now) for before, now in pairs if before is not None and now is not None]
    if len(known) < len(pairs):
        return False
    return f2([now for _, now in known]) >= f2([before for before, _ in known])


def _truth(record: CaseRecord | None) -> TruthFigures | None:
    return record.truth if record is not None else None


def f2(figures: Iterable[TruthFigures]) -> float:
    """F-measure over lesions in which sensitivity counts twice; 1 where there was nothing to find and nothing found."""
    found = missed = false = 0
    for one in figures:
        hits = sum(lesion.found for lesion in one.lesions)
        found, missed, false = found + hits, missed + len(one.lesions) - hits, false + one.false_positives
    total = 5 * found + 4 * missed + false
    return 5 * found / total if total else 1.0


def read_ledger(path: Path = LEDGER) -> Ledger:
    """Read the ledger; an absent one is empty."""
    if not path.is_file():
        return Ledger()
    return Ledger.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})


def write_ledger(ledger: Ledger, path: Path = LEDGER) -> None:
    """Write the ledger."""
    content = yaml.safe_dump(ledger.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True)
    path.write_text(_HEAD + content, encoding="utf-8")


def say_decision(decision: Decision, evidence: Evidence, say: Callable[[str], object]) -> None:
    """Say in words what the gate decided and what follows."""
    if decision.blocked or decision.entry is None:
        say(f"The gate stays closed. {decision.blocked}\n")
        return
    entry = decision.entry
    outcome = "Deployable" if entry.passed else "Not deployable"
    say(f"{evidence.pipeline} {entry.version}: {entry.basis.value}. {outcome}.\n")
    if decision.to_rate:
        say(f"Readers have to rate: {', '.join('/'.join(name) for name in decision.to_rate)}\n")
    if entry.incompatible_with_earlier:
        percent = entry.largest_volume_change_percent
        size = f"by {percent:.0f} %" if percent is not None else "from nothing"
        say(f"Incompatible with earlier versions: the volume of {entry.case} moved {size}.\n")
