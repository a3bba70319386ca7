from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813 - the library's own abbreviation

from processing.dicom import formats
from processing.dicom.objects import to_part10
from processing.dicom.provenance import Provenance
from processing.domain.tumour import TumourLabel
from processing.stages.atlas import read_template
from processing.stages.itk_images import from_itk
from processing.worker.atlas_space import main
from tests.unit.dicom.tumour_made import CENTRE_MM, made_tumour

PROVENANCE = Provenance("tumour_volumetry", "0.1.0", "Brain tumour volumes", seed="job-1")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def files(study: Path) -> list[bytes]:
    """The objects of a draft; T1C's own images lie in the folder of the study."""
    made = made_tumour(study)
    return [to_part10(item.dataset) for item in formats.write(made.images, made.result, PROVENANCE)]


def put(files: list[bytes], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(content)
    (folder / "notes.txt").write_text("no DICOM")
    return folder


def middle_mm(file: Path, label: int) -> npt.NDArray[np.float64]:
    volume = from_itk(sitk.ReadImage(str(file)))
    middle: npt.NDArray[np.float64] = volume.grid.index_to_lps(np.argwhere(volume.array == label)).mean(axis=0)
    return middle


def test_a_tumour_lies_where_the_affine_map_says_in_both_spaces(
    study: Path, files: list[bytes], tmp_path: Path
) -> None:
    put(files, study)
    out = tmp_path / "out"
    assert main([str(study), str(out)]) == 0
    names = {"T1.nii.gz", "T1C.nii.gz", "T2.nii.gz", "FLAIR.nii.gz", "tumour.nii.gz"}
    assert {path.name for path in (out / "native").iterdir()} == names
    assert {path.name for path in (out / "atlas").iterdir()} == names
    to_atlas = np.loadtxt(out / "to_atlas.txt")
    expected = to_atlas[:3, :3] @ np.array(CENTRE_MM) + to_atlas[:3, 3]
    assert expected == pytest.approx([13.6, 1.92, 5.04], abs=1e-3)
    assert middle_mm(out / "native" / "tumour.nii.gz", TumourLabel.CORE) == pytest.approx(CENTRE_MM, abs=1.0)
    assert middle_mm(out / "atlas" / "tumour.nii.gz", TumourLabel.CORE) == pytest.approx(expected, abs=1.0)
    atlas = from_itk(sitk.ReadImage(str(out / "atlas" / "FLAIR.nii.gz")))
    assert atlas.grid.same_as(read_template()[0].grid, tolerance_mm=1e-3)
    index = np.rint(atlas.grid.lps_to_index(expected)).astype(int)
    assert atlas.array[tuple(index)] > 1.2 * np.median(atlas.array[atlas.array > 0])


def test_two_results_or_missing_images_are_refused(
    files: list[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = put(files, tmp_path / "alone")
    assert main([str(alone), str(tmp_path / "out")]) == 2
    assert "lacks the T1C images" in capsys.readouterr().err
    put(files, alone / "again")
    assert main([str(alone), str(tmp_path / "out")]) == 2
    assert "holds 2 results" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
