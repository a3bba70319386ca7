"""The brain in scans of a patient with a glioma: slices of 5.5 mm, a bright scalp, the top of the head cut off."""

from __future__ import annotations

import os

import numpy as np
import pytest

from processing.stages.atlas import load_atlas
from processing.stages.brain import BrainParameters, align_with_atlas, extract_brain
from processing.stages.resample import reorient
from validation.real_pairs import data_folder, read_image

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize("contrast", ["flair", "t2"])
def test_the_atlas_lies_on_the_brain_and_not_on_the_scalp(contrast: str) -> None:
    data = data_folder()
    if data is None:
        reason = "INTERVAL_DATA names no folder with the glioma patient"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    scan, params = reorient(read_image(data / "glioma-tcia" / f"{contrast}.nii.gz")), BrainParameters()
    alignment = align_with_atlas(scan, load_atlas(), params=params)
    assert 0.75 < 1.0 / np.linalg.det(alignment.to_atlas[:3, :3]) < 1.0
    brain = extract_brain(scan, load_atlas(), alignment, params=params)
    assert 1200 < float(brain.array.sum()) * brain.grid.voxel_volume_mm3 / 1000 < 2100
