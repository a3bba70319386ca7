"""Studies of many patients: one phantom under many names, two visits each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from demo.scanner import DEMO_SCANNERS, PatientFacts, StudyFacts, write_study
from processing.domain.study import SeriesRole
from validation.phantom import SMALL_PHANTOM, PhantomSpec, make_phantom


class Size(StrEnum):
    """Of a study: slices and pixels of its FLAIR series; a localizer of nine images comes with each."""

    SMALL = "small"
    """20 slices of 64 x 64."""
    ROUTINE = "routine"
    """52 slices of 256 x 256: the usual 2D examination."""
    FINE = "fine"
    """156 slices of 256 x 256: the usual 3D examination."""


_SPACING_MM = {Size.SMALL: (8.0, 3.6), Size.ROUTINE: (3.0, 0.9), Size.FINE: (1.0, 0.9)}


@dataclass(frozen=True)
class Day:
    """What the scanners send: a folder for each study, the patients' first visits before all second ones."""

    folders: tuple[Path, ...]
    patients: int
    instances: int
    size_bytes: int


def write_day(folder: Path, studies: int, size: Size, *, first: int = 0) -> Day:
    """Write two visits of each of so many patients that there are at least as many studies as asked for.

    Parameters
    ----------
    folder : Path
    studies : int
    size : Size
    first : int
        Number of the first patient.
    """
    phantom = make_phantom(_scanned(SMALL_PHANTOM, size))
    patients = (studies + 1) // 2
    folders: list[Path] = []
    files: list[Path] = []
    for visit, images in enumerate((phantom.prior, phantom.current)):
        for number in range(first, first + patients):
            started = datetime(2023, 2, 6, 7, 0) + timedelta(days=380 * visit, minutes=11 * number)
            written = write_study(
                folder / f"{visit}-{number:04d}",
                images,
                patient=PatientFacts(f"Load^Patient{number:04d}", f"LOAD-{number:04d}", date(1970, 4, 5), "O"),
                study=StudyFacts(started, f"L{visit}{number:04d}", "MRI brain", "Referrer^Load"),
                scanner=DEMO_SCANNERS[visit],
            )
            folders.append(folder / f"{visit}-{number:04d}")
            files += written.files
    return Day(tuple(folders), patients, len(files), sum(path.stat().st_size for path in files))


def _scanned(spec: PhantomSpec, size: Size) -> PhantomSpec:
    slice_mm, in_plane_mm = _SPACING_MM[size]
    slices = ((SeriesRole.FLAIR, slice_mm),)
    return replace(
        spec,
        prior=replace(spec.prior, slice_mm=slices, in_plane_mm=in_plane_mm),
        current=replace(spec.current, slice_mm=slices, in_plane_mm=in_plane_mm),
    )
