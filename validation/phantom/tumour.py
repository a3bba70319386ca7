"""A head with a glioma: necrosis, an enhancing ring, oedema and mass effect, at several time points of known growth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.imaging import Grid, LabelMap, Volume
from processing.domain.study import SeriesRole
from processing.stages.resample import Interpolation, resample
from processing.stages.tumour.labels import TumourLabel
from validation.phantom.acquire import SIGNALS, acquire, pose, scan_grid
from validation.phantom.anatomy import Anatomy, Tissue, build_anatomy
from validation.phantom.spec import PoseSpec, ScannerSpec

Map = npt.NDArray[np.float32]

_T1C = {**SIGNALS[SeriesRole.T1], Tissue.MUSCLE: 0.75, Tissue.GREY_MATTER: 0.75}
_NORMAL: Mapping[SeriesRole, Mapping[Tissue, float]] = {**SIGNALS, SeriesRole.T1C: _T1C}
_TUMOUR: Mapping[SeriesRole, Mapping[TumourLabel, float]] = {
    SeriesRole.T1: {TumourLabel.CORE: 0.5, TumourLabel.HYPERINTENSITY: 0.78, TumourLabel.ENHANCING: 0.7},
    SeriesRole.T1C: {TumourLabel.CORE: 0.55, TumourLabel.HYPERINTENSITY: 0.78, TumourLabel.ENHANCING: 1.6},
    SeriesRole.T2: {TumourLabel.CORE: 2.6, TumourLabel.HYPERINTENSITY: 2.1, TumourLabel.ENHANCING: 1.7},
    SeriesRole.FLAIR: {TumourLabel.CORE: 1.35, TumourLabel.HYPERINTENSITY: 1.75, TumourLabel.ENHANCING: 1.55},
}
"""Signal in units of white matter, read off the published figures of the BraTS papers; a core's fluid holds protein."""

_EDGE_MM = 0.8
_PUSH_REACH_MM = 18.0
_RIGID_SHELL_MM = 12.0


@dataclass(frozen=True)
class TumourSpec:
    """A tumour and how it is scanned.

    Parameters
    ----------
    seed : int
        Decides the place, the shape and the noise; tumours of one seed differ only in what the rest says.
    world_mm : int
        Voxel size of the world, 1 or 2.
    core_ml : float
        Enhancing tumour, necrosis and non-enhancing core together.
    necrosis : float
        The part of the core that does not enhance, 0 to 1.
    hyperintensity_ml : float
        Oedema around the core.
    mass_effect : float
        How far the tissue around is pushed away, in radii of the core.
    scanner : ScannerSpec
        Its `slice_mm` names the series.
    scan_seed : int
        Of noise, shading and the patient's movement between series: another one is a re-scan of the same tumour.
    texture : float
        Standard deviation of the tissue's own unevenness.
    conspicuity : float
        How far the tumour's signals stand apart from white matter's: 1 as a textbook shows it, 0 invisible.
    still : bool
        Whether the patient lies still between series: all four then have one grid.
    """

    seed: int
    world_mm: int
    core_ml: float
    necrosis: float
    hyperintensity_ml: float
    mass_effect: float
    scanner: ScannerSpec
    scan_seed: int = 0
    texture: float = 0.04
    conspicuity: float = 1.0
    still: bool = False

    def grown(self, factor: float, *, scan_seed: int) -> TumourSpec:
        """Return the same tumour at a later visit, every part of it larger by a factor of volume."""
        return replace(
            self,
            core_ml=self.core_ml * factor,
            hyperintensity_ml=self.hyperintensity_ml * factor,
            scan_seed=scan_seed,
        )


FOUR_SERIES = (SeriesRole.T1, SeriesRole.T1C, SeriesRole.T2, SeriesRole.FLAIR)


def isotropic_scanner(voxel_mm: float, *, noise: float = 0.03, bias: float = 0.12) -> ScannerSpec:
    """Return a scanner that takes all four series with cubic voxels of this size."""
    return ScannerSpec(
        pose=PoseSpec((2.0, -1.5, 3.0), (2.0, -4.0, 3.0)),
        slice_mm=tuple((role, voxel_mm) for role in FOUR_SERIES),
        in_plane_mm=voxel_mm,
        coverage_mm=176.0,
        field_of_view_mm=240.0,
        tilt_deg=0.0,
        white_matter_signal=600.0,
        grey_contrast=1.0,
        noise=noise,
        bias=bias,
    )


@dataclass(frozen=True, eq=False)
class TumourPhantom:
    """A scanned tumour with its truth.

    Parameters
    ----------
    images : mapping of SeriesRole to Volume
        Whole numbers, each series in its own slightly different pose: the patient moves between series.
    truth : LabelMap
        `TumourLabel`, on the grid of T1C.
    brain : ndarray of bool
        On the same grid.
    to_world : ndarray of float64, shape (4, 4)
        Maps a point of T1C to the head, which lies in the ICBM152 atlas.
    volumes_ml : mapping of TumourLabel to float
        Before any scan.
    """

    images: Mapping[SeriesRole, Volume]
    truth: LabelMap
    brain: npt.NDArray[np.bool_]
    to_world: npt.NDArray[np.float64]
    volumes_ml: Mapping[TumourLabel, float]


def make_tumour(spec: TumourSpec) -> TumourPhantom:
    """Make a tumour phantom; the same spec gives the same voxels.

    Raises
    ------
    Defect
        If nilearn's data files are not installed.
    ValueError
        If the white matter has no room for the tumour.
    """
    shaping, texturing = (np.random.default_rng(child) for child in np.random.SeedSequence(spec.seed).spawn(2))
    scanning = np.random.default_rng([spec.seed, spec.scan_seed])
    anatomy = _anatomy(spec.world_mm)
    centre = _place(anatomy, spec, shaping)
    anatomy = _pushed_aside(anatomy, centre, spec)
    parts = _parts(anatomy, centre, spec, shaping)
    unevenness = ndimage.gaussian_filter(texturing.standard_normal(anatomy.grid.shape, dtype=np.float32), 1.0)
    texture: Map = 1.0 + unevenness * np.float32(spec.texture / float(unevenness.std()))
    images = {}
    for role, slice_mm in spec.scanner.slice_mm:
        moved = spec.scanner if spec.still or role is SeriesRole.T1C else _moved(spec.scanner, scanning)
        signal = _contrast(anatomy, parts, texture, role, spec)
        images[role] = acquire(signal, scan_grid(moved, slice_mm), moved, scanning)
    labels = np.zeros(anatomy.grid.shape, np.float32)
    for label, part in parts.items():
        labels[part > 0.5] = label
    grid = images[SeriesRole.T1C].grid
    to_world = pose(spec.scanner.pose).matrix
    truth = resample(Volume(labels, anatomy.grid), grid, to_volume=to_world, interpolation=Interpolation.NEAREST)
    brain = resample(Volume(anatomy.brain.astype(np.float32), anatomy.grid), grid, to_volume=to_world).array > 0.5
    voxel_ml = anatomy.grid.voxel_volume_mm3 / 1000
    volumes = {label: float((labels == label).sum()) * voxel_ml for label in TumourLabel}
    return TumourPhantom(images, LabelMap(truth.array.astype(np.uint16), grid), brain, to_world, volumes)


@cache
def _anatomy(world_mm: int) -> Anatomy:
    """One healthy head for all: it is never written to."""
    return build_anatomy(world_mm)


def _place(anatomy: Anatomy, spec: TumourSpec, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Choose a centre in cerebral white matter so deep that the core does not reach far over the brain's edge."""
    radius = (3 * spec.core_ml * 1000 / (4 * np.pi)) ** (1 / 3)
    depth = ndimage.distance_transform_edt(anatomy.brain) * spec.world_mm
    index = np.argwhere((anatomy.fractions[Tissue.WHITE_MATTER] > 0.9) & (depth > min(0.8 * radius, 22.0)))
    points = anatomy.grid.index_to_lps(index)
    # Above the brain stem, and beside the midline, where hardly any glioma starts.
    points = points[(points[:, 2] > -5) & (np.abs(points[:, 0]) > 15)]
    if len(points) == 0:
        raise ValueError("the white matter has no room for this tumour")
    chosen: npt.NDArray[np.float64] = points[int(generator.integers(len(points)))]
    return chosen


def _pushed_aside(anatomy: Anatomy, centre: npt.NDArray[np.float64], spec: TumourSpec) -> Anatomy:
    """Push the brain away from the tumour, less the farther it is, and not at all at the skull."""
    radius = (3 * spec.core_ml * 1000 / (4 * np.pi)) ** (1 / 3)
    offset, distance = _from(centre, anatomy.grid)
    away = np.maximum(distance - radius, 0)
    free = np.clip(ndimage.distance_transform_edt(anatomy.brain) * spec.world_mm / _RIGID_SHELL_MM, 0, 1)
    push = spec.mass_effect * radius * np.exp(-away / _PUSH_REACH_MM) * free / np.maximum(distance, 1e-3)
    source = np.indices(anatomy.grid.shape, np.float32)
    steps = np.linalg.inv(anatomy.grid.affine[:3, :3])
    for axis in range(3):
        source[axis] -= push * sum(steps[axis, k] * offset[k] for k in range(3))
    brain = [Tissue.WHITE_MATTER, Tissue.GREY_MATTER, Tissue.FLUID]
    fractions = anatomy.fractions.copy()
    for tissue in brain:
        moved = ndimage.map_coordinates(anatomy.fractions[tissue], source, order=1, mode="nearest")
        fractions[tissue] = np.where(anatomy.brain, moved, fractions[tissue])
    return Anatomy(fractions, anatomy.brain, anatomy.grid)


def _from(centre: npt.NDArray[np.float64], grid: Grid) -> tuple[list[Map], Map]:
    """Offsets along x, y and z from a point to every voxel, and its distance, in millimetres."""
    points = grid.index_to_lps(np.moveaxis(np.indices(grid.shape, np.float32), 0, -1)) - centre
    offset = [points[..., k].astype(np.float32) for k in range(3)]
    return offset, np.linalg.norm(points, axis=-1).astype(np.float32)


def _parts(
    anatomy: Anatomy, centre: npt.NDArray[np.float64], spec: TumourSpec, generator: np.random.Generator
) -> dict[TumourLabel, Map]:
    """Part of each voxel that belongs to each label: lobed, of exactly the volumes that the spec names."""
    _, distance = _from(centre, anatomy.grid)
    lobes, rim, fingers = (_noise(anatomy.grid, sigma, generator) for sigma in (7.0, 4.0, 6.0))
    radius = (3 * spec.core_ml * 1000 / (4 * np.pi)) ** (1 / 3)
    tissue = np.where(anatomy.brain, 1.0 - anatomy.fractions[Tissue.FLUID], 0.0).astype(np.float32)
    white = ndimage.gaussian_filter(anatomy.fractions[Tissue.WHITE_MATTER], 2.0 / spec.world_mm)
    shape = distance + 0.18 * radius * lobes
    core = _of_volume(shape, anatomy.brain, spec.core_ml, anatomy.grid)
    dead = _of_volume(shape + 0.08 * radius * rim, anatomy.brain, spec.core_ml * spec.necrosis, anatomy.grid) * core
    # Oedema runs along white matter and stops at the ventricles.
    spread = shape + 4.0 * fingers - 9.0 * white
    around = anatomy.brain & (core < 0.5) & (tissue > 0.5)
    swollen = _of_volume(spread, around, spec.hyperintensity_ml, anatomy.grid) * tissue * (1 - core)
    return {
        TumourLabel.HYPERINTENSITY: swollen,
        TumourLabel.CORE: dead,
        TumourLabel.ENHANCING: core - dead,
    }


def _noise(grid: Grid, sigma_mm: float, generator: np.random.Generator) -> Map:
    """Smooth noise of mean 0 and standard deviation 1, of the same shape whatever the voxel size."""
    side = tuple(int(np.ceil(n * s / 2.0)) for n, s in zip(grid.shape, grid.spacing_mm, strict=True))
    coarse = ndimage.gaussian_filter(generator.standard_normal(side, dtype=np.float32), sigma_mm / 2.0)
    factors = [n / c for n, c in zip(grid.shape, side, strict=True)]
    fine: Map = ndimage.zoom(coarse / coarse.std(), factors, order=1, grid_mode=True, mode="nearest")
    return fine


def _of_volume(depth: Map, where: npt.NDArray[np.bool_], volume_ml: float, grid: Grid) -> Map:
    """Take the voxels of the smallest depth until their volume is reached, with a soft edge."""
    wanted = round(volume_ml * 1000 / grid.voxel_volume_mm3)
    if wanted <= 0:
        return np.zeros(grid.shape, np.float32)
    values = depth[where]
    if wanted > values.size:
        raise ValueError("the white matter has no room for this tumour")
    limit = np.partition(values, wanted - 1)[wanted - 1]
    soft: Map = np.where(where, 1 / (1 + np.exp(np.clip((depth - limit) / (_EDGE_MM / 2), -30, 30))), 0)
    return soft.astype(np.float32)


def _moved(scanner: ScannerSpec, generator: np.random.Generator) -> ScannerSpec:
    """The patient lies a little differently in each series: by a degree and a millimetre or less."""
    turn, shift = generator.uniform(-1, 1, (2, 3))
    lies = scanner.pose
    rotation = tuple(float(a + b) for a, b in zip(lies.rotation_deg, turn, strict=True))
    place = tuple(float(a + b) for a, b in zip(lies.shift_mm, shift, strict=True))
    return replace(scanner, pose=PoseSpec((rotation[0], rotation[1], rotation[2]), (place[0], place[1], place[2])))


def _contrast(
    anatomy: Anatomy, parts: Mapping[TumourLabel, Map], texture: Map, role: SeriesRole, spec: TumourSpec
) -> Volume:
    signals = dict(_NORMAL[role])
    signals[Tissue.GREY_MATTER] = 1.0 + spec.scanner.grey_contrast * (signals[Tissue.GREY_MATTER] - 1.0)
    signal = np.zeros(anatomy.grid.shape, np.float32)
    for tissue, level in signals.items():
        signal += np.float32(level) * anatomy.fractions[tissue]
    taken = np.clip(sum(parts.values()), 0, 1)
    signal *= 1 - taken
    for label, part in parts.items():
        signal += np.float32(1.0 + spec.conspicuity * (_TUMOUR[role][label] - 1.0)) * part
    return Volume(signal * texture, anatomy.grid)
