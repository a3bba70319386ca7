"""The learned detector that ships with this pipeline, and how it joins the hand-made one.

Without its file the pipeline runs on the hand-made detector alone and says so. The file is read once per process.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from processing.domain.errors import Defect
from processing.domain.imaging import Volume
from processing.pipelines.ms_longitudinal.spec import MODEL_FOLDER, MsLongitudinalParameters
from processing.stages.detect import Candidate, Evidence
from processing.stages.learned import (
    CHANNELS,
    LearnedModel,
    LearnedParameters,
    detector_inputs,
    join,
    learned_candidates,
)

WITHOUT_NETWORK = "The learned detector is not installed: this result is the hand-made detector's alone."


class ModelCard(BaseModel):
    """What `model/card.json` says of the weights beside it, as far as running them depends on it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str
    sha256: str
    channels: tuple[str, ...]


@cache
def installed_network(folder: Path = MODEL_FOLDER) -> LearnedModel | None:
    """Read the network; None where the installation has none.

    Raises
    ------
    Defect
        If the weights are not those that the card describes.
    """
    card_file = folder / "card.json"
    if not card_file.is_file():
        return None
    card = ModelCard.model_validate_json(card_file.read_bytes())
    weights = folder / card.file
    if not weights.is_file():
        return None
    content = weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256 or card.channels != CHANNELS:
        raise Defect("The learned detector's weights are not those that its card describes.")
    return LearnedModel(content)


def with_network(
    network: LearnedModel,
    hand_made: tuple[Candidate, ...],
    *,
    later: Volume,
    earlier: Volume,
    evidence: Evidence,
    brain: npt.NDArray[np.bool_],
    white_matter_prior: Volume,
    params: MsLongitudinalParameters,
) -> tuple[Candidate, ...]:
    """Run the network on what the hand-made detector saw, and join what both found.

    Parameters
    ----------
    network : LearnedModel
    hand_made : tuple of Candidate
    later, earlier : Volume
        Registered and normalised.
    evidence : Evidence
        Of these two.
    brain : ndarray of bool, shape (z, y, x)
    white_matter_prior : Volume
    params : MsLongitudinalParameters
    """
    thresholds = LearnedParameters(
        voxel_chance=params.learned_voxel_chance,
        doubtful_chance=params.learned_doubtful_chance,
        minimum_volume_mm3=params.minimum_volume_mm3,
        inside_mm=params.inside_mm,
        white_matter_prior=params.learned_white_matter_prior,
        t2_minimum_z=params.t2_minimum_z,
        t1_maximum_z=params.t1_maximum_z,
        minimum_score=params.minimum_score,
    )
    chances = network.chances(
        detector_inputs(later, earlier, evidence.rise, brain=brain, white_matter_prior=white_matter_prior)
    )
    learned = learned_candidates(
        chances, later.grid, brain=brain, white_matter_prior=white_matter_prior, params=thresholds
    )

    return join(
        hand_made,
        learned,
        chances,
        later=later,
        evidence=evidence,
        white_matter_prior=white_matter_prior,
        params=thresholds,
    )
