"""Trained networks as files: weights that can be loaded again, and ONNX, into which several are averaged.

``python -m validation.training.export TARGET.onnx A.pt B.pt`` averages networks that were trained apart.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
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


def write_weights(network: ChangeNet, target: Path) -> None:
    """Keep a network so that it can be exported together with others."""
    torch.save(network.state_dict(), target)


def read_weights(source: Path) -> ChangeNet:
    """Load what `write_weights` kept."""
    network = ChangeNet()
    network.load_state_dict(torch.load(source, weights_only=True))
    return network.eval()


def main(arguments: list[str]) -> int:
    """Average networks into one file."""
    target, *sources = (Path(argument) for argument in arguments)
    write_onnx([read_weights(source) for source in sources], target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
