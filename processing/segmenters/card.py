"""The card of an installed segmenter: what it is, what it wants to see, and what its answers mean."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processing.domain.errors import Defect
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourLabel

CARD = "card.json"
_Words = Annotated[str, Field(min_length=1, max_length=200)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Normalisation(StrEnum):
    """How a channel's intensities are scaled before a segmenter sees them; outside the brain is always 0."""

    WHITE_MATTER = "white matter is 1"
    Z_SCORE = "mean 0 and standard deviation 1 in the brain"
    UNIT_RANGE = "1st to 99th percentile of the brain to 0 to 1"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(_Strict):
    """One image that a segmenter sees."""

    series: SeriesRole
    normalisation: Normalisation


class OnnxFile(_Strict):
    """A network in the card's folder: one input (1, channels, z, y, x), one output (1, classes, z, y, x)."""

    kind: Literal["onnx"]
    file: _Words
    sha256: _Sha256


class ContainerImage(_Strict):
    """An image with the interface of the BraTS challenges, named by its digest: a tag can change its meaning."""

    kind: Literal["container"]
    image: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$|^sha256:[0-9a-f]{64}$")]
    command: tuple[str, ...] = ()
    time_limit_s: float = Field(default=600.0, gt=0)
    memory_mb: int = Field(default=8192, ge=64)
    processors: float = Field(default=2.0, gt=0)


class InferenceServer(_Strict):
    """A model on a server that speaks the Open Inference Protocol, version 2, with binary tensors."""

    kind: Literal["server"]
    url: _Words
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    model_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    time_limit_s: float = Field(default=120.0, gt=0)

    @model_validator(mode="after")
    def _safe(self) -> Self:
        """Images of the brain cross no network in the clear."""
        parts = urlsplit(self.url)
        if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
            raise ValueError("the address of a server is scheme, host, port and path alone")
        if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
            return self
        raise ValueError("a server is reached by https, or by http on this machine alone")


class SegmenterCard(_Strict):
    """What stands in `card.json`.

    Parameters
    ----------
    name, version : str
        Under which its votes and alarms are reported.
    licence : str
        Under which the model may be used; a person read it.
    source : str
        Where it comes from and on what it was trained.
    channels : tuple of Channel
        In the order in which the segmenter takes them.
    spacing_mm : float
        Edge of the cubic voxels that it wants.
    multiple_of : int
        Every side of what it sees is padded to a multiple of this.
    labels : mapping of int to TumourLabel
        What its numbers mean; 0 is background and not named.
    runs : OnnxFile, ContainerImage or InferenceServer
    """

    name: _Words
    version: _Words
    licence: _Words
    source: _Words
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    spacing_mm: float = Field(default=1.0, gt=0)
    multiple_of: int = Field(default=1, ge=1, le=128)
    labels: dict[Annotated[int, Field(ge=1, le=255)], TumourLabel] = Field(min_length=1)
    runs: Annotated[OnnxFile | ContainerImage | InferenceServer, Field(discriminator="kind")]

    @property
    def title(self) -> str:
        """Name and version in one."""
        return f"{self.name} {self.version}"


def read_card(folder: Path) -> SegmenterCard:
    """Read a segmenter's card.

    Raises
    ------
    Defect
        If there is none, or it does not say all that it must. The message names the folder alone, not its path.
    """
    try:
        return SegmenterCard.model_validate_json((folder / CARD).read_bytes())
    except OSError as missing:
        raise Defect(f"The segmenter {folder.name} has no card and is not loaded.") from missing
    except ValidationError as wrong:
        fields = sorted({".".join(str(part) for part in error["loc"]) or "the card" for error in wrong.errors()})
        raise Defect(f"The card of the segmenter {folder.name} is wrong: {', '.join(fields)}.") from wrong


def read_weights(folder: Path, card: OnnxFile) -> bytes:
    """Return the network's file, if it is the one that the card describes.

    Raises
    ------
    Defect
        If it is not, or lies outside the folder.
    """
    path = folder / card.file
    if Path(card.file).name != card.file or not path.is_file():
        raise Defect(f"The segmenter {folder.name} lacks the file that its card names.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise Defect(f"The file of the segmenter {folder.name} is not the one that its card describes.")
    return content


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
