"""What happens in one run, all of it drawn from a seed: who sends what when, and what is broken in between."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

ASSOCIATIONS = 4


class Fault(StrEnum):
    """A way to hurt the system; those that begin with "kill" name the service that gets SIGKILL."""

    KILL_API = "kill gateway-api"
    KILL_TASKS = "kill gateway-tasks"
    KILL_TASKS_CHILD = "kill the child of gateway-tasks"
    KILL_WORKER = "kill worker"
    KILL_WORKER_CHILD = "kill the child of worker"
    KILL_REDIS = "kill redis"
    KILL_CLINICAL = "kill orthanc-clinical"
    KILL_RESEARCH = "kill orthanc-research"
    KILL_PACS = "kill orthanc-demo-pacs"
    KILL_DATABASE = "kill postgres"
    REFUSE_AT_PACS = "cut the PACS off, connections are refused"
    SILENCE_AT_PACS = "cut the PACS off, connections hang"
    FILL_CLINICAL = "fill the disk of orthanc-clinical"
    FILL_RESEARCH = "fill the disk of orthanc-research"
    FILL_REDIS = "fill the disk of redis"
    FILL_DATABASE = "fill the disk of database"

    @property
    def needs_small_disks(self) -> bool:
        """Whether it fills a file system."""
        return self.value.startswith("fill")


@dataclass(frozen=True)
class Scale:
    """How much happens in a run."""

    patients: int
    visits: int
    late_series: int
    """Studies of which one series comes when the rest has long been sent."""
    faults_of_each_kind: int
    pause_between_faults_s: tuple[float, float]
    pause_between_studies_s: float
    """Longest pause of one association."""


FULL = Scale(20, 3, 6, 3, (1.0, 8.0), 8.0)


@dataclass(frozen=True)
class Visit:
    """One study: the number of the patient and of the visit, both from 0."""

    patient: int
    number: int


@dataclass(frozen=True)
class Sending:
    """A study, or the series of it that comes late, sent over one association after a pause."""

    visit: Visit
    late_series: bool
    pause_s: float


@dataclass(frozen=True)
class Blow:
    """One fault: how long after the last one it strikes, and how long it lasts where that is chosen."""

    fault: Fault
    pause_s: float
    lasts_s: float


@dataclass(frozen=True)
class Plan:
    """Everything that happens in one run."""

    seed: int
    visits: tuple[Visit, ...]
    afterwards: tuple[Visit, ...]
    """Of one more patient, sent when the chaos is over: the service must still work."""
    with_late_series: frozenset[Visit]
    associations: tuple[tuple[Sending, ...], ...]
    blows: tuple[Blow, ...]
    signed: frozenset[Visit]
    """Studies that the reader signs, the first visits aside: these have nothing to be compared with."""
    rejected: frozenset[Visit]
    """Those of them that the reader finds unacceptable."""


def make_plan(seed: int, scale: Scale, *, postgres: bool, small_disks: bool) -> Plan:
    """Draw a run from its seed; faults that the installation does not have are left out."""
    chance = random.Random(seed)  # noqa: S311 - a plan that can be drawn again, no secret
    visits = [Visit(patient, number) for patient in range(scale.patients) for number in range(scale.visits)]
    late = frozenset(chance.sample(visits, scale.late_series))
    followed = [visit for visit in visits if visit.number > 0]
    signed = chance.sample(followed, (len(followed) + 1) // 2)
    return Plan(
        seed=seed,
        visits=tuple(visits),
        afterwards=(Visit(scale.patients, 0), Visit(scale.patients, 1)),
        with_late_series=late,
        associations=_associations(chance, visits, late, scale.pause_between_studies_s),
        blows=_blows(chance, scale, postgres=postgres, small_disks=small_disks),
        signed=frozenset(signed),
        rejected=frozenset(signed[: len(signed) // 4]),
    )


def _associations(
    chance: random.Random, visits: list[Visit], late: frozenset[Visit], longest_pause_s: float
) -> tuple[tuple[Sending, ...], ...]:
    """Deal everything twice to the associations: studies in any order, late series in the last third."""
    main = [(visit, False) for visit in visits] * 2
    chance.shuffle(main)
    last_third = main[len(main) * 2 // 3 :] + [(visit, True) for visit in sorted(late, key=visits.index)] * 2
    chance.shuffle(last_third)
    everything = main[: len(main) * 2 // 3] + last_third
    sendings = [Sending(visit, is_late, chance.uniform(0, longest_pause_s)) for visit, is_late in everything]
    return tuple(tuple(sendings[number::ASSOCIATIONS]) for number in range(ASSOCIATIONS))


def _blows(chance: random.Random, scale: Scale, *, postgres: bool, small_disks: bool) -> tuple[Blow, ...]:
    kinds = [
        fault
        for fault in Fault
        if (postgres or fault is not Fault.KILL_DATABASE) and (small_disks or not fault.needs_small_disks)
    ]
    faults = kinds * scale.faults_of_each_kind
    chance.shuffle(faults)
    return tuple(
        Blow(fault, chance.uniform(*scale.pause_between_faults_s), chance.uniform(2.0, 8.0)) for fault in faults
    )
