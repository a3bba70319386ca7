"""Rigid registration of two contrasts of one head, as T1 or T2 to FLAIR of the same visit.

The scanner's own coordinates are nearly right, so the fit starts there and is local: in every block of the brain one
contrast is described by a polynomial of the other, with coefficients of its own (after the local view of the
correlation ratio: Roche et al., MICCAI 1998; Fuerst et al., Medical Image Analysis 2014), and what that leaves is made
smaller by Gauss-Newton steps. The coefficients are solved for within each step (variable projection: Golub and
Pereyra, SIAM J. Numer. Anal. 1973), so that neither coils nor which tissue is the brighter one matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from processing.domain.errors import RegistrationFailed
from processing.domain.imaging import RigidTransform, Volume
from processing.stages.register import Registration, coarse_rigid, tukey_weight
from processing.stages.resample import isotropic, resample, rotation_about

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ContrastParameters:
    """Numbers of the registration of two contrasts; lengths in millimetres.

    Parameters
    ----------
    spacing_mm : float
        Edge of the cubic voxels that it works on.
    coarse_spacing_mm : float
        For the search from afar, when the scanner's coordinates lead nowhere.
    block_mm : float
        Edge of the blocks, each of which has a polynomial of its own.
    degree : int
        Of the polynomials.
    margin_mm : float
        Around the brain, so that its edge counts.
    samples, iterations : int
    tukey : float
        Residuals beyond this many deviations count as changed, not as misplaced.
    enough_correlation : float
        With less than this the search from afar is tried too.
    minimum_gain : float
        Squared correlation that a transform must gain over the scanner's coordinates to be preferred to them.
    """

    spacing_mm: float = 1.5
    coarse_spacing_mm: float = 4.0
    block_mm: float = 15.0
    degree: int = 2
    margin_mm: float = 3.0
    samples: int = 20_000
    iterations: int = 40
    tukey: float = 4.0
    enough_correlation: float = 0.7
    minimum_gain: float = 0.05


def register_contrast(fixed: Volume, moving: Volume, *, brain: Volume, params: ContrastParameters) -> Registration:
    """Find the rigid transform from one contrast of a visit to another.

    Parameters
    ----------
    fixed, moving : Volume
        Two contrasts of one head in one frame of reference; reoriented, any spacing and intensity scale.
    brain : Volume
        1 in the brain and 0 outside, in the same frame.
    params : ContrastParameters

    Returns
    -------
    Registration
        The identity where nothing better was found. The correlation is the multiple one: the root of the part of
        the moving scan's variance within the blocks that the fixed scan explains, 0 to 1.

    Raises
    ------
    RegistrationFailed
        If the moving scan covers too little of the brain to say anything.
    """
    pair = _sampled(fixed, moving, brain, params)
    asis = pair.judge(RigidTransform.identity())
    found = pair.refine(RigidTransform.identity())
    if found.correlation < params.enough_correlation:
        start = coarse_rigid(pair.fixed, pair.moving, spacing_mm=params.coarse_spacing_mm)
        found = max(found, pair.refine(start), key=lambda one: one.correlation)
    gain = found.correlation**2 - asis.correlation**2
    return found if gain >= params.minimum_gain else asis


@dataclass(frozen=True, eq=False)
class _Fit:
    """What the fixed scan's polynomials leave of the moving scan at one transform.

    Parameters
    ----------
    residual : ndarray of float64, shape (samples,)
    slopes : ndarray of float64, shape (samples, 6)
        Derivatives of the residual by three angles and three shifts.
    trust : ndarray of float64, shape (samples,)
        0 where the moving scan does not reach or shows what the polynomials can't say, up to 1.
    weight : ndarray of float64, shape (samples,)
        For the next step: the trust, over the variance of what is left in the block.
    explained : float
        Part of the variance within blocks that the polynomials explain.
    overlap : float
    """

    residual: Floats
    slopes: Floats
    trust: Floats
    weight: Floats
    explained: float
    overlap: float


@dataclass(frozen=True, eq=False)
class _Samples:
    """Samples of the fixed scan in order of their blocks, and the moving scan to sample at their places."""

    fixed: Volume
    moving: Volume
    gradient: tuple[npt.NDArray[np.float32], ...]
    points: Floats
    basis: Floats
    """Powers of the fixed scan's intensity, shape (samples, degree + 1)."""
    starts: npt.NDArray[np.intp]
    """First sample of each block."""
    block: npt.NDArray[np.intp]
    """Block of each sample."""
    params: ContrastParameters

    def refine(self, start: RigidTransform) -> Registration:
        """Go downhill from a start."""
        centre, transform = self.points.mean(axis=0), start
        fit = self._fit(transform, np.ones(len(self.points)))
        for _ in range(self.params.iterations):
            weighted = fit.slopes * fit.weight[:, None]
            normal = weighted.T @ fit.slopes
            damped = normal + 1e-9 * float(np.trace(normal)) * np.eye(6)
            step = np.asarray(-np.linalg.solve(damped, weighted.T @ fit.residual), np.float64)
            shift = np.eye(4)
            shift[:3, 3] = step[3:]
            transform = RigidTransform(shift).after(rotation_about(centre, step[:3])).after(transform)
            fit = self._fit(transform, fit.trust)
            if np.abs(step[3:]).max() < 2e-2 and np.abs(step[:3]).max() < 2e-4:
                break
        return _judged(transform, fit)

    def judge(self, transform: RigidTransform) -> Registration:
        """Say how well a transform fits, as it is."""
        first = self._fit(transform, np.ones(len(self.points)))
        return _judged(transform, self._fit(transform, first.trust))

    def _fit(self, transform: RigidTransform, trust: Floats) -> _Fit:
        index = self.moving.grid.lps_to_index(transform.apply(self.points))
        inside = ((index >= 0) & (index <= np.array(self.moving.grid.shape) - 1)).all(axis=1)
        if inside.sum() < 500:
            raise RegistrationFailed("Two series of one study do not show the same place; review by hand.")
        values, *along = (
            ndimage.map_coordinates(array, index.T, order=1, output=np.float64)
            for array in (self.moving.array, *self.gradient)
        )
        gradient = np.stack(along, -1) @ self.moving.grid.directions.T
        turned = transform.apply(self.points)
        arm = np.cross(turned - self.points.mean(axis=0), gradient)
        seen = inside * trust
        left = self._unexplained(np.column_stack([values, arm, gradient]), seen)
        count = self._sums(seen) + 1e-9
        mean = self._sums(seen * values) / count
        variance = self._sums(seen * (values - mean[self.block]) ** 2) / count
        rest = self._sums(seen * left[:, 0] ** 2) / count
        spread = np.sqrt(rest) + _FLOOR
        # In the next step a block counts by the inverse of what it leaves: flow and ghosts say little about the place.
        trust = inside * tukey_weight(left[:, 0] / spread[self.block], self.params.tukey)
        explained = float((count * (1.0 - rest / (variance + 1e-9))).sum() / count.sum())
        return _Fit(left[:, 0], left[:, 1:], trust, trust / spread[self.block] ** 2, explained, float(inside.mean()))

    def _unexplained(self, columns: Floats, weight: Floats) -> Floats:
        """Take out of every column what the block's powers of the fixed scan explain."""
        weighted = self.basis * weight[:, None]
        normal = self._sums(weighted[:, :, None] * self.basis[:, None, :]) + 1e-6 * np.eye(self.basis.shape[1])
        right = self._sums(weighted[:, :, None] * columns[:, None, :])
        solved = np.linalg.solve(normal, right)
        unexplained: Floats = columns - np.einsum("nd,ndk->nk", self.basis, solved[self.block])
        return unexplained

    def _sums(self, values: Floats) -> Floats:
        sums: Floats = np.add.reduceat(values, self.starts, axis=0)
        return sums


_FLOOR = 0.01
"""Smallest deviation within a block, in units of the scan's bright tissue: no block is free of noise."""


def _judged(transform: RigidTransform, fit: _Fit) -> Registration:
    return Registration(transform, float(np.sqrt(max(0.0, fit.explained))), fit.overlap)


def _sampled(fixed: Volume, moving: Volume, brain: Volume, params: ContrastParameters) -> _Samples:
    """Lay samples over the brain, block after block."""
    one, other = (_scaled(isotropic(scan, params.spacing_mm)) for scan in (fixed, moving))
    inside = resample(brain, one.grid).array > 0.5
    inside = ndimage.binary_dilation(inside, iterations=round(params.margin_mm / params.spacing_mm))
    index = np.argwhere(inside)
    if len(index) < 1000:
        raise RegistrationFailed("An image holds no brain that could be registered; review by hand.")
    index = index[:: max(1, len(index) // params.samples)]
    points = one.grid.index_to_lps(index)
    cells = np.floor((points - points.min(axis=0)) / params.block_mm).astype(np.intp)
    order = np.lexsort(cells.T)
    new = np.concatenate([[True], (np.diff(cells[order], axis=0) != 0).any(axis=1)])
    values = one.array[tuple(index[order].T)].astype(np.float64)
    return _Samples(
        fixed=one,
        moving=other,
        gradient=tuple(np.gradient(other.array, params.spacing_mm)),
        points=points[order],
        basis=np.stack([values**power for power in range(params.degree + 1)], axis=1),
        starts=np.flatnonzero(new),
        block=np.cumsum(new) - 1,
        params=params,
    )


def _scaled(scan: Volume) -> Volume:
    """Bring bright tissue to about one."""
    bright = float(np.percentile(scan.array, 98))
    if not np.isfinite(bright) or bright <= 0.0:
        raise RegistrationFailed("An image holds no signal; review by hand.")
    return scan.with_array(scan.array / bright)
