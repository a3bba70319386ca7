from __future__ import annotations

import os
import subprocess
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGExtended12Bit, JPEGLosslessSV1, RLELossless
from scipy.spatial.transform import Rotation

from processing.dicom.read import parse_part10, read_series
from processing.dicom.result import to_part10
from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid, Volume
from tests.unit.dicom.made import enhanced, grid_of, head, instances, require_program, written

GRID = grid_of(shape=(6, 24, 20))


@pytest.fixture
def images(tmp_path: Path) -> list[Dataset]:
    return instances(tmp_path, head(GRID, blobs=[((5.0, -4.0, 2.0), 3.0)]))


def rejected(images: list[Dataset]) -> str:
    with pytest.raises(InputRejected) as caught:
        read_series(images)
    return caught.value.reason


def test_voxels_come_back_in_their_places(images: list[Dataset]) -> None:
    expected = head(GRID, blobs=[((5.0, -4.0, 2.0), 3.0)])
    series = read_series(images[::-1])
    assert series.volume.grid.same_as(GRID)
    np.testing.assert_array_equal(series.volume.array, np.rint(expected.array))


def test_headers_run_along_z_without_pixels(images: list[Dataset]) -> None:
    series = read_series(images[::-1])
    for z, header in enumerate(series.headers):
        np.testing.assert_allclose(
            [float(v) for v in header.ImagePositionPatient], series.volume.grid.index_to_lps((z, 0, 0)), atol=1e-6
        )
        assert "PixelData" not in header
    assert "PixelData" in images[0]
    assert series.geometry.order == tuple(range(6))


def test_rescale_is_applied_per_image(images: list[Dataset]) -> None:
    images[2].RescaleSlope, images[2].RescaleIntercept = "0.5", "-10"
    plain = read_series([image for image in images if "RescaleSlope" not in image][:2]).volume.array
    series = read_series(images).volume.array
    np.testing.assert_array_equal(series[:2], plain)
    stored = images[2].pixel_array.astype(np.float32)
    np.testing.assert_array_equal(series[2], stored * 0.5 - 10)


def test_signed_values_stay_signed(images: list[Dataset]) -> None:
    expected = read_series(images).volume.array - 500
    assert expected.min() < 0
    for image in images:
        image.PixelRepresentation = 1
        image.BitsStored, image.HighBit = 16, 15
        image.PixelData = (image.pixel_array.astype("<i2") - 500).tobytes()
    np.testing.assert_array_equal(read_series(images).volume.array, expected)


@pytest.mark.parametrize("missing", [1, 2, 100])
def test_short_pixel_data_is_refused(images: list[Dataset], missing: int) -> None:
    images[3].PixelData = images[3].PixelData[:-missing]
    assert rejected(images) == "Image 4 of 6 has less pixel data than its header says."


def test_padding_after_the_pixels_is_no_fault(images: list[Dataset]) -> None:
    images[3].PixelData += b"\0\0"
    assert read_series(images).volume.array.shape == GRID.shape


def test_missing_pixel_data_is_refused(images: list[Dataset]) -> None:
    del images[0].PixelData
    assert rejected(images) == "Image 1 of 6 has no pixel data."


def test_a_header_that_claims_gigabytes_is_refused_before_they_are_asked_for(images: list[Dataset]) -> None:
    for image in images:
        image.Rows = image.Columns = 60000
    assert "more than any brain study has" in rejected(images)


def test_colour_is_refused(images: list[Dataset]) -> None:
    images[0].SamplesPerPixel = 3
    assert rejected(images) == "Image 1 of 6 is a colour image."


def test_two_series_are_refused(images: list[Dataset]) -> None:
    images[1].SeriesInstanceUID = "2.25.1"
    assert rejected(images) == "The images belong to more than one series."


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_images_are_decoded(images: list[Dataset], syntax: str) -> None:
    expected = read_series(images).volume.array.copy()
    for image in images:
        if syntax == RLELossless:
            image.compress(RLELossless, generate_instance_uid=False)
        else:
            _compress_by_pillow(image)
    np.testing.assert_array_equal(read_series(images).volume.array, expected)


def _compress_by_pillow(image: Dataset) -> None:
    buffer = BytesIO()
    Image.fromarray(image.pixel_array).save(buffer, format="JPEG2000", irreversible=False, no_jp2=True)
    image.PixelData = encapsulate([buffer.getvalue()])
    image["PixelData"].VR = "OB"
    image.BitsStored, image.HighBit = 16, 15
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless


def test_jpeg_lossless_is_decoded_without_rescale(tmp_path: Path, images: list[Dataset]) -> None:
    require_program("dcmcjpeg")
    expected = read_series(images).volume.array
    compressed = []
    for number, image in enumerate(images):
        plain, small = tmp_path / f"{number}.dcm", tmp_path / f"{number}.jpg.dcm"
        image.RescaleSlope, image.RescaleIntercept = "2", "1"
        plain.write_bytes(to_part10(image))
        subprocess.run(["dcmcjpeg", "+e1", str(plain), str(small)], check=True, capture_output=True)
        compressed.append(small.read_bytes())
    parsed = parse_part10(compressed)
    assert {image.file_meta.TransferSyntaxUID for image in parsed} == {JPEGLosslessSV1}
    np.testing.assert_array_equal(read_series(parsed).volume.array, expected * 2 + 1)


def test_an_unknown_compression_is_named(images: list[Dataset]) -> None:
    images[0].file_meta.TransferSyntaxUID = JPEGExtended12Bit
    images[0].PixelData = encapsulate([b"\xff\xd8 no jpeg"])
    images[0]["PixelData"].VR = "OB"
    assert rejected(images).startswith("The pixel data of image 1 of 6 can't be decoded")


def test_truncated_compressed_data_is_refused(images: list[Dataset]) -> None:
    images[0].compress(RLELossless, generate_instance_uid=False)
    images[0].PixelData = images[0].PixelData[: len(images[0].PixelData) // 2]
    assert "can't be decoded" in rejected(images)


def test_a_multi_frame_image_is_read_like_its_frames(images: list[Dataset]) -> None:
    expected = read_series(images).volume
    series = read_series([enhanced(images[::-1])])
    assert series.volume.grid.same_as(expected.grid)
    np.testing.assert_array_equal(series.volume.array, expected.array * 2 - 5)
    assert len(series.headers) == 1
    assert series.geometry.order == (5, 4, 3, 2, 1, 0)


def test_a_short_multi_frame_image_is_refused(images: list[Dataset]) -> None:
    image = enhanced(images)
    image.PixelData = image.PixelData[:-960]
    assert rejected([image]) == "Image 1 of 1 has less pixel data than its header says."


def test_bytes_that_are_no_dicom_are_refused(tmp_path: Path) -> None:
    good = written(tmp_path, head(GRID))[0].read_bytes()
    with pytest.raises(InputRejected, match="Image 2 of the series is not readable as DICOM"):
        parse_part10([good, b"GIF89a" + b"\0" * 500])


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_file_that_ends_early_never_becomes_a_volume(tmp_path: Path, part: float) -> None:
    files = [path.read_bytes() for path in written(tmp_path, head(GRID))]
    files[2] = files[2][: int(len(files[2]) * part)]
    with pytest.raises(InputRejected):
        read_series(parse_part10(files))


def dcm2niix_grid(folder: Path, out: Path) -> tuple[Grid, npt.NDArray[np.int32]]:
    """Convert a folder of DICOM files by dcm2niix, an independent implementation, and return what it says."""
    require_program("dcm2niix")
    subprocess.run(["dcm2niix", "-z", "n", "-f", "image", "-o", str(out), str(folder)], check=True, capture_output=True)
    image = nib.load(next(out.glob("*.nii")))
    assert isinstance(image, nib.Nifti1Image)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    array = np.asarray(image.dataobj).astype(np.int32).transpose(2, 1, 0)
    return Grid((array.shape[0], array.shape[1], array.shape[2]), affine[:, [2, 1, 0, 3]]), array


def _same_image(folder: Path, out: Path) -> None:
    series = read_series(parse_part10(path.read_bytes() for path in sorted(folder.glob("*.dcm"))))
    other, array = dcm2niix_grid(folder, out)
    mine = series.volume.grid
    generator = np.random.default_rng(3)
    # The other program may flip axes, so places are compared, not indices.
    index = generator.integers(0, np.array(mine.shape), size=(200, 3))
    theirs = other.lps_to_index(mine.index_to_lps(index))
    np.testing.assert_allclose(theirs, np.rint(theirs), atol=5e-3)
    z, y, x = np.rint(theirs).astype(int).T
    np.testing.assert_array_equal(array[z, y, x], series.volume.array[tuple(index.T)])


def test_dcm2niix_sees_a_scanner_s_series_at_the_same_place(tmp_path: Path) -> None:
    paths = written(tmp_path / "in", head(GRID, blobs=[((5.0, -4.0, 2.0), 3.0)]))
    (tmp_path / "out").mkdir()
    _same_image(paths[0].parent, tmp_path / "out")


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial"])
@pytest.mark.parametrize("degrees", [(0, 0, 0), (23, -17, 11), (40, 35, -28)])
def test_dcm2niix_sees_an_oblique_series_with_gaps_at_the_same_place(
    tmp_path: Path, plane: str, degrees: tuple[int, int, int]
) -> None:
    # Columns: along which LPS axes slice, row and column increase.
    axes = {
        "axial": [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
        "coronal": [[0, 0, 1], [1, 0, 0], [0, -1, 0]],
        "sagittal": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    }
    turned = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() @ np.array(axes[plane], float)
    grid = Grid.from_axes((9, 40, 32), origin_mm=(13.0, -41.5, 27.25), spacing_mm=(4.6, 1.25, 1.5), directions=turned)
    scan = Volume(np.random.default_rng(8).integers(0, 900, grid.shape).astype(np.float32), grid)
    paths = written(tmp_path / "in", scan)
    for number, path in enumerate(paths):
        image = dcmread(path)
        # A gap between the slices, and an order that says nothing of their places.
        image.SliceThickness, image.InstanceNumber = "3.5", str(1 + (number * 4) % len(paths))
        image.save_as(path)
    (tmp_path / "out").mkdir()
    _same_image(paths[0].parent, tmp_path / "out")
    read = read_series(parse_part10(path.read_bytes() for path in paths)).volume
    assert max(read.grid.spacing_mm) == pytest.approx(4.6, abs=1e-3)


@pytest.mark.real_data
def test_dcm2niix_sees_a_real_series_at_the_same_place(tmp_path: Path) -> None:
    data = Path(os.environ.get("INTERVAL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
    folder = data / "t1-dicom"
    if not folder.is_dir():
        pytest.fail("the shared data is missing") if os.environ.get("CI") else pytest.skip("shared data is absent")
    _same_image(folder, tmp_path)
