"""Fitting the network to a corpus."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from processing.stages.learned import CHANNELS
from validation.training.network import ChangeNet
from validation.training.simulate import BACKGROUND, IGNORED, LESION
from validation.training.sources import Source

Index = npt.NDArray[np.int32]


@dataclass(frozen=True)
class FitParameters:
    """Numbers of the optimisation."""

    steps: int = 2000
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    averaging: float = 0.99
    seed: int = 0
    on_lesion: float = 0.5
    on_doubtful: float = 0.35
    thick_patch: tuple[int, int, int] = (12, 64, 64)
    cubic_patch: tuple[int, int, int] = (36, 48, 48)
    noise_spread: float = 0.15
    level_spread: float = 0.05


@dataclass(frozen=True, eq=False)
class _Mapped:
    """An example on disk, and where in it patches are worth taking."""

    channels: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]
    lesion: Index
    doubtful: Index
    brain: Index


def fit(sources: Sequence[Source], *, params: FitParameters) -> ChangeNet:
    """Train on the examples and return the running average of the network, in evaluation mode."""
    torch.manual_seed(params.seed)
    torch.use_deterministic_algorithms(mode=True)
    generator = np.random.default_rng(params.seed)
    mapped = [[_open(stem, generator) for stem in source.examples] for source in sources]
    shares = np.array([source.share for source in sources])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = ChangeNet().to(device, memory_format=torch.channels_last_3d)
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.steps, pct_start=0.15
    )
    started = time.perf_counter()
    recent = 0.0
    for step in range(params.steps):
        kind = int(generator.choice(len(sources), p=shares / shares.sum()))
        channels, labels = _batch(mapped[kind], generator, params)
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(channels.to(device, memory_format=torch.channels_last_3d))
        loss = _loss(logits.float(), labels.to(device))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(averaged, network, min(params.averaging, (step + 1) / (step + 10)))
        recent += 0.02 * (float(loss) - recent) if step else float(loss)
        if step % 50 == 49:
            sys.stdout.write(f"step {step + 1} loss {recent:.3f} {time.perf_counter() - started:.0f} s\n")
            sys.stdout.flush()
    return averaged.eval().cpu()


def _open(stem: Path, generator: np.random.Generator) -> _Mapped:
    channels = np.load(f"{stem}-channels.npy", mmap_mode="r")
    labels = np.load(f"{stem}-labels.npy")
    raised = np.asarray(channels[CHANNELS.index("robust")]) > 0.75
    raised &= np.asarray(channels[CHANNELS.index("difference")]) > 0.6

    def some(mask: npt.NDArray[np.bool_]) -> Index:
        index = np.argwhere(mask).astype(np.int32)
        chosen: Index = index[generator.permutation(len(index))[:3000]]
        return chosen

    return _Mapped(
        channels, labels, some(labels == LESION), some(raised & (labels == BACKGROUND)), some(labels != IGNORED)
    )


def _batch(
    examples: Sequence[_Mapped], generator: np.random.Generator, params: FitParameters
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two patches, centred on lesions, on what looks like one, or anywhere in the brain; mirrored at random."""
    pieces = []
    for _ in range(2):
        example = examples[int(generator.integers(len(examples)))]
        draw = generator.uniform()
        index = example.lesion if draw < params.on_lesion else example.doubtful
        if draw > params.on_lesion + params.on_doubtful or len(index) == 0:
            index = example.brain
        centre = index[int(generator.integers(len(index)))]
        shape = example.labels.shape
        size = params.cubic_patch if shape[0] > 80 else params.thick_patch
        low = [
            int(np.clip(c - s // 2 + generator.integers(-s // 4, s // 4 + 1), 0, max(0, n - s)))
            for c, s, n in zip(centre, size, shape, strict=True)
        ]
        box = tuple(slice(a, min(a + s, n)) for a, s, n in zip(low, size, shape, strict=True))
        margins = [(0, s - (b.stop - b.start)) for s, b in zip(size, box, strict=True)]
        channels = np.pad(np.asarray(example.channels[(slice(None), *box)], np.float32), [(0, 0), *margins])
        labels = np.pad(example.labels[box], margins, constant_values=IGNORED)
        _shade(channels, generator, params)
        flips = tuple(axis for axis in range(3) if generator.uniform() < 0.5)
        pieces.append((np.flip(channels, tuple(axis + 1 for axis in flips)), np.flip(labels, flips)))
    channels = np.ascontiguousarray(np.stack([piece[0] for piece in pieces]))
    labels = np.ascontiguousarray(np.stack([piece[1] for piece in pieces]))
    return torch.from_numpy(channels), torch.from_numpy(labels)


def _shade(channels: npt.NDArray[np.float32], generator: np.random.Generator, params: FitParameters) -> None:
    """Change what another pair's noise and normalisation would: the unit of the deviations, and both scans' level."""
    deviations = [CHANNELS.index("difference"), CHANNELS.index("robust")]
    channels[deviations] *= np.float32(np.exp(generator.normal(0.0, params.noise_spread)))
    brain = channels.any(axis=0)
    level = np.float32(generator.normal(0.0, params.level_spread))
    for scan in (CHANNELS.index("prior"), CHANNELS.index("current")):
        channels[scan][brain] += level


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy, in which a lesion's voxels weigh more, plus a little of one less the soft Dice.

    More of the Dice drives every chance to 0 or 1, and leaves no threshold to choose.
    """
    logits = logits[:, 0]
    counted = (labels != IGNORED).float()
    lesion = (labels == LESION).float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, lesion, reduction="none")
    weight = counted * (1.0 + 3.0 * lesion)
    chance = torch.sigmoid(logits) * counted
    overlap = 1.0 - (2.0 * (chance * lesion).sum() + 20.0) / (chance.sum() + lesion.sum() + 20.0)
    total: torch.Tensor = 20.0 * (entropy * weight).sum() / weight.sum() + 0.3 * overlap
    return total


def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1.0 - keep)
            else:
                mean.copy_(value)
