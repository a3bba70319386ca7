"""A small brain with a bright cube on FLAIR that enhances, and cards for what looks at it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from processing.domain.imaging import Grid
from processing.domain.study import SeriesRole
from processing.segmenters.card import CARD
from processing.stages.tumour.evidence import Signal, TumourEvidence

SHAPE = (20, 24, 22)
GRID = Grid.from_axes(SHAPE, origin_mm=(-20, 10, 5), spacing_mm=(2.0, 1.5, 1.5), directions=np.eye(3)[:, ::-1])
CUBE = (slice(8, 13), slice(9, 15), slice(8, 15))
LICENCE = "CC-BY-4.0"


def evidence() -> TumourEvidence:
    brain = np.zeros(SHAPE, bool)
    brain[2:-2, 2:-2, 2:-2] = True
    plain = np.where(brain, 1.0, 0.0).astype(np.float32)
    bright = plain.copy()
    bright[CUBE] = 2.0
    contrasts = dict.fromkeys((SeriesRole.T1, SeriesRole.T2), plain)
    contrasts |= {SeriesRole.FLAIR: bright, SeriesRole.T1C: bright}
    empty = np.zeros(SHAPE, np.float32)
    uptake = bright - plain
    return TumourEvidence(
        grid=GRID,
        brain=brain,
        contrasts=contrasts,
        white_matter=plain,
        grey_matter=empty,
        flair=bright,
        uptake=uptake,
        mirrored_flair=plain,
        mirrored_uptake=empty,
        hyperintensity=Signal(bright, 1.2),
        enhancement=Signal(uptake, 0.2),
    )


def network(*, channels: int = 2, classes: int = 3) -> bytes:
    """A real ONNX model: class 2 scores the first channel less 1.5, the others nothing."""
    weights = np.zeros((classes, channels, 1, 1, 1), np.float32)
    weights[2, 0] = 1.0
    bias = np.zeros(classes, np.float32)
    bias[2] = -1.5
    graph = helper.make_graph(
        [helper.make_node("Conv", ["channels", "weights", "bias"], ["scores"])],
        "tiny",
        [helper.make_tensor_value_info("channels", TensorProto.FLOAT, [1, channels, "z", "y", "x"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes, "z", "y", "x"])],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel()),
            helper.make_tensor("bias", TensorProto.FLOAT, bias.shape, bias),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def card(runs: dict[str, object], **changes: object) -> dict[str, object]:
    return {
        "name": "tiny",
        "version": "1.0",
        "licence": LICENCE,
        "source": "made for tests",
        "channels": [
            {"series": "FLAIR", "normalisation": "white matter is 1"},
            {"series": "T1", "normalisation": "white matter is 1"},
        ],
        "spacing_mm": 1.5,
        "multiple_of": 4,
        "labels": {"2": 2},
        "runs": runs,
    } | changes


def install(folder: Path, content: bytes | None = None, **changes: object) -> Path:
    """Put a network with its card into a folder of its own."""
    weights = network() if content is None else content
    folder.mkdir(parents=True)
    (folder / "tiny.onnx").write_bytes(weights)
    runs: dict[str, object] = {"kind": "onnx", "file": "tiny.onnx", "sha256": hashlib.sha256(weights).hexdigest()}
    (folder / CARD).write_text(json.dumps(card(runs) | changes))
    return folder
