"""Writing a trained network as ONNX."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from processing.stages.learned import CHANNELS
from validation.training.network import ChangeNet


class _Chance(nn.Module):
    """The network with its last step: from logits to 0 to 1."""

    def __init__(self, network: ChangeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, channels: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.network(channels))


def write_onnx(network: ChangeNet, target: Path) -> None:
    """Write weights and graph into one file; slices, rows and columns may be of any number divisible by 8 in plane."""
    example = torch.zeros(1, len(CHANNELS), 16, 64, 64)
    free = {2: torch.export.Dim("z", min=2), 3: torch.export.Dim.DYNAMIC, 4: torch.export.Dim.DYNAMIC}
    program = torch.onnx.export(
        _Chance(network).eval(),
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
