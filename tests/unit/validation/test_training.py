"""What training is made of, as far as it needs no PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.domain.imaging import RigidTransform
from processing.stages.atlas import load_atlas
from processing.stages.learned import CHANNELS
from processing.stages.resample import isotropic
from validation.lesion_shapes import rounded_shape
from validation.training.backgrounds import Background
from validation.training.content import ContentParameters, draw, tube
from validation.training.corpus import own_changes, write
from validation.training.simulate import BACKGROUND, IGNORED, LESION, Example, SimulationParameters, simulate
from validation.training.sources import PATIENTS, sources

SHAPES = [rounded_shape(np.random.default_rng(number)) for number in range(6)]
PARAMS = SimulationParameters(content=ContentParameters(lesions=12, mimics=6))


@pytest.fixture(scope="module")
def background() -> Background:
    """The atlas as a head of its own, twice, with one known increase."""
    atlas = load_atlas()
    head, white, brain = (isotropic(volume, 3.0) for volume in (atlas.t1, atlas.white_matter, atlas.brain))
    generator = np.random.default_rng(0)
    noise = generator.normal(0.0, 3.0, (2, *head.grid.shape)).astype(np.float32)
    visits = [head.with_array(np.where(brain.array > 0.5, 60.0 + 90.0 * white.array + n, 5.0)) for n in noise]
    known = np.zeros(head.grid.shape, np.int32)
    at = np.argwhere(white.array > 0.95)[500]
    known[at[0] : at[0] + 2, at[1] : at[1] + 2, at[2] : at[2] + 2] = 1
    return Background(
        name="atlas",
        now=visits[0].with_array(visits[0].array.astype(np.float32)),
        before=visits[1].with_array(visits[1].array.astype(np.float32)),
        transform=RigidTransform.identity(),
        brain=brain.with_array((brain.array > 0.5).astype(np.float32)),
        to_atlas=np.eye(4),
        rises=known,
        falls=np.zeros_like(known),
        marked=known > 0,
    )


def make(background: Background, seed: int) -> tuple[Example, Example]:
    return simulate(background, SHAPES, generator=np.random.default_rng(seed), params=PARAMS)


@pytest.fixture(scope="module")
def examples(background: Background) -> tuple[Example, Example]:
    return make(background, 1)


def test_the_same_seed_gives_the_same_examples_and_another_seed_others(
    background: Background, examples: tuple[Example, Example]
) -> None:
    for once, again in zip(examples, make(background, 1), strict=True):
        assert np.array_equal(once.channels, again.channels)
        assert np.array_equal(once.labels, again.labels)
    assert not np.array_equal(examples[0].labels, make(background, 2)[0].labels)


def test_what_is_labelled_a_lesion_rises_in_its_order_of_time(examples: tuple[Example, Example]) -> None:
    for example in examples:
        lesion = example.labels == LESION
        assert lesion.sum() > 5
        assert set(np.unique(example.labels)) == {BACKGROUND, LESION, IGNORED}
        difference = example.channels[CHANNELS.index("difference")]
        assert float(difference[lesion].mean()) > 0.4
        assert abs(float(difference[example.labels == BACKGROUND].mean())) < 0.2


def test_reversing_time_reverses_the_difference(examples: tuple[Example, Example]) -> None:
    forwards, backwards = (example.channels[CHANNELS.index("difference")] for example in examples)
    assert np.array_equal(forwards, -backwards)
    prior, current = CHANNELS.index("prior"), CHANNELS.index("current")
    assert np.array_equal(examples[0].channels[prior], examples[1].channels[current])


def test_each_lesion_has_its_fate_and_mimics_stay_out_of_white_matter(background: Background) -> None:
    content = draw(background, SHAPES, generator=np.random.default_rng(3), params=PARAMS.content)
    now, before = ({id(lesion) for lesion in lesions} for lesions in (content.now, content.before))
    assert {id(lesion) for lesion in content.risen} <= now
    assert {id(lesion) for lesion in content.fallen} <= before
    mimics = draw(
        background,
        SHAPES,
        generator=np.random.default_rng(3),
        params=ContentParameters(lesions=0, mimics=10),
    )
    assert mimics.risen == mimics.fallen == ()
    places = [mimic.centre_mm for mimic in (*mimics.now, *mimics.before)]
    assert len(places) == 10
    index = np.round(background.now.grid.lps_to_index(np.array(places))).astype(int)
    assert float(background.white_matter.array[tuple(index.T)].max()) < 0.05


def test_a_tube_is_longer_than_wide() -> None:
    vessel = tube(np.random.default_rng(0))
    extent = np.ptp(np.argwhere(vessel.field >= vessel.level), axis=0)
    assert extent[2] > 3 * extent[0]


def test_known_changes_give_their_shapes(background: Background) -> None:
    assert [shape.volume_mm3 for shape in own_changes(background)] == pytest.approx([8 * 27.0], rel=0.1)


def test_examples_of_patients_that_are_left_out_take_no_part(tmp_path: Path) -> None:
    example = Example(np.zeros((5, 2, 2, 2), np.float16), np.zeros((2, 2, 2), np.uint8))
    names = [f"{patient}-000-0" for patient in PATIENTS] + ["thick-patient07-3-000-1", "phantom-1000-000-0"]
    for name in names:
        write(tmp_path / name, example)
    everything = [stem.name for source in sources(tmp_path) for stem in source.examples]
    assert sorted(everything) == sorted(names)
    kept = [stem.name for source in sources(tmp_path, ("patient01", "patient07")) for stem in source.examples]
    assert sorted(kept) == ["patient12-000-0", "patient26-000-0", "phantom-1000-000-0"]
