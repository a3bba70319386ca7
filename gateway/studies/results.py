"""What a study found: for each way of reading the agreement, sensitivity and reading time (MUSIC, tables 2 to 9)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.db.tables import ReadingStudy, ReadingStudyCase, StudyReading, StudySurvey
from gateway.studies.agreement import (
    Estimate,
    Table,
    cohens_kappa,
    fleiss_kappa,
    sensitivity,
    specificity,
    with_interval,
)
from processing.domain.decision import Reading

COLUMNS = (
    *("study", "reader", "phase", "position", "case", "lesions_shown", "reference"),
    *("shown_at", "signed_at", "seconds", "reading", "new_lesions", "rating"),
)


@dataclass(frozen=True)
class PairAgreement:
    """Two readers' agreement."""

    first: str
    second: str
    kappa: Estimate


@dataclass(frozen=True)
class ConditionResults:
    """What one way of reading gave.

    Parameters
    ----------
    overlay : bool
        Whether the lesions were shown.
    readings : int
    sensitivity, specificity : Estimate
        Of "new or growing lesions" against the reference, over all readers.
    fleiss : Estimate
    pairs : tuple of PairAgreement
    seconds, rating : Estimate
        Means.
    """

    overlay: bool
    readings: int
    sensitivity: Estimate
    specificity: Estimate
    fleiss: Estimate
    pairs: tuple[PairAgreement, ...]
    seconds: Estimate
    rating: Estimate


@dataclass(frozen=True)
class StudyResults:
    """Both ways of reading, and the mean difference in time of the same reader at the same case (with - without)."""

    conditions: tuple[ConditionResults, ConditionResults]
    seconds_saved: Estimate


def signed_readings(session: Session, study: ReadingStudy) -> list[StudyReading]:
    """Return the closed readings, by reader, phase and position."""
    rows = (
        select(StudyReading)
        .where(StudyReading.study_id == study.study_id, StudyReading.signed_at.is_not(None))
        .order_by(StudyReading.reader, StudyReading.phase, StudyReading.position)
    )
    return list(session.scalars(rows))


def results(session: Session, study: ReadingStudy) -> StudyResults:
    """Compute a study's results from what is read so far."""
    readings = signed_readings(session, study)
    truth = _truth(session, study)
    with_lesions = _condition([one for one in readings if one.overlay], truth, study.seed, overlay=True)
    without = _condition([one for one in readings if not one.overlay], truth, study.seed, overlay=False)
    return StudyResults((without, with_lesions), _seconds_saved(readings, truth, study.seed))


def as_csv(session: Session, study: ReadingStudy) -> str:
    """Return every closed reading as a line, with its reader's answers to the surveys.

    Cases and readers stand under the names that the gateway gave them; a column ``before_years`` holds what was
    answered before the first reading to the question of that name.
    """
    truth = _truth(session, study)
    answers = _answers(session, study)
    questions = sorted({name for said in answers.values() for name in said})
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, *questions])
    for one in signed_readings(session, study):
        moments = [moment.isoformat() if moment is not None else "" for moment in (one.shown_at, one.signed_at)]
        known = {1: Reading.ACTIVE.value, 0: Reading.STABLE.value}.get(truth[one.case_id], "")
        writer.writerow(
            [
                *(study.title, one.reader, one.phase, one.position, one.case_id, int(one.overlay), known),
                *(*moments, f"{seconds_of(one):.1f}", one.reading, one.new_lesions, one.rating),
                *(_harmless(answers.get(one.reader, {}).get(name, "")) for name in questions),
            ]
        )
    return buffer.getvalue()


def _answers(session: Session, study: ReadingStudy) -> dict[str, dict[str, str]]:
    """Return what each reader answered, by the moment and the name of the question."""
    found: dict[str, dict[str, str]] = {}
    for survey in session.scalars(select(StudySurvey).where(StudySurvey.study_id == study.study_id)):
        said = found.setdefault(survey.reader, {})
        said.update({f"{survey.moment}_{name}": str(value) for name, value in survey.answers.items()})
    return found


def _harmless(answer: str) -> str:
    """Keep a spreadsheet from taking somebody's words for a formula."""
    return f"'{answer}" if answer[:1] in tuple("=+-@\t\r") and answer else answer


def seconds_of(reading: StudyReading) -> float:
    """Return the time from the first image to the signature."""
    if reading.shown_at is None or reading.signed_at is None:
        raise ValueError("only a closed reading has a length")
    return (reading.signed_at - reading.shown_at).total_seconds()


def _truth(session: Session, study: ReadingStudy) -> dict[str, int]:
    rows = session.scalars(select(ReadingStudyCase).where(ReadingStudyCase.study_id == study.study_id))
    return {row.case_id: -1 if row.reference is None else int(row.reference == Reading.ACTIVE.value) for row in rows}


def _condition(
    readings: Sequence[StudyReading], truth: dict[str, int], seed: int, *, overlay: bool
) -> ConditionResults:
    cases, readers = sorted(truth), sorted({one.reader for one in readings})
    table = np.full((len(cases), len(readers)), -1, dtype=np.int64)
    for one in readings:
        table[cases.index(one.case_id), readers.index(one.reader)] = int(one.reading == Reading.ACTIVE.value)
    known = np.array([truth[case_id] for case_id in cases], dtype=np.int64)
    count = len(cases)
    pairs = tuple(
        PairAgreement(readers[a], readers[b], with_interval(count, _pair(table, a, b), seed=seed))
        for a, b in combinations(range(len(readers)), 2)
    )
    return ConditionResults(
        overlay=overlay,
        readings=len(readings),
        sensitivity=with_interval(count, lambda drawn: sensitivity(table[drawn], known[drawn]), seed=seed),
        specificity=with_interval(count, lambda drawn: specificity(table[drawn], known[drawn]), seed=seed),
        fleiss=with_interval(count, lambda drawn: fleiss_kappa(table[drawn]), seed=seed),
        pairs=pairs,
        seconds=_mean([(one.case_id, seconds_of(one)) for one in readings], cases, seed),
        rating=_mean([(one.case_id, float(one.rating or 0)) for one in readings], cases, seed),
    )


def _pair(table: Table, first: int, second: int) -> Callable[[Table], float | None]:
    return lambda drawn: cohens_kappa(table[drawn][:, [first, second]])


def _mean(values: Sequence[tuple[str, float]], cases: Sequence[str], seed: int) -> Estimate:
    by_case = [[value for case_id, value in values if case_id == wanted] for wanted in cases]

    def mean(drawn: Table) -> float | None:
        found = [value for index in drawn for value in by_case[int(index)]]
        return float(np.mean(found)) if found else None

    return with_interval(len(cases), mean, seed=seed)


def _seconds_saved(readings: Sequence[StudyReading], truth: dict[str, int], seed: int) -> Estimate:
    lengths = {(one.reader, one.case_id, one.overlay): seconds_of(one) for one in readings}
    differences = [
        (case_id, seconds - lengths[reader, case_id, False])
        for (reader, case_id, overlay), seconds in lengths.items()
        if overlay and (reader, case_id, False) in lengths
    ]
    return _mean(differences, sorted(truth), seed)
