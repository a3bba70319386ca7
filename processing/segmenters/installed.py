"""Every segmenter that an installation added, from a folder with one folder for each."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from processing.domain.errors import Defect
from processing.segmenters.card import ContainerImage, InferenceServer, OnnxFile, SegmenterCard, read_card, read_weights
from processing.segmenters.container import ContainerSegmenter, container_runtime
from processing.segmenters.onnx import OnnxSegmenter
from processing.segmenters.server import ServerSegmenter, make_client
from processing.stages.tumour.segmenters import Segmenter


def installed_segmenters(folder: Path, *, threads: int = 2, ca_file: str | None = None) -> tuple[Segmenter, ...]:
    """Load all segmenters of a folder, in the order of their folders' names.

    Parameters
    ----------
    folder : Path
        Each folder in it holds a `card.json`, and a network's file beside it.
    threads : int
        Cores that a network may use.
    ca_file : str, optional
        Certificates that inference servers are believed by; the system's unless given.

    Raises
    ------
    Defect
        If one does not load, or two have one name: an ensemble with a gap would be another one than its alarms know.
    """
    loaded: list[Segmenter] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        card = read_card(place)
        loaded.append(_load(place, card, threads, ca_file))
    names = [one.name for one in loaded]
    if len(set(names)) < len(names):
        raise Defect("Two installed segmenters have the same name and version.")
    return tuple(loaded)


def _load(place: Path, card: SegmenterCard, threads: int, ca_file: str | None) -> Segmenter:
    match card.runs:
        case OnnxFile():
            return OnnxSegmenter(card, read_weights(place, card.runs), threads=threads)
        case ContainerImage():
            runtime = container_runtime()
            if runtime is None:
                raise Defect(f"{card.title} is a container, and neither podman nor docker is installed.")
            return ContainerSegmenter(card, card.runs, runtime)
        case InferenceServer():
            return ServerSegmenter(card, card.runs, make_client(ca_file))
        case _:
            assert_never(card.runs)
