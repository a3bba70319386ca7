"""The learned detector of change: what it sees, how it is run, and how its findings join the hand-made ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf
from scipy import ndimage

from processing.domain.errors import Defect
from processing.domain.imaging import Grid, Volume
from processing.stages.components import MINIMUM_VOLUME_MM3, connected_components
from processing.stages.detect import Candidate, Evidence, mean_known
from processing.stages.subtract import Subtraction

Mask = npt.NDArray[np.bool_]
Channels = npt.NDArray[np.float32]

CHANNELS = ("prior", "current", "difference", "robust", "white matter")
"""What the network sees, in this order."""

IN_PLANE_MULTIPLE = 8
"""The network halves rows and columns three times."""

SLAB = 32
"""Slices that are computed at once: 0.7 GB at 1 mm. Fewer compute more of their neighbours twice."""

_FROM_CORTEX_TO_WHITE_MATTER = (0.3, 0.9)
"""Mean probability of white matter from the atlas, between what is hardly ever deep in it and what always is."""

REACH = 5
"""Slices on either side that a slice's result depends on: the network's cubic kernels, one after the other."""


@dataclass(frozen=True)
class LearnedParameters:
    """Thresholds of the learned detector; chances from 0 to 1, lengths in millimetres."""

    voxel_chance: float = 0.5
    doubtful_chance: float = 0.2
    minimum_volume_mm3: float = MINIMUM_VOLUME_MM3
    inside_mm: float = 3.0
    white_matter_prior: float = 0.2
    t2_minimum_z: float = 1.0
    t1_maximum_z: float = 2.0
    minimum_score: float = 0.65
    rim_mm: float = 3.0
    neighbour_mm: float = 7.0
    flair_alone_in_white_matter: float = 0.75
    flair_alone_elsewhere: float = 0.67
    thick_slices_mm: float = 2.0


class LearnedModel:
    """A network that gives each voxel its chance of having changed.

    Parameters
    ----------
    onnx : bytes
        The exported network: input "channels", float32, shape (1, 5, z, y, x); output of shape (1, 1, z, y, x), 0 to 1.
    threads : int
        Cores that one run may use.

    Raises
    ------
    Defect
        If the bytes are no such network.
    """

    def __init__(self, onnx: bytes, *, threads: int = 2) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A pattern is kept for every shape that was ever seen: twice the memory for no time gained.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except (Fail, InvalidGraph, InvalidProtobuf) as failure:
            raise Defect("The learned detector's file can't be read.") from failure
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].shape[1] != len(CHANNELS):
            raise Defect("The learned detector's file belongs to another version.")

    def chances(self, channels: Channels) -> npt.NDArray[np.float32]:
        """Return each voxel's chance of change.

        Parameters
        ----------
        channels : ndarray of float32, shape (5, z, y, x)
            From `detector_inputs`. Where all are zero there is no brain, and nothing is computed.

        Returns
        -------
        ndarray of float32, shape (z, y, x)
            0 to 1.
        """
        found = np.zeros(channels.shape[1:], np.float32)
        used = np.argwhere(channels.any(axis=0))
        if len(used) == 0:
            return found
        box = tuple(slice(int(a), int(b) + 1) for a, b in zip(used.min(axis=0), used.max(axis=0), strict=True))
        part = channels[(slice(None), *box)]
        slices, rows, columns = part.shape[1:]
        margins = [(0, 0), (0, 0), *((0, -n % IN_PLANE_MULTIPLE) for n in (rows, columns))]
        padded = np.pad(part, margins)
        chance = np.zeros((slices, rows, columns), np.float32)
        for start in range(0, slices, SLAB):
            low, high, end = max(0, start - REACH), start + SLAB + REACH, start + SLAB
            slab = self._session.run(None, {"channels": padded[np.newaxis, :, low:high]})[0]
            chance[start:end] = np.asarray(slab)[0, 0, start - low : end - low, :rows, :columns]
        found[box] = chance
        return found


def detector_inputs(
    later: Volume, earlier: Volume, rise: Subtraction, *, brain: Mask, white_matter_prior: Volume
) -> Channels:
    """Lay out what the network sees.

    Parameters
    ----------
    later, earlier : Volume
        Registered and normalised, in units of the white-matter median.
    rise : Subtraction
        Of these two.
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
        Probability of white matter from the atlas.

    Returns
    -------
    ndarray of float32, shape (5, z, y, x)
        `CHANNELS`, each scaled to about one and cut where it carries no more meaning; zero outside the brain.
    """
    inside = brain.astype(np.float32)
    channels: Channels = np.stack(
        [
            np.clip(earlier.array - 1.0, -1.0, 1.5) * 2.0,
            np.clip(later.array - 1.0, -1.0, 1.5) * 2.0,
            np.clip(rise.difference.array / rise.noise, -12.0, 12.0) / 4.0,
            np.clip(rise.robust.array, -12.0, 12.0) / 4.0,
            white_matter_prior.array,
        ]
    ).astype(np.float32)
    return channels * inside


@dataclass(frozen=True, eq=False)
class LearnedCandidate:
    """A component of voxels that the network holds to have changed, and its best voxel's chance."""

    mask: Mask
    peak_chance: float


def learned_candidates(
    chances: npt.NDArray[np.float32],
    grid: Grid,
    *,
    brain: Mask,
    white_matter_prior: Volume,
    params: LearnedParameters,
) -> tuple[LearnedCandidate, ...]:
    """Take the network's findings apart.

    Parameters
    ----------
    chances : ndarray of float32, shape (z, y, x)
    grid : Grid
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
    params : LearnedParameters

    Returns
    -------
    tuple of LearnedCandidate
        In order of the first voxel.
    """
    deep = ndimage.distance_transform_edt(brain, sampling=grid.spacing_mm) > params.inside_mm
    labels = connected_components(
        (chances >= params.voxel_chance) & deep,
        voxel_volume_mm3=grid.voxel_volume_mm3,
        minimum_volume_mm3=params.minimum_volume_mm3,
    )
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        part = labels[box] == label
        peak = float(chances[box][part].max())
        prior = float(white_matter_prior.array[box][part].mean())
        if prior < params.white_matter_prior:
            continue
        mask = np.zeros(labels.shape, bool)
        mask[box] = part
        found.append(LearnedCandidate(mask, peak))
    return tuple(found)


def join(
    hand_made: Sequence[Candidate],
    learned: Sequence[LearnedCandidate],
    chances: npt.NDArray[np.float32],
    *,
    later: Volume,
    evidence: Evidence,
    white_matter_prior: Volume,
    params: LearnedParameters,
) -> tuple[Candidate, ...]:
    """Put the findings of both detectors together; where they disagree, confidence is low and the finding disputed.

    A finding of both keeps the hand-made outline, which follows the scan and not the network's habit, and scores 0.8
    or more. One of the network alone is dropped where T1 or T2 refute it, as a hand-made one is; it scores up to 0.9
    where T2 confirms it. Where nothing but FLAIR is known it scores up to 0.75 deep in white matter and up to 0.67
    where the atlas gives little of it: on an untouched pair T2 refuted twelve of fourteen false findings, and most of
    those that are left lie at the cortex, at sinuses and vessels. One of the hand-made detector alone scores 0.7 to
    0.8 where T2 confirms it and the network has some doubt only; else it loses a quarter of its score, and half where
    the network sees nothing. What scores too little is dropped. Of a finding in which the hand-made detector saw some
    lesions of several, the others count as the network's alone.

    Parameters
    ----------
    hand_made : sequence of Candidate
    learned : sequence of LearnedCandidate
    chances : ndarray of float32, shape (z, y, x)
    later : Volume
        The scan in which the rise shows, in units of the white-matter median.
    evidence : Evidence
    white_matter_prior : Volume
    params : LearnedParameters

    Returns
    -------
    tuple of Candidate
        Hand-made ones first.
    """
    joined = []
    for candidate in hand_made:
        peak = float(chances[candidate.mask].max())
        agreed = any((candidate.mask & other.mask).any() for other in learned)
        if agreed:
            score = 1.0 - 0.2 * (1.0 - candidate.score) * (2.0 - peak)
        elif peak < params.doubtful_chance:
            score = candidate.score * 0.5
        elif _confirmed_on_t2(candidate.mask, evidence, params):
            score = 0.8 - 0.2 * (1.0 - candidate.score)
        else:
            score = candidate.score * 0.75
        joined.append(replace(candidate, score=score, disputed=not agreed))
    for other in learned:
        outlines = [candidate.mask for candidate in hand_made if (candidate.mask & other.mask).any()]
        for mask in _neighbours(other.mask, outlines, later.grid, params) if outlines else [other.mask]:
            weight = _weight_without_the_hand_made(mask, evidence, white_matter_prior, params)
            if weight is None:
                continue
            joined.append(
                Candidate(
                    mask=mask,
                    volume_mm3=float(mask.sum()) * later.grid.voxel_volume_mm3,
                    mean_intensity=float(later.array[mask].mean()),
                    score=weight * float(chances[mask].max()),
                    disputed=True,
                )
            )
    return tuple(candidate for candidate in joined if candidate.score >= params.minimum_score)


def _neighbours(mask: Mask, outlines: Sequence[Mask], grid: Grid, params: LearnedParameters) -> list[Mask]:
    """Return the lesions in a finding of the network of which the hand-made detector outlined others.

    The network's outline is wider, and the rim that it leaves around a lesion, growing or new, is no lesion of its own:
    it reached 4 to 6 mm on scans with inserted lesions and on phantoms, neighbours 10 mm and more.
    """
    index = np.argwhere(mask)
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(index.min(axis=0), index.max(axis=0), strict=True))
    seen = np.logical_or.reduce([outline[box] for outline in outlines])
    from_seen = ndimage.distance_transform_edt(~seen, sampling=grid.spacing_mm)
    cores = connected_components(
        mask[box] & (from_seen > params.rim_mm),
        voxel_volume_mm3=grid.voxel_volume_mm3,
        minimum_volume_mm3=params.minimum_volume_mm3,
    )
    from_core, nearest = ndimage.distance_transform_edt(cores == 0, sampling=grid.spacing_mm, return_indices=True)
    whole = np.where(mask[box] & (from_core < from_seen), cores[tuple(nearest)], 0)
    found = []
    for number in range(1, int(cores.max()) + 1):
        if from_seen[cores == number].max() >= params.neighbour_mm:
            part = np.zeros(mask.shape, bool)
            part[box] = whole == number
            found.append(part)
    return found


def _weight_without_the_hand_made(
    mask: Mask, evidence: Evidence, white_matter_prior: Volume, params: LearnedParameters
) -> float | None:
    """How much T1, T2 or the place leave of a finding of the network alone; None if T1 or T2 refute it.

    In thin slices the cortex is as good a place as any: there untouched pairs have no false findings at all.
    """
    on_t1, on_t2 = mean_known(evidence.t1_z, mask), mean_known(evidence.t2_z, mask)
    if on_t1 is not None and on_t1 > params.t1_maximum_z:
        return None
    if on_t2 is not None:
        return 0.9 if on_t2 >= params.t2_minimum_z else None
    if max(white_matter_prior.grid.spacing_mm) < params.thick_slices_mm:
        return params.flair_alone_in_white_matter
    place = np.interp(
        float(white_matter_prior.array[mask].mean()),
        _FROM_CORTEX_TO_WHITE_MATTER,
        (params.flair_alone_elsewhere, params.flair_alone_in_white_matter),
    )
    return float(place)


def _confirmed_on_t2(mask: Mask, evidence: Evidence, params: LearnedParameters) -> bool:
    on_t2 = mean_known(evidence.t2_z, mask)
    return on_t2 is not None and on_t2 >= params.t2_minimum_z
