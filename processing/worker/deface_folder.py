"""Faces out of the images of one study, series by series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from processing.dicom.geometry import series_geometry
from processing.dicom.read import parse_part10, read_series
from processing.domain.errors import InputRejected
from processing.stages.atlas import load_atlas
from processing.stages.brain import BrainParameters
from processing.stages.deface import DefaceParameters, FaceRegion, face_mask, find_face

_PARAMETERS = DefaceParameters()
_NOT_IN_PLACE = (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)

Mask = npt.NDArray[np.bool_]


def deface_folder(folder: Path) -> None:
    """Set the voxels of faces and ears to 0 in every file of a folder, in place.

    Parameters
    ----------
    folder : Path
        Part 10 files of one study, with the images of whole series.

    Raises
    ------
    InputRejected
        If no face can be found in a frame of reference, or an image can't be changed in place.
    """
    for series in _frames_of_reference(folder):
        region = _region(series)
        for paths in series:
            _deface_series(paths, region)


def _frames_of_reference(folder: Path) -> list[list[list[Path]]]:
    """Return the files by frame of reference and series; a series without one stands for itself."""
    frames: dict[str, dict[str, list[Path]]] = {}
    for path in sorted(folder.iterdir()):
        (header,) = parse_part10([path.read_bytes()])
        series_uid = str(header.get("SeriesInstanceUID", ""))
        frame_uid = str(header.get("FrameOfReferenceUID", "")) or f"series {series_uid}"
        frames.setdefault(frame_uid, {}).setdefault(series_uid, []).append(path)
    return [list(series.values()) for series in frames.values()]


def _region(series: Iterable[list[Path]]) -> FaceRegion:
    """Find the face in the finest series in which it can be found."""
    refused = InputRejected("There is no image to find a face in.")
    for paths in sorted(series, key=_slice_thickness_mm):
        try:
            volume = read_series(_parsed(paths)).volume
            return find_face(volume, load_atlas(), brain=BrainParameters(), params=_PARAMETERS)
        except InputRejected as error:
            refused = error
    raise InputRejected(f"The face can't be removed: {refused.reason}") from refused


def _slice_thickness_mm(paths: list[Path]) -> float:
    return max(series_geometry(_parsed(paths)).grid.spacing_mm)


def _deface_series(paths: list[Path], region: FaceRegion) -> None:
    instances = _parsed(paths)
    geometry = series_geometry(instances)
    mask = face_mask(region, geometry.grid, params=_PARAMETERS)
    by_instance: dict[int, dict[int, Mask]] = {}
    for z, frame in enumerate(geometry.frames):
        by_instance.setdefault(frame.header, {})[frame.frame] = mask[z]
    for number, masks in by_instance.items():
        _zero(paths[number], instances[number], masks)


def _zero(path: Path, instance: Dataset, masks: Mapping[int, Mask]) -> None:
    """Set masked voxels to 0 in a file; every other byte stays."""
    syntax = UID(str(instance.file_meta.TransferSyntaxUID))
    if syntax.is_compressed or syntax in _NOT_IN_PLACE:
        raise InputRejected("The face can't be removed from compressed images.")
    voxel_bytes = int(instance.BitsAllocated) // 8
    if voxel_bytes not in (1, 2, 4) or int(instance.get("SamplesPerPixel", 1)) != 1:
        raise InputRejected("The face can't be removed from images of this pixel format.")
    element = instance["PixelData"]
    pixels, start = element.value, element.file_tell
    if start is None:
        raise InputRejected("The face can't be removed: the pixel data is not where the header says.")
    rows, columns = int(instance.Rows), int(instance.Columns)
    frame_bytes = rows * columns * voxel_bytes
    with path.open("r+b") as file:
        for frame, mask in masks.items():
            old = pixels[frame * frame_bytes : (frame + 1) * frame_bytes]
            file.seek(start + frame * frame_bytes)
            if len(old) != frame_bytes or file.read(frame_bytes) != old:
                raise InputRejected("The face can't be removed: the pixel data is not where the header says.")
            voxels = np.frombuffer(old, dtype=f"<u{voxel_bytes}").reshape(rows, columns).copy()
            voxels[mask] = 0
            file.seek(start + frame * frame_bytes)
            file.write(voxels.tobytes())


def _parsed(paths: list[Path]) -> list[Dataset]:
    return parse_part10(path.read_bytes() for path in paths)
