from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from processing.domain.errors import Defect
from processing.domain.imaging import Grid, Volume
from processing.stages.detect import Candidate, Evidence
from processing.stages.learned import (
    CHANNELS,
    LearnedCandidate,
    LearnedModel,
    LearnedParameters,
    detector_inputs,
    join,
    learned_candidates,
)
from processing.stages.subtract import Subtraction

SHAPE = (12, 40, 44)
GRID = Grid.from_axes(SHAPE, origin_mm=(0, 0, 0), spacing_mm=(3.0, 1.0, 1.0), directions=np.eye(3)[:, ::-1])
THIN = Grid.from_axes(SHAPE, origin_mm=(0, 0, 0), spacing_mm=(1.0, 1.0, 1.0), directions=np.eye(3)[:, ::-1])
PARAMS = LearnedParameters()


def volume(value: float | npt.NDArray[np.float32] = 0.0, grid: Grid = GRID) -> Volume:
    return Volume(np.broadcast_to(np.float32(value), SHAPE).copy(), grid)


def box(z: int, y: int, x: int, size: int = 4) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, bool)
    mask[z : z + 2, y : y + size, x : x + size] = True
    return mask


def evidence(t1: float | None = None, t2: float | None = None) -> Evidence:
    rise = Subtraction(volume(), volume(), volume(), 0.05)
    return Evidence(rise, None if t1 is None else volume(t1), None if t2 is None else volume(t2))


def chances_at(*marks: tuple[npt.NDArray[np.bool_], float]) -> npt.NDArray[np.float32]:
    chances = np.zeros(SHAPE, np.float32)
    for mask, chance in marks:
        chances[mask] = chance
    return chances


def hand_made(mask: npt.NDArray[np.bool_], score: float = 0.8) -> Candidate:
    return Candidate(mask, float(mask.sum()) * 3.0, 1.2, score)


def put_together(
    hand: Sequence[Candidate],
    learned: Sequence[LearnedCandidate],
    chances: npt.NDArray[np.float32],
    known: Evidence,
    *,
    white: float = 0.7,
    grid: Grid = GRID,
    params: LearnedParameters = PARAMS,
) -> tuple[Candidate, ...]:
    return join(
        hand,
        learned,
        chances,
        later=volume(1.2, grid),
        evidence=known,
        white_matter_prior=volume(white, grid),
        params=params,
    )


def test_inputs_are_scaled_cut_and_empty_outside_the_brain() -> None:
    brain = np.zeros(SHAPE, bool)
    brain[2:10, 5:35, 5:35] = True
    rise = Subtraction(volume(0.2), volume(), volume(100.0), 0.05)
    channels = detector_inputs(volume(1.3), volume(1.1), rise, brain=brain, white_matter_prior=volume(0.7))
    assert channels.shape == (len(CHANNELS), *SHAPE)
    assert channels[:, 5, 20, 20] == pytest.approx([0.2, 0.6, 1.0, 3.0, 0.7], abs=1e-5)
    assert not channels[:, ~brain].any()


def test_a_finding_needs_chance_size_depth_and_white_matter() -> None:
    brain = np.ones(SHAPE, bool)
    brain[:, :2] = brain[:, -2:] = brain[:, :, :2] = brain[:, :, -2:] = False
    white = volume(0.9)
    sure, faint, small, shallow = box(4, 10, 10), box(4, 10, 25), np.zeros(SHAPE, bool), box(4, 2, 15, 2)
    small[8, 30, 20] = True
    chances = chances_at((sure, 0.95), (faint, 0.4), (small, 0.99), (shallow, 0.99))
    found = learned_candidates(chances, GRID, brain=brain, white_matter_prior=white, params=PARAMS)
    assert len(found) == 1
    assert np.array_equal(found[0].mask, sure)
    assert found[0].peak_chance == pytest.approx(0.95)
    grey = learned_candidates(chances, GRID, brain=brain, white_matter_prior=volume(0.1), params=PARAMS)
    assert grey == ()


def test_agreement_scores_higher_than_either_alone() -> None:
    both, alone, unseen, learned_alone = box(2, 5, 5), box(2, 5, 20), box(2, 25, 5), box(2, 25, 25)
    chances = chances_at((both, 0.97), (alone, 0.4), (learned_alone, 0.97))
    learned = (LearnedCandidate(both, 0.97), LearnedCandidate(learned_alone, 0.97))
    joined = put_together(
        [hand_made(both), hand_made(alone), hand_made(unseen)],
        learned,
        chances,
        evidence(),
        params=replace(PARAMS, minimum_score=0.0),
    )
    assert [np.array_equal(a.mask, b) for a, b in zip(joined, (both, alone, unseen, learned_alone), strict=True)] == [
        True
    ] * 4
    scores = [candidate.score for candidate in joined]
    assert scores[0] > 0.9 > scores[3] > scores[2]
    assert scores[1] == pytest.approx(0.6)
    assert scores[2] == pytest.approx(0.4)
    assert [candidate.disputed for candidate in joined] == [False, True, True, True]
    assert joined[3].volume_mm3 == pytest.approx(32 * 3.0)
    assert joined[3].mean_intensity == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("t1", "t2", "score"),
    [(None, None, 0.95 * 0.7233), (0.0, 2.0, 0.855), (0.0, 0.0, None), (3.0, 2.0, None), (3.0, None, None)],
)
def test_t1_and_t2_confirm_or_refute_what_the_network_alone_finds(
    t1: float | None, t2: float | None, score: float | None
) -> None:
    mask = box(2, 5, 5)
    joined = put_together(
        [],
        [LearnedCandidate(mask, 0.95)],
        chances_at((mask, 0.95)),
        evidence(t1, t2),
    )
    assert [candidate.score for candidate in joined] == ([] if score is None else [pytest.approx(score, abs=1e-3)])


def test_what_scores_too_little_is_dropped() -> None:
    sure, faint, hand, doubtful = box(2, 5, 5), box(2, 5, 20), box(2, 25, 5), box(2, 25, 25)
    joined = put_together(
        [hand_made(hand, 0.95), hand_made(doubtful, 0.6)],
        [LearnedCandidate(sure, 0.95), LearnedCandidate(faint, 0.6)],
        chances_at((sure, 0.95), (faint, 0.6), (hand, 0.4), (doubtful, 0.4)),
        evidence(),
    )
    assert len(joined) == 2
    assert all(np.array_equal(a.mask, b) for a, b in zip(joined, (hand, sure), strict=True))


def test_of_neighbours_in_one_finding_of_the_network_none_is_lost() -> None:
    """The hand-made detector saw one of three that the network's outline joins."""
    seen, left, right = box(5, 16, 20), box(5, 16, 8), box(5, 16, 32)
    bridge = np.zeros(SHAPE, bool)
    bridge[5, 17, 10:34] = True
    both = seen | left | right | bridge
    first, second, third = put_together(
        [hand_made(seen)],
        [LearnedCandidate(both, 0.95)],
        chances_at((both, 0.95)),
        evidence(),
    )
    assert first.mask is seen
    assert left[second.mask].sum() == left.sum()
    assert right[third.mask].sum() == right.sum()
    assert not (second.mask & third.mask).any()
    assert not (seen & (second.mask | third.mask)).any()
    assert (first.disputed, second.disputed, third.disputed) == (False, True, True)


def test_the_rim_of_the_networks_outline_is_no_lesion_of_its_own() -> None:
    seen, wide = box(5, 14, 16, 6), box(5, 12, 14, 10)
    chances = chances_at((wide, 0.95))
    (only,) = put_together([hand_made(seen)], [LearnedCandidate(wide, 0.95)], chances, evidence())
    assert only.mask is seen


@pytest.mark.parametrize(("gap_mm", "reported"), [(1, 1), (5, 2)])
def test_of_one_finding_what_lies_further_than_a_rim_is_wide_is_a_lesion(gap_mm: int, reported: int) -> None:
    seen = box(5, 16, 8)
    both = seen.copy()
    both[5:7, 16:20, 8 : 12 + gap_mm + 4] = True
    chances = chances_at((both, 0.95))
    joined = put_together([hand_made(seen)], [LearnedCandidate(both, 0.95)], chances, evidence())
    assert len(joined) == reported


def test_on_flair_alone_less_is_enough_deep_in_white_matter_than_at_the_cortex() -> None:
    mask = box(2, 5, 5)

    def score(white: float, grid: Grid = GRID) -> float:
        finding, chances = [LearnedCandidate(mask, 0.9)], chances_at((mask, 0.9))
        everything = replace(PARAMS, minimum_score=0.0)
        (only,) = put_together([], finding, chances, evidence(), white=white, grid=grid, params=everything)
        return only.score

    assert [score(1.0), score(0.91)] == pytest.approx([0.9 * 0.75] * 2)
    assert [score(0.29), score(0.2)] == pytest.approx([0.9 * 0.67] * 2)
    assert score(0.2) < PARAMS.minimum_score < score(1.0)
    assert score(0.5) < score(0.7)
    assert score(0.2, THIN) == score(1.0, THIN) == pytest.approx(score(1.0))


def test_what_is_no_network_is_a_defect() -> None:
    with pytest.raises(Defect):
        LearnedModel(b"no network")


@pytest.mark.parametrize(("t2", "chance", "score"), [(2.0, 0.4, 0.76), (2.0, 0.1, 0.4), (None, 0.4, 0.6)])
def test_t2_settles_what_the_hand_made_detector_found_and_the_network_doubts(
    t2: float | None, chance: float, score: float
) -> None:
    mask = box(2, 5, 5)
    (found,) = put_together(
        [hand_made(mask, 0.8)],
        [],
        chances_at((mask, chance)),
        evidence(0.0, t2),
        params=replace(PARAMS, minimum_score=0.0),
    )
    assert found.disputed
    assert found.score == pytest.approx(score)
