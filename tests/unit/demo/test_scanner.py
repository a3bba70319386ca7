from __future__ import annotations

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from scipy.spatial.transform import Rotation

from demo.nifti import read_nifti, read_nifti_visits
from demo.scanner import (
    DEMO_PATIENT,
    DEMO_SCANNERS,
    demo_visit,
    find_dicom_files,
    in_scanner_planes,
    write_study,
)
from processing.dicom.geometry import series_geometry
from processing.dicom.read import parse_part10, read_series
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from processing.domain.study import SeriesRole
from tests.unit.dicom.made import dciodvfy_errors, grid_of, head

ROLES = (SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2)


def study(folder: Path, visit: int = 0) -> dict[str, list[Dataset]]:
    """Write a study of three contrasts; its series by description."""
    images = dict.fromkeys(ROLES, head(grid_of(shape=(5, 20, 16))))
    made = write_study(folder, images, patient=DEMO_PATIENT, study=demo_visit(visit), scanner=DEMO_SCANNERS[visit])
    series: dict[str, list[Dataset]] = {}
    for path in made.files:
        image = dcmread(path)
        assert image.StudyInstanceUID == made.study_instance_uid
        series.setdefault(str(image.SeriesDescription), []).append(image)
    return series


def test_a_study_has_a_localizer_and_a_series_per_contrast(tmp_path: Path) -> None:
    series = study(tmp_path)
    assert list(series) == ["localizer", "t2_tirm_tra_dark-fluid", "t1_se_tra", "t2_tse_tra"]
    assert [len(images) for images in series.values()] == [9, 5, 5, 5]
    images = [image for images in series.values() for image in images]
    assert len({image.SOPInstanceUID for image in images}) == len(images)
    assert len({image.SeriesInstanceUID for image in images}) == 4
    assert len({image.FrameOfReferenceUID for image in images}) == 1


def test_the_localizer_is_no_volume(tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="3 different orientations"):
        series_geometry(study(tmp_path)["localizer"])


def test_headers_tell_the_contrasts_apart(tmp_path: Path) -> None:
    series = study(tmp_path)
    flair, t1, t2 = (series[name][0] for name in ("t2_tirm_tra_dark-fluid", "t1_se_tra", "t2_tse_tra"))
    assert (list(flair.ScanningSequence), float(flair.InversionTime)) == (["SE", "IR"], 2500.0)
    assert "InversionTime" not in t1
    assert float(t1.RepetitionTime) < 1000 < float(t2.RepetitionTime)
    assert float(t1.EchoTime) < 30 < float(t2.EchoTime)


def test_the_two_visits_are_one_patient_on_two_scanners(tmp_path: Path) -> None:
    first, second = (next(iter(study(tmp_path / str(n), n).values()))[0] for n in (0, 1))
    assert (first.PatientID, first.PatientName) == (second.PatientID, second.PatientName)
    assert first.StudyInstanceUID != second.StudyInstanceUID
    assert first.StudyDate < second.StudyDate
    assert first.Manufacturer != second.Manufacturer


def test_the_same_study_twice_is_the_same(tmp_path: Path) -> None:
    for number in (1, 2):
        study(tmp_path / str(number))
    one, two = (sorted((tmp_path / number).rglob("*.dcm")) for number in ("1", "2"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    study(tmp_path)
    for folder in sorted(tmp_path.iterdir()):
        assert dciodvfy_errors(next(folder.glob("*.dcm"))) == []


_ORDERS = list(itertools.permutations(range(3)))


@given(st.sampled_from(_ORDERS), st.tuples(*[st.sampled_from((-1, 1))] * 3), st.integers(0, 10**6))
@settings(max_examples=60)
def test_turning_into_scanner_planes_moves_no_voxel(order: tuple[int, ...], signs: tuple[int, ...], seed: int) -> None:
    axes = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        axes[axis, column] = sign
    generator = np.random.default_rng(seed)
    directions = Rotation.from_rotvec(generator.normal(size=3) * 0.3).as_matrix() @ axes
    grid = Grid.from_axes((4, 5, 6), origin_mm=(1, 2, 3), spacing_mm=(1.1, 0.9, 3.0), directions=directions)
    volume = Volume(generator.uniform(1, 9, size=grid.shape).astype(np.float32), grid)
    turned = in_scanner_planes(volume)
    index = np.argwhere(np.ones(turned.grid.shape, dtype=bool))
    source = np.rint(grid.lps_to_index(turned.grid.index_to_lps(index))).astype(int)
    np.testing.assert_array_equal(turned.array.ravel(), volume.array[tuple(source.T)])
    # Slices are the thick axis.
    assert turned.grid.spacing_mm[0] == pytest.approx(3.0)


def test_a_sheared_image_is_refused() -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    with pytest.raises(InputRejected, match="not perpendicular"):
        in_scanner_planes(Volume(np.ones((3, 3, 3), dtype=np.float32), Grid((3, 3, 3), affine)))


def saved(path: Path, shape: tuple[int, ...] = (7, 8, 5)) -> nib.Nifti1Image:
    """An oblique NIfTI image of whole numbers."""
    turn = Rotation.from_euler("xyz", [12, -7, 20], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array([1.0, 1.25, 4.0])
    affine[:3, 3] = (-30, 12, 5)
    array = np.random.default_rng(2).integers(0, 3000, size=shape).astype(np.int16)
    image = nib.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]  # nibabel has no types here
    nib.save(image, path)
    return image


def test_an_oblique_nifti_image_keeps_its_place_through_dicom(tmp_path: Path) -> None:
    image = saved(tmp_path / "image.nii.gz")
    made = write_study(
        tmp_path / "dicom",
        {SeriesRole.FLAIR: read_nifti(tmp_path / "image.nii.gz")},
        patient=DEMO_PATIENT,
        study=demo_visit(0),
        scanner=DEMO_SCANNERS[0],
    )
    flair = [path for path in made.files if "FLAIR" in str(path)]
    volume = read_series(parse_part10(path.read_bytes() for path in flair)).volume
    data = np.asarray(image.dataobj)
    for i, j, k in itertools.product((0, 3, 6), (0, 7), (0, 2, 4)):
        ras = image.affine @ [i, j, k, 1]
        z, y, x = np.rint(volume.grid.lps_to_index([-ras[0], -ras[1], ras[2]])).astype(int)
        np.testing.assert_allclose(volume.grid.index_to_lps((z, y, x)), [-ras[0], -ras[1], ras[2]], atol=1e-4)
        assert volume.array[z, y, x] == data[i, j, k]


def test_a_folder_of_two_visits(tmp_path: Path) -> None:
    for name in ("study1_FLAIR", "study1_T1W", "study2_FLAIR", "study2_T2W"):
        saved(tmp_path / f"{name}.nii.gz")
    baseline, followup = read_nifti_visits(tmp_path)
    assert set(baseline) == {SeriesRole.FLAIR, SeriesRole.T1}
    assert set(followup) == {SeriesRole.FLAIR, SeriesRole.T2}


def test_a_folder_without_flair_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "study1_FLAIR.nii.gz")
    with pytest.raises(InputRejected, match=r"no study2_FLAIR\.nii\.gz"):
        read_nifti_visits(tmp_path)


def test_what_is_no_nifti_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.nii.gz"
    path.write_bytes(b"not an image")
    with pytest.raises(InputRejected, match="not readable as NIfTI"):
        read_nifti(path)
    saved(path, (4, 4, 4, 2))
    with pytest.raises(InputRejected, match="no three-dimensional image"):
        read_nifti(path)


def test_files_that_are_no_dicom_are_told_apart(tmp_path: Path) -> None:
    study(tmp_path / "study")
    (tmp_path / "study" / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / "study" / "empty.dcm").touch()
    dicom, others = find_dicom_files(tmp_path)
    assert len(dicom) == 24
    assert sorted(path.name for path in others) == ["empty.dcm", "notes.txt"]


@pytest.mark.parametrize("scale", [0.01, 1.0, 1000.0])
def test_any_range_of_intensities_can_be_written(tmp_path: Path, scale: float) -> None:
    volume = head(grid_of(shape=(5, 20, 16)))
    volume = volume.with_array(volume.array * scale)
    made = write_study(
        tmp_path,
        {SeriesRole.FLAIR: volume},
        patient=DEMO_PATIENT,
        study=demo_visit(0),
        scanner=DEMO_SCANNERS[0],
    )
    flair = [path for path in made.files if "FLAIR" in str(path)]
    read = read_series(parse_part10(path.read_bytes() for path in flair)).volume.array
    np.testing.assert_allclose(read / read.max(), volume.array / volume.array.max(), atol=2e-3)
