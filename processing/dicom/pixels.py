"""Pixel data of single images: is it all there, and what are its values."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1

from processing.domain.errors import InputRejected

MAX_VOXELS = 512 * 1024 * 1024
"""Largest image that is decoded: a short file can claim gigabytes."""

_BY_GDCM = (JPEGLossless, JPEGLosslessSV1)
"""Encodings that PACS use and for which pydicom has no decoder here; SimpleITK brings GDCM's."""

_BITS = (8, 16, 32)


def require_whole_pixels(instance: Dataset, name: str) -> None:
    """Check that pixel data is there and, where it isn't compressed, that it is as long as the header says.

    pydicom accepts short pixel data when it reads a file.

    Parameters
    ----------
    instance : Dataset
        With its file meta information.
    name : str
        How a message calls the image, for example "Image 3 of 20".

    Raises
    ------
    InputRejected
        If pixel data is missing or short, or is of a kind that is no scalar image.
    """
    pixels = instance.get("PixelData")
    if pixels is None:
        raise InputRejected(f"{name} has no pixel data.")
    if int(instance.get("SamplesPerPixel", 1)) != 1:
        raise InputRejected(f"{name} is a colour image.")
    bits = int(instance.get("BitsAllocated", 0))
    if bits not in _BITS:
        raise InputRejected(f"{name} has {bits} bits per pixel, which Interval can't read.")
    voxels = int(instance.Rows) * int(instance.Columns) * int(instance.get("NumberOfFrames") or 1)
    if voxels > MAX_VOXELS:
        raise InputRejected(f"{name} claims {voxels} pixels, which is more than any brain study has.")
    if not _transfer_syntax(instance, name).is_compressed and len(pixels) < voxels * bits // 8:
        raise InputRejected(f"{name} has less pixel data than its header says.")


def decoded_frames(instance: Dataset, name: str) -> npt.NDArray[np.integer[Any]]:
    """Decode all frames of one instance.

    Returns
    -------
    ndarray of int, shape (frames, rows, columns)
        Stored values, before rescale slope and intercept.

    Raises
    ------
    InputRejected
        If the pixel data can't be decoded completely.
    """
    syntax = _transfer_syntax(instance, name)
    shape = (int(instance.get("NumberOfFrames") or 1), int(instance.Rows), int(instance.Columns))
    try:
        with warnings.catch_warnings():
            # Padding and such; what matters, the length and the shape, is checked here.
            warnings.simplefilter("ignore")
            if syntax in _BY_GDCM:
                array = _decoded_by_gdcm(instance)
            elif get_decoder(syntax).is_available:
                array = np.asarray(instance.pixel_array)
            else:
                raise InputRejected(f"{name} is compressed as {syntax.name}, which Interval can't read.")
        return array.reshape(shape)
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, TypeError, OSError, IndexError) as error:
        raise InputRejected(f"The pixel data of {name[0].lower()}{name[1:]} can't be decoded.") from error


def _transfer_syntax(instance: Dataset, name: str) -> UID:
    syntax = UID(str(getattr(instance, "file_meta", Dataset()).get("TransferSyntaxUID", "")))
    if not syntax.is_transfer_syntax:
        raise InputRejected(f"{name} doesn't say how it is encoded.")
    return syntax


def _decoded_by_gdcm(instance: Dataset) -> npt.NDArray[np.integer[Any]]:
    stored = Dataset(dict(instance.items()))
    stored.file_meta = instance.file_meta
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        # ITK would apply them; the caller does, per frame.
        if keyword in stored:
            delattr(stored, keyword)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.dcm"
        stored.save_as(path, enforce_file_format=True)
        decoded: npt.NDArray[np.integer[Any]] = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        return decoded
