"""Compressed pixels decode to the same values, and carry nothing else."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from tests.unit.pseudonymise.images import encoded, scanner_image

TRACE = b"Tse^Mei Ling 4711"
SYNTAXES = {"JPEG": JPEGBaseline8Bit, "JPEG2000": JPEG2000Lossless}


def _codestream(kind: str, seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)
    buffer = BytesIO()
    if kind == "JPEG":
        exif = Image.Exif()
        exif[0x010E] = TRACE.decode()
        Image.fromarray(pixels).save(buffer, "JPEG", comment=TRACE, exif=exif, quality=95)
    else:
        Image.fromarray(pixels).save(buffer, "JPEG2000", comment=TRACE, no_jp2=True, tile_size=(32, 32))
    return buffer.getvalue()


def _image(kind: str, frames: list[bytes], *, fragments: int = 1) -> Dataset:
    image = scanner_image(size=64)
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.NumberOfFrames = str(len(frames))
    image.file_meta.TransferSyntaxUID = UID(SYNTAXES[kind])
    image.PixelData = encapsulate(frames, fragments_per_frame=fragments)
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    return image


def _decoded(frame: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(BytesIO(frame)) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize("kind", SYNTAXES)
@pytest.mark.parametrize("fragments", [1, 3])
def test_comments_go_and_pixels_stay(kind: str, fragments: int, pseudonymiser: Pseudonymiser) -> None:
    frames = [_codestream(kind, seed) for seed in (1, 2)]
    assert all(TRACE in frame for frame in frames)
    result = pseudonymise_instance(encoded(_image(kind, frames, fragments=fragments)), pseudonymiser).part10
    assert b"Tse" not in result
    assert b"4711" not in result
    clean = list(generate_frames(dcmread(BytesIO(result)).PixelData, number_of_frames=2))
    for old, new in zip(frames, clean, strict=True):
        assert np.array_equal(_decoded(old), _decoded(new))


@pytest.mark.parametrize("kind", SYNTAXES)
def test_bytes_behind_the_end_of_the_image_go(kind: str, pseudonymiser: Pseudonymiser) -> None:
    frame = _codestream(kind) + TRACE + b"\xff\xd9"
    result = pseudonymise_instance(encoded(_image(kind, [frame])), pseudonymiser).part10
    assert b"Tse" not in result


@pytest.mark.parametrize("kind", SYNTAXES)
def test_a_damaged_codestream_is_refused_or_passed_but_never_a_crash(kind: str, pseudonymiser: Pseudonymiser) -> None:
    stream = _codestream(kind)
    refused = 0
    for length in range(2, len(stream), 37):
        part10 = encoded(_image(kind, [stream[:length] + bytes(length % 2)]))
        try:
            pseudonymise_instance(part10, pseudonymiser)
        except NotCleanable as refusal:
            refused += "damaged" in refusal.reason
    assert refused > 10


def test_something_else_than_a_codestream_is_refused(pseudonymiser: Pseudonymiser) -> None:
    with pytest.raises(NotCleanable, match="not encoded as"):
        pseudonymise_instance(encoded(_image("JPEG", [TRACE + b"."])), pseudonymiser)
