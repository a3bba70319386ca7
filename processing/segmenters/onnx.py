"""A network in a folder, run in this process."""

from __future__ import annotations

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    RuntimeException,
)

from processing.domain.errors import Defect
from processing.domain.imaging import LabelMap
from processing.segmenters.card import SegmenterCard
from processing.segmenters.tensors import label_map, most_likely, prepare
from processing.stages.tumour.evidence import TumourEvidence


class OnnxSegmenter:
    """A network that scores classes for each voxel.

    Parameters
    ----------
    card : SegmenterCard
    content : bytes
        Of the file, its hash already checked.
    threads : int

    Raises
    ------
    Defect
        If the bytes are no network, or one for other channels.
    """

    def __init__(self, card: SegmenterCard, content: bytes, *, threads: int = 2) -> None:
        self.name = card.title
        self._card = card
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidGraph, InvalidProtobuf, InvalidArgument) as failure:
            raise Defect(f"The file of {card.title} can't be read.") from failure
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 5 or inputs[0].shape[1] != len(card.channels):
            raise Defect(f"The file of {card.title} takes other channels than its card names.")
        self._input = inputs[0].name

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `processing.stages.tumour.segmenters.Segmenter`."""
        prepared = prepare(evidence, self._card)
        try:
            scores = np.asarray(self._session.run(None, {self._input: prepared.tensor[np.newaxis]})[0])
        except (Fail, InvalidArgument, RuntimeException) as failure:
            raise Defect(f"{self.name} failed on this image.") from failure
        return label_map(most_likely(scores, prepared, self._card), prepared, evidence, self._card)
