"""What a study in the clinical archive is: its series, each known by one header, and what routes look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from gateway.cases.route import Routed, route_study
from gateway.cases.select import Selection, SeriesCandidate, select_series
from gateway.clinical import ClinicalArchive
from gateway.clinical_study import ClinicalSeries, ClinicalStudy
from gateway.flow.series_files import SeriesFiles
from gateway.routes.match import StudyFacts, facts_of
from gateway.routes.model import RouteTable
from processing.domain.errors import InputRejected
from processing.domain.study import SeriesInput
from processing.pipelines.spec import PipelineSpec

_WITH_ROLES = frozenset({"MR", "CT"})
"""Modalities of which a series may play a role."""


@dataclass(frozen=True, eq=False)
class Examination:
    """A study as it was just looked at; headers of whole series are fetched once, and only when asked for.

    Parameters
    ----------
    archive : ClinicalArchive
    study : ClinicalStudy
    candidates : tuple of SeriesCandidate
        Every series of the study.
    facts : StudyFacts
    files : SeriesFiles
        Reads whole series.
    """

    archive: ClinicalArchive
    study: ClinicalStudy
    candidates: tuple[SeriesCandidate, ...]
    facts: StudyFacts
    files: SeriesFiles
    _headers: dict[str, list[Dataset]] = field(default_factory=dict, repr=False)

    def select(self, inputs: Sequence[SeriesInput]) -> Selection:
        """Choose the series for what a route asks for."""
        return select_series(self.candidates, inputs, self._load_headers)

    def route(self, table: RouteTable, specs: Sequence[PipelineSpec]) -> Routed:
        """Choose the route."""
        return route_study(table, specs, self.facts, self.select)

    def places(self, candidate: SeriesCandidate) -> list[Dataset]:
        """Return where each image of a series lies, from the archive's index."""
        return self.archive.places(self._series(candidate), candidate.header or Dataset())

    def _load_headers(self, candidate: SeriesCandidate) -> list[Dataset]:
        uid = candidate.series_instance_uid
        if uid not in self._headers:
            self._headers[uid] = self.files.headers(self.study, self._series(candidate))
        return self._headers[uid]

    def _series(self, candidate: SeriesCandidate) -> ClinicalSeries:
        return next(one for one in self.study.series if one.series_instance_uid == candidate.series_instance_uid)


def examine(archive: ClinicalArchive, study: ClinicalStudy, files: SeriesFiles | None = None) -> Examination:
    """Look at one header of every series, and at who sent the study.

    Parameters
    ----------
    archive : ClinicalArchive
    study : ClinicalStudy
    files : SeriesFiles, optional
        Keeps what is read of whole series, for who takes it afterwards.

    Raises
    ------
    Transient
        If the archive can't be reached.
    """
    candidates = tuple(_candidate(archive, series) for series in study.series)
    headers = [candidate.header for candidate in candidates if candidate.header is not None]
    sent = archive.associations([series.instances[0] for series in study.images if series.instances])
    facts = facts_of(
        headers,
        (series.modality for series in study.images),
        {calling for calling, _ in sent if calling},
        {called for _, called in sent if called},
    )
    return Examination(archive, study, candidates, facts, files or SeriesFiles(archive))


def _candidate(archive: ClinicalArchive, series: ClinicalSeries) -> SeriesCandidate:
    header = None
    if series.modality in _WITH_ROLES and series.instances:
        try:
            # The middle one: the outermost images of a stack are the likeliest to differ from the rest.
            header = archive.header_lately(series.instances[len(series.instances) // 2])
        except InputRejected:
            header = None
    return SeriesCandidate(
        series.series_instance_uid, series.series_number, series.modality, len(series.instances), header
    )
