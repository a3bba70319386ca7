"""Why a study is, or would be, routed as it is: asked for a study in the archive or for a folder of files."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from gateway.cases.complete import what_is_missing
from gateway.cases.route import Routed, first_fitting, route_study
from gateway.cases.select import SeriesCandidate, select_series
from gateway.clinical import ClinicalArchive
from gateway.flow.examination import examine
from gateway.routes.match import StudyFacts, facts_of
from gateway.routes.model import RouteTable
from processing.dicom.unreadable import UNREADABLE
from processing.domain.errors import InputRejected
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class Explained:
    """What is known of a study, and what becomes of it."""

    facts: StudyFacts
    routed: Routed
    missing: str
    """What its route still waits for; empty when nothing."""


def explain_study(
    archive: ClinicalArchive, table: RouteTable, specs: Sequence[PipelineSpec], study_instance_uid: str
) -> Explained:
    """Explain a study in the clinical archive.

    Raises
    ------
    InputRejected
        If the archive does not hold it.
    Transient
        If the archive can't be reached.
    """
    study = archive.study(study_instance_uid)
    if study is None:
        raise InputRejected("The clinical archive does not hold this study.")
    examination = examine(archive, study)
    routed = examination.route(table, specs)
    route = first_fitting(table, examination.facts)
    missing = ""
    if route is not None:
        missing = what_is_missing(examination.candidates, route.series.required, examination.places)
    return Explained(examination.facts, routed, missing)


def explain_folder(folder: Path, table: RouteTable, specs: Sequence[PipelineSpec]) -> Explained:
    """Explain the study whose files lie in a folder, as if they had been sent without AE titles.

    Raises
    ------
    InputRejected
        If the folder holds no DICOM images, or those of several studies.
    """
    headers = [header for path in sorted(folder.rglob("*")) if path.is_file() and (header := _header(path)) is not None]
    studies = Counter(str(header.get("StudyInstanceUID", "")) for header in headers)
    if len(studies) != 1:
        raise InputRejected(f"The folder holds images of {len(studies)} studies; it must be those of one.")
    series: dict[str, list[Dataset]] = {}
    for header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(header)
    candidates = [_candidate(uid, images) for uid, images in series.items()]
    facts = facts_of([images[len(images) // 2] for images in series.values()], [one.modality for one in candidates])

    def load_headers(candidate: SeriesCandidate) -> list[Dataset]:
        return series[candidate.series_instance_uid]

    routed = route_study(table, specs, facts, lambda inputs: select_series(candidates, inputs, load_headers))
    route = first_fitting(table, facts)
    missing = what_is_missing(candidates, route.series.required, load_headers) if route is not None else ""
    return Explained(facts, routed, missing)


def _header(path: Path) -> Dataset | None:
    try:
        with warnings.catch_warnings():
            # Real headers break value rules that touch nothing here.
            warnings.simplefilter("ignore")
            header = dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, *UNREADABLE):
        return None
    return header if "Rows" in header else None


def _candidate(uid: str, images: Sequence[Dataset]) -> SeriesCandidate:
    header = images[len(images) // 2]
    number = str(header.get("SeriesNumber", "") or "")
    return SeriesCandidate(
        uid,
        int(number) if number.lstrip("+-").isdigit() else None,
        str(header.get("Modality", "")),
        len(images),
        header,
    )
