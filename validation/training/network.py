"""A small U-Net for volumes whose slices are thicker than their pixels."""

from __future__ import annotations

import torch
from torch import nn

from processing.stages.learned import CHANNELS

WIDTHS = (12, 24, 40, 56)

IN_PLANE = (1, 2, 2)
"""Slices are never merged: at 3 to 5 mm a lesion lies on one or two of them."""


def _block(inputs: int, outputs: int, kernel: tuple[int, int, int]) -> nn.Sequential:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, padding=padding, bias=False),
        nn.BatchNorm3d(outputs, momentum=0.05),
        nn.LeakyReLU(0.05, inplace=True),
    )


class ChangeNet(nn.Module):
    """From `CHANNELS` to one logit of change per voxel; in-plane sizes are multiples of 8.

    Kernels are flat where voxels are flat and cubic once pooling has made them so.
    """

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        flat, cubic = (1, 3, 3), (3, 3, 3)
        self.down = nn.ModuleList(
            [
                nn.Sequential(_block(len(CHANNELS), a, flat), _block(a, a, flat)),
                nn.Sequential(_block(a, b, flat), _block(b, b, cubic)),
                nn.Sequential(_block(b, c, cubic), _block(c, c, cubic)),
                nn.Sequential(_block(c, d, cubic), _block(d, d, cubic)),
            ]
        )
        self.up = nn.ModuleList([_block(d + c, c, flat), _block(c + b, b, flat), _block(b + a, a, flat)])
        self.pool = nn.MaxPool3d(IN_PLANE)
        self.grow = nn.Upsample(scale_factor=IN_PLANE, mode="nearest")
        self.last = nn.Conv3d(a, 1, 1)
        nn.init.constant_(self.last.bias, -4.0)

    def forward(self, channels: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (n, 1, z, y, x), of channels, shape (n, 5, z, y, x)."""
        skipped = []
        for level, block in enumerate(self.down):
            channels = block(channels if level == 0 else self.pool(channels))
            skipped.append(channels)
        for block, skip in zip(self.up, reversed(skipped[:-1]), strict=True):
            channels = block(torch.cat([self.grow(channels), skip], dim=1))
        logits: torch.Tensor = self.last(channels)
        return logits
