"""What a phantom shall look like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from processing.domain.study import SeriesRole


class LesionKind(StrEnum):
    """What becomes of a lesion between the visits."""

    NEW = "new"
    GROWING = "growing"
    STABLE = "stable"
    VANISHED = "vanished"


@dataclass(frozen=True)
class LesionSpec:
    """One lesion; 0 mm3 means that it is not there at that visit."""

    kind: LesionKind
    prior_volume_mm3: float
    volume_mm3: float


@dataclass(frozen=True)
class PoseSpec:
    """How the head lies in a scanner: rotation about x, y, z in degrees, then a shift in millimetres (LPS)."""

    rotation_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]


@dataclass(frozen=True)
class ScannerSpec:
    """How a visit is scanned.

    Parameters
    ----------
    pose : PoseSpec
    slice_mm : mapping-like tuple of (role, float)
        Distance between slices for each series; slices touch.
    in_plane_mm : float
        Pixel size of every series.
    coverage_mm : float
        Height of the stack.
    field_of_view_mm : float
        Edge of the square slices.
    tilt_deg : float
        Slices are tilted about the left-right axis.
    white_matter_signal : float
        Scale of the stored intensities.
    grey_contrast : float
        Multiplies the distance of every tissue from white matter: another echo time.
    noise : float
        Rician noise's sigma as a part of the white-matter signal.
    bias : float
        Amplitude of the log bias field.
    """

    pose: PoseSpec
    slice_mm: tuple[tuple[SeriesRole, float], ...]
    in_plane_mm: float
    coverage_mm: float
    field_of_view_mm: float
    tilt_deg: float
    white_matter_signal: float
    grey_contrast: float
    noise: float
    bias: float


@dataclass(frozen=True)
class PhantomSpec:
    """A whole phantom.

    Parameters
    ----------
    seed : int
    world_mm : int
        Voxel size of the world before it is scanned: 1, or 2 for quick tests.
    lesions : tuple of LesionSpec
    prior, current : ScannerSpec
    lesion_contrast : float
        A lesion's FLAIR signal above white matter, in units of white matter.
    texture : float
        Standard deviation of the tissue's own unevenness, the same at both visits.
    """

    seed: int
    world_mm: int
    lesions: tuple[LesionSpec, ...]
    prior: ScannerSpec
    current: ScannerSpec
    lesion_contrast: float = 0.6
    texture: float = 0.03


_DEMO_LESIONS = (
    LesionSpec(LesionKind.NEW, 0, 2000),
    LesionSpec(LesionKind.NEW, 0, 400),
    LesionSpec(LesionKind.NEW, 0, 150),
    LesionSpec(LesionKind.NEW, 0, 80),
    LesionSpec(LesionKind.NEW, 0, 55),
    LesionSpec(LesionKind.NEW, 0, 25),
    LesionSpec(LesionKind.NEW, 0, 12),
    LesionSpec(LesionKind.GROWING, 250, 700),
    LesionSpec(LesionKind.GROWING, 60, 200),
    LesionSpec(LesionKind.STABLE, 900, 900),
    LesionSpec(LesionKind.STABLE, 200, 200),
    LesionSpec(LesionKind.STABLE, 70, 70),
    LesionSpec(LesionKind.VANISHED, 500, 0),
    LesionSpec(LesionKind.VANISHED, 150, 0),
)

DEMO_PHANTOM = PhantomSpec(
    seed=20240311,
    world_mm=1,
    lesions=_DEMO_LESIONS,
    prior=ScannerSpec(
        pose=PoseSpec((3.0, -2.0, 4.0), (4.0, -6.0, 5.0)),
        slice_mm=((SeriesRole.FLAIR, 3.0), (SeriesRole.T1, 3.0), (SeriesRole.T2, 3.0)),
        in_plane_mm=0.9,
        coverage_mm=150.0,
        field_of_view_mm=230.4,
        tilt_deg=8.0,
        white_matter_signal=310.0,
        grey_contrast=0.85,
        noise=0.03,
        bias=0.12,
    ),
    current=ScannerSpec(
        pose=PoseSpec((-4.0, 1.5, -3.0), (-3.0, 5.0, -4.0)),
        slice_mm=((SeriesRole.FLAIR, 3.0), (SeriesRole.T1, 3.0), (SeriesRole.T2, 4.0)),
        in_plane_mm=0.9,
        coverage_mm=156.0,
        field_of_view_mm=230.4,
        tilt_deg=-3.0,
        white_matter_signal=820.0,
        grey_contrast=1.0,
        noise=0.03,
        bias=0.15,
    ),
)
"""The demo case: seven new, two growing, three stable and two vanished lesions, from 12 mm3 to 2 ml."""

SMALL_PHANTOM = PhantomSpec(
    seed=7,
    world_mm=2,
    lesions=(
        LesionSpec(LesionKind.NEW, 0, 1500),
        LesionSpec(LesionKind.NEW, 0, 500),
        LesionSpec(LesionKind.GROWING, 300, 1400),
        LesionSpec(LesionKind.STABLE, 800, 800),
        LesionSpec(LesionKind.VANISHED, 900, 0),
    ),
    prior=ScannerSpec(
        pose=PoseSpec((2.0, -1.0, 3.0), (3.0, -4.0, 2.0)),
        slice_mm=((SeriesRole.FLAIR, 4.0),),
        in_plane_mm=1.8,
        coverage_mm=156.0,
        field_of_view_mm=230.4,
        tilt_deg=4.0,
        white_matter_signal=310.0,
        grey_contrast=0.9,
        noise=0.02,
        bias=0.1,
    ),
    current=ScannerSpec(
        pose=PoseSpec((-2.0, 1.0, -2.0), (-2.0, 3.0, -3.0)),
        slice_mm=((SeriesRole.FLAIR, 4.0),),
        in_plane_mm=1.8,
        coverage_mm=156.0,
        field_of_view_mm=230.4,
        tilt_deg=0.0,
        white_matter_signal=820.0,
        grey_contrast=1.0,
        noise=0.02,
        bias=0.1,
    ),
)
"""Coarse voxels, FLAIR only, five large lesions: made in about a second, for tests of the machinery."""
