"""The reference population that alarms are raised against: which agreement of each segmenter is usual.

It belongs to one version of the pipeline and one ensemble. `python -m validation.tumour_cohort --reference FILE`
measures it and writes `alarms.json`, beside this file or for a site's own ensemble elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from processing.domain.errors import Defect
from processing.pipelines.tumour_volumetry.spec import SPEC
from processing.stages.alarms import SMALLEST_POPULATION, Metric, Table, Thresholds
from processing.stages.tumour.labels import REGIONS

SHIPPED = Path(__file__).parent / "alarms.json"

_Numbers = tuple[tuple[tuple[float, ...], ...], ...]


class AlarmReference(BaseModel):
    """Median and median absolute deviation of every candidate's agreement with the fusion.

    Parameters
    ----------
    pipeline, version : str
        Whose segmenters and fusion were measured.
    population : str
        In words.
    cases : int
    segmenters : tuple of str
        The whole ensemble, in its order: with another one the fusion is another too.
    metrics, regions : tuple of str
    alpha : tuple of float
        One for each region, as calibrated.
    median, deviation : nested tuples of float, (segmenters, metrics, regions)
    sha256 : str
        Of all of this in canonical JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    pipeline: str
    version: str
    population: str = Field(min_length=1)
    cases: int = Field(ge=SMALLEST_POPULATION)
    segmenters: tuple[str, ...]
    metrics: tuple[str, ...]
    regions: tuple[str, ...]
    alpha: tuple[float, ...]
    median: _Numbers
    deviation: _Numbers
    sha256: str

    @classmethod
    def of(cls, similarities: Table, segmenters: Sequence[str], alpha: Sequence[float], *, population: str) -> Self:
        """Make the reference of a population.

        Parameters
        ----------
        similarities : ndarray of float64, shape (cases, segmenters, metrics, regions)
        segmenters : sequence of str
        alpha : sequence of float
            One for each region.
        population : str
            In words.
        """
        measured = Thresholds.of(similarities)
        unsigned = cls(
            pipeline=SPEC.name,
            version=SPEC.version,
            population=population,
            cases=len(similarities),
            segmenters=tuple(segmenters),
            metrics=tuple(Metric),
            regions=tuple(region.name for region in REGIONS),
            alpha=tuple(alpha),
            median=_nested(measured.median),
            deviation=_nested(measured.deviation),
            sha256="",
        )
        return unsigned.model_copy(update={"sha256": unsigned.digest()})

    def digest(self) -> str:
        """Return the hash that the file must name."""
        said = json.dumps(self.model_dump(mode="json", exclude={"sha256"}), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def thresholds(self) -> Thresholds:
        """For `processing.stages.alarms.raise_alarms`."""
        return Thresholds(np.array(self.median), np.array(self.deviation))

    def alphas(self, chosen: Mapping[str, float]) -> tuple[float, ...]:
        """Return the alpha of each region: the calibrated one, unless the site chose another for its workload.

        Raises
        ------
        Defect
            If the choice names a region that there is not.
        """
        unknown = set(chosen) - set(self.regions)
        if unknown:
            raise Defect(f"There is no region {', '.join(sorted(unknown))} to set alarms for.")
        return tuple(chosen.get(region, alpha) for region, alpha in zip(self.regions, self.alpha, strict=True))


def read_reference(file: Path, segmenters: Sequence[str]) -> AlarmReference:
    """Read a reference population and check that it is whole and belongs to this pipeline and ensemble.

    Parameters
    ----------
    file : Path
    segmenters : sequence of str
        That are installed.

    Raises
    ------
    Defect
        Otherwise: alarms against another ensemble's habits would mean nothing.
    """
    try:
        found = AlarmReference.model_validate_json(file.read_bytes())
    except OSError as missing:
        raise Defect("The reference population of the alarms can't be read.") from missing
    except ValidationError as wrong:
        raise Defect("The reference population of the alarms is not what it should be.") from wrong
    if found.digest() != found.sha256:
        raise Defect("The reference population of the alarms was changed after it was measured.")
    if (found.pipeline, found.version) != (SPEC.name, SPEC.version):
        raise Defect(f"The alarms' reference population belongs to {found.pipeline} {found.version}: measure it again.")
    expected = (tuple(segmenters), tuple(Metric), tuple(region.name for region in REGIONS))
    if (found.segmenters, found.metrics, found.regions) != expected:
        raise Defect("The reference population of the alarms is another ensemble's: measure it again.")
    shape = tuple(len(names) for names in expected)
    if (
        found.thresholds.median.shape != shape
        or found.thresholds.deviation.shape != shape
        or (len(found.alpha) != len(REGIONS))
    ):
        raise Defect("The reference population of the alarms is not what it should be.")
    return found


def _nested(table: Table) -> _Numbers:
    return tuple(tuple(tuple(round(float(value), 6) for value in row) for row in plane) for plane in table)
