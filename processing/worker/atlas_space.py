"""A measured tumour in native and in atlas space: ``python -m processing.worker.atlas_space FOLDER OUTPUT``.

FOLDER holds DICOM files as an archive gives them back: T1C's own images and one result of `tumour_volumetry`, from the
research archive (pseudonymous) or from the PACS (signed). Nothing is asked of an archive, and nothing is sent. Written
are NIfTI files of every series and of the tumour on T1C's grid (`native/`) and on that of the ICBM152 atlas at 1 mm
(`atlas/`), and the affine map between them. Whole heads are written: whoever must not show faces removes them before
(`INTERVAL_DEFACE`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from processing.dicom.objects import ObjectKind, grouped, stored_volume
from processing.dicom.read import read_series
from processing.dicom.write_derived import ALIGNED
from processing.dicom.write_registration import read_coregistration
from processing.dicom.write_seg import read_segmentation
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.study import SeriesRole
from processing.stages.atlas import read_template
from processing.stages.itk_images import to_itk
from processing.stages.resample import Interpolation, resample


@dataclass(frozen=True, eq=False)
class MeasuredImages:
    """Images of one visit on one grid, with the tumour and the way to the atlas.

    Parameters
    ----------
    series : mapping of SeriesRole to Volume
    tumour : LabelMap or None
        `TumourLabel`; None where no part was found or accepted.
    to_atlas : ndarray of float64, shape (4, 4)
        Affine map of an LPS point of the images to the ICBM152 atlas (mm).
    """

    series: Mapping[SeriesRole, Volume]
    tumour: LabelMap | None
    to_atlas: npt.NDArray[np.float64]

    def on(self, grid: Grid) -> MeasuredImages:
        """Return the same in atlas space: images interpolated linearly, labels taken from the nearest voxel."""
        from_atlas = np.asarray(np.linalg.inv(self.to_atlas), np.float64)
        series = {role: resample(volume, grid, to_volume=from_atlas) for role, volume in self.series.items()}
        tumour = None
        if self.tumour is not None:
            labels = Volume(self.tumour.array.astype(np.float32), self.tumour.grid)
            moved = resample(labels, grid, to_volume=from_atlas, interpolation=Interpolation.NEAREST)
            tumour = LabelMap(moved.array.astype(np.uint16), grid)
        return replace(self, series=series, tumour=tumour)


def read_measured(datasets: Iterable[Dataset]) -> MeasuredImages:
    """Put together what the DICOM objects of one result hold.

    Parameters
    ----------
    datasets : iterable of Dataset
        T1C's images and the result's objects; others are passed over.

    Raises
    ------
    InputRejected
        If there is not exactly one result, or an object of it is missing.
    """
    found = list(datasets)
    by_kind = grouped(found)
    registrations = by_kind.get(ObjectKind.REGISTRATION, [])
    if len(registrations) != 1:
        raise InputRejected(f"The folder holds {len(registrations)} results of a tumour; one is wanted.")
    to_series, to_atlas = read_coregistration(registrations[0])
    uid = registrations[0].ReferencedSeriesSequence[0].SeriesInstanceUID
    native = [dataset for dataset in found if dataset.SeriesInstanceUID == uid]
    if not native:
        raise InputRejected("The folder lacks the T1C images that the tumour was measured on.")
    t1c = read_series(native).volume
    aligned = {role: stored_volume(by_kind, ObjectKind(ALIGNED[role]), t1c.grid) for role in to_series}
    segmentations = by_kind.get(ObjectKind.SEGMENTATION, [])
    tumour = read_segmentation(segmentations[0], t1c.grid) if segmentations else None
    return MeasuredImages({SeriesRole.T1C: t1c, **aligned}, tumour, to_atlas)


def write_images(images: MeasuredImages, folder: Path) -> None:
    """Write a NIfTI file of each series and of the tumour (labels 1 core, 2 FLAIR hyperintensity, 3 enhancing)."""
    folder.mkdir(parents=True, exist_ok=True)
    for role, volume in images.series.items():
        sitk.WriteImage(to_itk(volume), folder / f"{role}.nii.gz")
    if images.tumour is not None:
        labels = Volume(images.tumour.array.astype(np.float32), images.tumour.grid)
        sitk.WriteImage(sitk.Cast(to_itk(labels), sitk.sitkUInt8), folder / "tumour.nii.gz")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 with the reason."""
    parser = argparse.ArgumentParser(
        prog="python -m processing.worker.atlas_space",
        description="Write a measured tumour and its images in native and atlas space. Research use, not a medical "
        "device.",
    )
    parser.add_argument("folder", type=Path, help="DICOM files: T1C's own images and the objects of one result")
    parser.add_argument("output", type=Path, help="a folder to write native/, atlas/ and to_atlas.txt into")
    chosen = parser.parse_args(arguments)
    try:
        images = read_measured(_datasets(chosen.folder))
    except InputRejected as rejected:
        sys.stderr.write(f"{rejected.reason}\n")
        return 2
    write_images(images, chosen.output / "native")
    write_images(images.on(read_template()[0].grid), chosen.output / "atlas")
    head = "Maps a point of native/ to atlas/, both in millimetres, x to the left, y to the back, z to the head (LPS)."
    np.savetxt(chosen.output / "to_atlas.txt", images.to_atlas, fmt="%.9g", header=head)
    return 0


def _datasets(folder: Path) -> list[Dataset]:
    """Read every DICOM file; what is none is passed over."""
    datasets = []
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            datasets.append(dcmread(path))
        except InvalidDicomError:
            continue
    return [dataset for dataset in datasets if "SeriesInstanceUID" in dataset]


if __name__ == "__main__":
    sys.exit(main())
