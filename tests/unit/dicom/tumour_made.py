"""A small made tumour on the left, written as a scanner writes, and what a pipeline would say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, demo_visit, write_study
from processing.dicom.formats import Measured
from processing.dicom.read import SourceSeries, parse_part10, read_series
from processing.domain.imaging import LabelMap, RigidTransform
from processing.domain.result import QualityFigure, TumourResult
from processing.domain.side import Side
from processing.domain.study import SeriesRole
from processing.domain.tumour import Alarm, Diameters, SegmenterVote, TumourFindings, TumourLabel, TumourVolumes
from tests.unit.dicom.made import grid_of, head

CENTRE_MM = (12.0, 4.0, 2.0)
"""LPS: positive x is the patient's left."""

ALARM = Alarm("level set", "Dice overlap", "enhancing tumour", 0.2, 0.5)
FOUR = (SeriesRole.T1, SeriesRole.T1C, SeriesRole.T2, SeriesRole.FLAIR)


@dataclass(frozen=True, eq=False)
class MadeTumour:
    """What the writers take."""

    series: Mapping[SeriesRole, SourceSeries]
    result: TumourResult

    @property
    def images(self) -> Measured:
        others: Mapping[SeriesRole, Sequence[Dataset]] = {
            role: one.headers for role, one in self.series.items() if role is not SeriesRole.T1C
        }
        return Measured(self.series[SeriesRole.T1C], others=others)


def made_tumour(folder: Path) -> MadeTumour:
    """A ball of 6 mm that enhances, with a core of 3 mm and oedema to 9 mm around it."""
    volume = head(grid_of(), blobs=[(CENTRE_MM, 6.0)])
    write_study(
        folder, dict.fromkeys(FOUR, volume), patient=DEMO_PATIENT, study=demo_visit(1), scanner=DEMO_SCANNERS[1]
    )
    series = {
        role: read_series(parse_part10(path.read_bytes() for path in sorted(place.iterdir())))
        for role in FOUR
        for place in folder.iterdir()
        if place.name.endswith(f"_{role}")
    }
    return MadeTumour(series, result_of(series))


def result_of(series: Mapping[SeriesRole, SourceSeries]) -> TumourResult:
    """The right answer for `made_tumour`."""
    grid = series[SeriesRole.T1C].volume.grid
    z, y, x = np.indices(grid.shape)
    away = np.linalg.norm(grid.index_to_lps(np.stack([z, y, x], axis=-1)) - np.array(CENTRE_MM), axis=-1)
    labels = np.zeros(grid.shape, np.uint16)
    for radius_mm, label in ((9.0, TumourLabel.HYPERINTENSITY), (6.0, TumourLabel.ENHANCING), (3.0, TumourLabel.CORE)):
        labels[away < radius_mm] = label
    ml = {label: float((labels == label).sum()) * grid.voxel_volume_mm3 / 1000 for label in TumourLabel}
    deep, row, column = (int(i) for i in np.unravel_index(int(away.argmin()), away.shape))
    to_atlas = np.diag([1.05, 0.98, 1.02, 1.0])
    to_atlas[:3, 3] = (1.0, -2.0, 3.0)
    shift = np.eye(4)
    shift[:3, 3] = (0.5, 0.0, -1.0)
    return TumourResult(
        findings=TumourFindings(
            volumes=TumourVolumes(
                core_ml=ml[TumourLabel.CORE],
                hyperintensity_ml=ml[TumourLabel.HYPERINTENSITY],
                enhancing_ml=ml[TumourLabel.ENHANCING],
            ),
            diameters=Diameters(deep, 12.0, 11.0),
            votes=(SegmenterVote("level set", (1.0, 0.9, 0.0)),),
            alarms=(ALARM,),
            comparisons=6,
            places=((deep, row, column),) * 3,
            side=Side.LEFT,
        ),
        tumour=LabelMap(labels, grid),
        aligned={role: series[role].volume for role in FOUR if role is not SeriesRole.T1C},
        to_series={role: RigidTransform(shift) for role in FOUR if role is not SeriesRole.T1C},
        to_atlas=to_atlas,
        similarities=np.zeros((1, 2, 3)),
        quality=(QualityFigure("FLAIR registration correlation", 0.8, "", True),),
        warnings=("A made image.",),
    )
