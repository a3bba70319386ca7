"""Two real patients, sent as DICOM through the whole system; the result is read back from the PACS."""

from __future__ import annotations

import os

import numpy as np
import pytest

from demo.studies import studies_from_folder
from processing.domain.case import CaseState
from processing.domain.imaging import Grid
from tests.e2e.hospital import Hospital
from tests.e2e.objects import segments_at
from validation.metrics import FOUND_OVERLAP
from validation.real_pairs import LONGITUDINAL_PATIENTS, data_folder, read_pair, true_change


@pytest.mark.real_data
@pytest.mark.parametrize("patient", LONGITUDINAL_PATIENTS)
def test_the_largest_new_lesion_is_in_the_right_place(
    patient: str, hospital: Hospital, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = data_folder()
    if folder is None:
        assert not os.environ.get("CI"), "CI has the real data beside the checkout"
        pytest.skip("the real data are not here (INTERVAL_DATA)")
    prior, current = studies_from_folder(folder / "ms-longitudinal" / patient, tmp_path_factory.mktemp(patient), print)
    hospital.send(prior.files)
    hospital.send(current.files)
    ready = hospital.wait(current.patient_id, CaseState.READY_FOR_REVIEW, study_date=current.study_date)
    hospital.sign_all(ready)
    hospital.wait(current.patient_id, CaseState.ARCHIVED, study_date=current.study_date)

    pair = read_pair(folder, patient)
    truth = true_change(pair)
    sizes = np.bincount(truth.increases.ravel())
    sizes[0] = 0
    points = _in_current_scan(truth.increases == sizes.argmax(), truth.grid, pair.current_from_common)
    marked = segments_at(hospital.in_pacs(current.study_instance_uid), points) > 0
    assert marked.mean() >= max(FOUND_OVERLAP, 0.3)


def _in_current_scan(
    mask: np.typing.NDArray[np.bool_], grid: Grid, current_from_common: np.typing.NDArray[np.float64]
) -> np.typing.NDArray[np.float64]:
    """LPS points of a mask's voxels in the current FLAIR as it was scanned."""
    points = grid.index_to_lps(np.argwhere(mask))
    moved: np.typing.NDArray[np.float64] = points @ current_from_common[:3, :3].T + current_from_common[:3, 3]
    return moved
