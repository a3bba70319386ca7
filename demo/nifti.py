"""NIfTI images as volumes in the patient, and folders of two visits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Image

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole

_FILE_ENDINGS = {SeriesRole.FLAIR: "FLAIR", SeriesRole.T1: "T1W", SeriesRole.T2: "T2W"}

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_nifti(path: Path) -> Volume:
    """Read a three-dimensional NIfTI image.

    NIfTI's world is RAS and its arrays are (x, y, z); ours are LPS and (z, y, x). Any orientation is kept as it is.

    Raises
    ------
    InputRejected
        If it is not readable as a three-dimensional NIfTI image.
    """
    try:
        image = nib.load(path)
        if not isinstance(image, Nifti1Image):
            raise InputRejected("A file is not readable as NIfTI.")
        array = np.asarray(image.dataobj, dtype=np.float32)
    except (ImageFileError, OSError, ValueError, EOFError) as error:
        raise InputRejected("A file is not readable as NIfTI.") from error
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise InputRejected("A NIfTI file holds no three-dimensional image.")
    affine = _RAS_TO_LPS @ np.asarray(image.affine, dtype=np.float64)
    columns = affine[:, [2, 1, 0, 3]]
    array = np.ascontiguousarray(array.transpose(2, 1, 0))
    return Volume(array, Grid((array.shape[0], array.shape[1], array.shape[2]), columns))


def read_nifti_visits(folder: Path) -> tuple[Mapping[SeriesRole, Volume], Mapping[SeriesRole, Volume]]:
    """Read baseline and follow-up from a folder of ``study1_FLAIR.nii.gz``, ``study2_FLAIR.nii.gz`` and T1W, T2W.

    Raises
    ------
    InputRejected
        If a FLAIR image is missing or a file is no NIfTI image.
    """
    return _visit(folder, 1), _visit(folder, 2)


def _visit(folder: Path, number: int) -> Mapping[SeriesRole, Volume]:
    images: dict[SeriesRole, Volume] = {}
    for role, ending in _FILE_ENDINGS.items():
        for suffix in (".nii.gz", ".nii"):
            path = folder / f"study{number}_{ending}{suffix}"
            if path.is_file():
                images[role] = read_nifti(path)
                break
    if SeriesRole.FLAIR not in images:
        raise InputRejected(f"The folder has no study{number}_FLAIR.nii.gz.")
    return images
