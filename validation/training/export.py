"""Trained networks as ONNX files.

``python -m validation.training.export TARGET A B`` averages networks that were trained apart into one file, which keeps
their weights in half precision: they are computed with in single precision, and no chance moves by more than 0.002.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, compose, helper, numpy_helper
from torch import nn

from processing.stages.learned import CHANNELS
from validation.training.network import ChangeNet


class _Chance(nn.Module):
    """Several networks with their last step, from logits to 0 to 1, averaged."""

    def __init__(self, networks: Sequence[ChangeNet]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, channels: torch.Tensor) -> torch.Tensor:
        chances = torch.stack([torch.sigmoid(network(channels)) for network in self.networks])
        return chances.mean(dim=0)


def write_onnx(networks: Sequence[ChangeNet], target: Path) -> None:
    """Write weights and graph into one file; slices, rows and columns may be of any number divisible by 8 in plane."""
    example = torch.zeros(1, len(CHANNELS), 16, 64, 64)
    free = {2: torch.export.Dim("z", min=2), 3: torch.export.Dim.DYNAMIC, 4: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        _Chance(networks).eval(),
        (example,),
        input_names=["channels"],
        output_names=["chance"],
        dynamic_shapes=(free,),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("the network could not be exported")
    program.save(str(target), external_data=False)


def average(sources: Sequence[Path], target: Path) -> None:
    """Write one file whose chance is the mean of several networks' that were trained apart."""
    channels = helper.make_tensor_value_info("channels", TensorProto.FLOAT, [1, len(CHANNELS), "z", "y", "x"])
    chance = helper.make_tensor_value_info("chance", TensorProto.FLOAT, [1, 1, "z", "y", "x"])
    nodes: list[NodeProto] = []
    members: list[list[NodeProto]] = []
    weights, opsets = [], []
    for number, source in enumerate(sources):
        member = compose.add_prefix(onnx.load(source), f"{number}/")
        members.append([helper.make_node("Identity", ["channels"], [f"{number}/channels"]), *member.graph.node])
        for weight in member.graph.initializer:
            kept, widened = _halved(weight)
            weights.append(kept)
            nodes += widened
        opsets.append(member.opset_import)
    # Weights are widened before anything uses them: nodes stand in the order in which they are computed.
    nodes += [node for member in members for node in member]
    nodes.append(helper.make_node("Mean", [f"{number}/chance" for number in range(len(sources))], ["chance"]))
    graph = helper.make_graph(nodes, "change", [channels], [chance], weights)
    model = helper.make_model(graph, opset_imports=opsets[0], ir_version=min(10, onnx.IR_VERSION))
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())


def _halved(weight: TensorProto) -> tuple[TensorProto, list[NodeProto]]:
    """Keep a tensor of numbers in half precision, and widen it again under its own name."""
    if weight.data_type != TensorProto.FLOAT:
        return weight, []
    half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{weight.name}/half")
    return half, [helper.make_node("Cast", [half.name], [weight.name], to=TensorProto.FLOAT)]


def main(arguments: list[str]) -> int:
    """Average networks into one file."""
    target, *sources = (Path(argument) for argument in arguments)
    average(sources, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
