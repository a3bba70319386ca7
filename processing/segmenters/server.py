"""A model on an inference server: the Open Inference Protocol, version 2, with its binary tensor extension.

KServe, Triton, OpenVINO Model Server and others speak it. Images leave this machine by TLS alone.
"""

from __future__ import annotations

import json
import ssl
import time

import httpx
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError

from processing.domain.errors import Defect, Transient
from processing.domain.imaging import LabelMap
from processing.segmenters.card import InferenceServer, SegmenterCard
from processing.segmenters.tensors import Prepared, label_map, most_likely, prepare
from processing.stages.tumour.evidence import TumourEvidence

_LENGTH = "Inference-Header-Content-Length"
_LONGEST_HEADER = 65_536
_MOST_CLASSES = 32


class _Output(BaseModel):
    shape: tuple[int, ...]
    datatype: str


class _Answer(BaseModel):
    outputs: tuple[_Output, ...] = Field(min_length=1)


class ServerSegmenter:
    """A model that scores classes for each voxel, elsewhere.

    Parameters
    ----------
    card : SegmenterCard
    server : InferenceServer
    client : httpx.Client
        Without redirects and without proxies from the environment: see `make_client`.
    """

    def __init__(self, card: SegmenterCard, server: InferenceServer, client: httpx.Client) -> None:
        self.name = card.title
        self._card = card
        self._server = server
        self._client = client

    def segment(self, evidence: TumourEvidence) -> LabelMap:
        """See `processing.stages.tumour.segmenters.Segmenter`."""
        prepared = prepare(evidence, self._card)
        # A model may tell more classes apart than its card names, but not any number of them.
        most = _LONGEST_HEADER + 4 * _MOST_CLASSES * int(np.prod(prepared.grid.shape))
        header, body = _request(prepared)
        content, length = self._asked(header, body, most)
        return label_map(
            most_likely(_scores(content, length, self.name), prepared, self._card), prepared, evidence, self._card
        )

    def _asked(self, header: bytes, body: bytes, most: int) -> tuple[bytes, int]:
        server = self._server
        url = f"{server.url.rstrip('/')}/v2/models/{server.model}/versions/{server.model_version}/infer"
        headers = {_LENGTH: str(len(header)), "Content-Type": "application/octet-stream"}
        until = time.monotonic() + server.time_limit_s
        received = bytearray()
        try:
            with self._client.stream(
                "POST", url, content=header + body, headers=headers, timeout=server.time_limit_s
            ) as answer:
                if answer.status_code in (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE):
                    raise Transient(f"The server of {self.name} is not ready.")
                if answer.status_code != httpx.codes.OK:
                    raise Defect(f"The server of {self.name} refused (HTTP {answer.status_code}).")
                for piece in answer.iter_bytes():
                    received += piece
                    if len(received) > most:
                        raise Defect(f"The server of {self.name} answered with more than was asked for.")
                    if time.monotonic() > until:
                        raise Transient(f"The server of {self.name} took too long.")
                length = answer.headers.get(_LENGTH, "")
        except httpx.TimeoutException as slow:
            raise Transient(f"The server of {self.name} took too long.") from slow
        except httpx.TransportError as away:
            raise Transient(f"The server of {self.name} was not reached.") from away
        if not length.isdecimal() or not 0 < int(length) <= len(received):
            raise Defect(f"The server of {self.name} answered with no binary tensor.")
        return bytes(received), int(length)


def make_client(ca_file: str | None = None) -> httpx.Client:
    """Return a client that follows no redirect and believes the system's certificates, or one given authority's."""
    certificates = ssl.create_default_context(cafile=ca_file)
    return httpx.Client(follow_redirects=False, trust_env=False, verify=certificates)


def _request(prepared: Prepared) -> tuple[bytes, bytes]:
    body = prepared.tensor.astype("<f4").tobytes()
    shape = [1, *prepared.tensor.shape]
    tensor = {"name": "channels", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": len(body)}}
    return json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode(), body


def _scores(content: bytes, length: int, name: str) -> npt.NDArray[np.float32]:
    try:
        output = _Answer.model_validate_json(content[:length]).outputs[0]
    except ValidationError as wrong:
        raise Defect(f"The server of {name} answered with something else than a tensor.") from wrong
    data = content[length:]
    if output.datatype != "FP32" or len(data) != 4 * int(np.prod(output.shape)):
        raise Defect(f"The server of {name} answered with something else than a tensor.")
    return np.frombuffer(data, "<f4").reshape(output.shape)
