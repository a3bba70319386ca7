"""The demo phantom with one thing changed at a time: what each costs in sensitivity, false alarms and volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from processing.domain.study import SeriesRole
from validation.phantom import DEMO_PHANTOM, PhantomSpec, PoseSpec, ScannerSpec


def _slices(scanner: ScannerSpec, slice_mm: float) -> ScannerSpec:
    return replace(scanner, slice_mm=tuple((role, slice_mm) for role, _ in scanner.slice_mm))


def _both(*, noise: float | None = None, bias: float | None = None, slice_mm: float | None = None) -> PhantomSpec:
    """Change both scanners alike."""
    scanners = []
    for scanner in (DEMO_PHANTOM.prior, DEMO_PHANTOM.current):
        changed = replace(scanner, noise=noise or scanner.noise, bias=bias or scanner.bias)
        scanners.append(changed if slice_mm is None else _slices(changed, slice_mm))
    return replace(DEMO_PHANTOM, prior=scanners[0], current=scanners[1])


_FLAIR_ONLY = replace(
    DEMO_PHANTOM,
    prior=replace(DEMO_PHANTOM.prior, slice_mm=((SeriesRole.FLAIR, 3.0),)),
    current=replace(DEMO_PHANTOM.current, slice_mm=((SeriesRole.FLAIR, 3.0),)),
)

GRID: Mapping[str, PhantomSpec] = {
    "other places": replace(DEMO_PHANTOM, seed=11),
    "contrast 0.3": replace(DEMO_PHANTOM, lesion_contrast=0.3),
    "contrast 0.15": replace(DEMO_PHANTOM, lesion_contrast=0.15),
    "slices 1.5 mm": _both(slice_mm=1.5),
    "slices 5 mm": _both(slice_mm=5.0),
    "noise 6 %": _both(noise=0.06),
    "bias 0.3": _both(bias=0.3),
    "motion doubled": replace(
        DEMO_PHANTOM,
        current=replace(DEMO_PHANTOM.current, pose=PoseSpec((-11.0, 5.0, -10.0), (-10.0, 16.0, -13.0))),
    ),
    "FLAIR alone": _FLAIR_ONLY,
}
"""What differs from the demo phantom (3 mm slices, contrast 0.6, noise 3 %, bias 0.12 to 0.15, all of T1, T2, FLAIR).
Lesion sizes from 12 mm3 to 2 ml are in each."""
