"""Where the images of a series lie in the patient.

Only Image Position (Patient), Image Orientation (Patient) and Pixel Spacing count (PS3.3 C.7.6.2.1.1); the order
of files, instance numbers and slice thickness don't. Classic images carry them at the top level, enhanced
multi-frame images in their functional groups (PS3.3 C.7.6.16.2). Pixels are not needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from processing.domain.errors import InputRejected
from processing.domain.imaging import Grid

FloatArray = npt.NDArray[np.float64]

ORIENTATION_TOLERANCE = 1e-3
"""Largest difference of a direction cosine: at the edge of a 250 mm field of view an eighth of a millimetre."""

GAP_TOLERANCE = 0.05
"""Largest deviation of a gap between slices from the usual one, as a part of it: scanners round positions, but a
missing slice doubles the gap."""

POSITION_TOLERANCE_MM = 0.1
"""Largest distance of a slice from its place in a straight, even stack: a tenth of a small voxel."""

READ_BACK_TOLERANCE_MM = POSITION_TOLERANCE_MM + 0.01
"""Largest distance of what was written for a grid from the grid that it is read onto. Objects carry the positions of
their source images, so whatever is let in must come back; the hundredth of a millimetre is for decimal strings."""

SPACING_TOLERANCE_MM = 1e-3
"""Largest difference of the pixel spacing between images of one series: rounding of decimal strings."""


class SlicesMissing(InputRejected):
    """The stack has holes, or is a single slice: further images may make it whole."""


@dataclass(frozen=True)
class Frame:
    """One two-dimensional image: its place and the number of its header and of its frame in that header."""

    header: int
    frame: int
    rows: int
    columns: int
    position_mm: FloatArray
    orientation: FloatArray
    pixel_spacing_mm: FloatArray


@dataclass(frozen=True, eq=False)
class SeriesGeometry:
    """The lattice of a series and the way from it to the images.

    Parameters
    ----------
    grid : Grid
        Index z increases along the cross product of the row and column directions.
    order : tuple of int
        For each slice along z the number of its image among all images of the series: classic images in the order
        of the headers, multi-frame images frame by frame.
    frames : tuple of Frame
        The images along z.
    """

    grid: Grid
    order: tuple[int, ...]
    frames: tuple[Frame, ...]


def series_geometry(headers: Sequence[Dataset]) -> SeriesGeometry:
    """Find the lattice of voxels that the images of one series form.

    Parameters
    ----------
    headers : sequence of Dataset
        Every instance of the series, in any order; pixels are not looked at.

    Raises
    ------
    InputRejected
        If the images don't form one even, gapless stack of at least two slices; the reason says what is wrong and
        where. `SlicesMissing` when further images could make it one.
    """
    frames = list(_frames(headers))
    if not frames:
        raise InputRejected("The series holds no image.")
    if len(frames) == 1:
        raise SlicesMissing("The series holds a single slice, which is not a volume.")
    _require_one_multi_frame_image(headers)
    _require_one_size(frames)
    normal = _common_normal(frames)
    positions = np.array([frame.position_mm for frame in frames])
    depth_mm = positions @ normal
    order = np.argsort(depth_mm, kind="stable")
    _require_even_gaps(depth_mm[order])
    step = _slice_step(positions[order], normal)
    first = frames[int(order[0])]
    mean_position = positions[order[0]]
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = first.orientation[3:] * first.pixel_spacing_mm[0]
    affine[:3, 2] = first.orientation[:3] * first.pixel_spacing_mm[1]
    affine[:3, 3] = mean_position
    grid = Grid((len(frames), first.rows, first.columns), affine)
    return SeriesGeometry(grid, tuple(int(i) for i in order), tuple(frames[int(i)] for i in order))


def _frames(headers: Sequence[Dataset]) -> Iterator[Frame]:
    for number, header in enumerate(headers):
        rows, columns = header.get("Rows"), header.get("Columns")
        if not rows or not columns:
            raise InputRejected("An object of the series is no image: it has no rows and columns.")
        per_frame = header.get("PerFrameFunctionalGroupsSequence")
        if per_frame is None:
            yield _frame(number, 0, header, position=header, orientation=header, measures=header)
            continue
        shared = (header.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        for index, groups in enumerate(per_frame):
            yield _frame(
                number,
                index,
                header,
                position=functional_group("PlanePositionSequence", groups, shared),
                orientation=functional_group("PlaneOrientationSequence", groups, shared),
                measures=functional_group("PixelMeasuresSequence", groups, shared),
            )


def functional_group(keyword: str, groups: Dataset, shared: Dataset) -> Dataset:
    """Return a frame's functional group macro, which all frames may share; empty when there is none."""
    for source in (groups, shared):
        items = source.get(keyword)
        if items:
            item: Dataset = items[0]
            return item
    return Dataset()


def _frame(
    number: int, index: int, header: Dataset, *, position: Dataset, orientation: Dataset, measures: Dataset
) -> Frame:
    place = _numbers(position, "ImagePositionPatient", 3)
    axes = _numbers(orientation, "ImageOrientationPatient", 6)
    spacing = _numbers(measures, "PixelSpacing", 2)
    lengths = np.linalg.norm(axes.reshape(2, 3), axis=1)
    if np.abs(lengths - 1).max() > ORIENTATION_TOLERANCE or abs(axes[:3] @ axes[3:]) > ORIENTATION_TOLERANCE:
        raise InputRejected("The orientation of an image is not a pair of perpendicular unit vectors.")
    if spacing.min() <= 0:
        raise InputRejected("The pixel spacing of an image is not positive.")
    return Frame(number, index, int(header.Rows), int(header.Columns), place, axes, spacing)


_WORDS = {
    "ImagePositionPatient": "position",
    "ImageOrientationPatient": "orientation",
    "PixelSpacing": "pixel spacing",
}


def _numbers(source: Dataset, keyword: str, count: int) -> FloatArray:
    value = source.get(keyword)
    try:
        numbers = np.array([float(number) for number in value], dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise InputRejected(f"The series has no usable geometry: an image lacks its {_WORDS[keyword]}.")
    return numbers


def _require_one_multi_frame_image(headers: Sequence[Dataset]) -> None:
    """A segmentation can refer to many classic images or to one multi-frame image (PS3.3 C.8.20), not to several."""
    multi_frame = sum("PerFrameFunctionalGroupsSequence" in header for header in headers)
    if multi_frame and len(headers) > 1:
        raise InputRejected(
            f"The series is spread over {len(headers)} objects, {multi_frame} of them multi-frame images; "
            "only classic images or one multi-frame image can be measured."
        )


def _require_one_size(frames: Sequence[Frame]) -> None:
    sizes = Counter((frame.rows, frame.columns) for frame in frames)
    if len(sizes) > 1:
        listed = ", ".join(f"{rows} x {columns} ({n})" for (rows, columns), n in sizes.most_common(3))
        raise InputRejected(f"The images of the series differ in size: {listed}.")
    spacings = np.array([frame.pixel_spacing_mm for frame in frames])
    if np.ptp(spacings, axis=0).max() > SPACING_TOLERANCE_MM:
        low, high = spacings.min(), spacings.max()
        raise InputRejected(f"The images of the series differ in pixel spacing: {low:.3f} to {high:.3f} mm.")


def _common_normal(frames: Sequence[Frame]) -> FloatArray:
    orientations: list[FloatArray] = []
    for frame in frames:
        if all(np.abs(frame.orientation - known).max() > ORIENTATION_TOLERANCE for known in orientations):
            orientations.append(frame.orientation)
    if len(orientations) > 1:
        raise InputRejected(f"The series mixes images in {len(orientations)} different orientations.")
    normal = np.cross(orientations[0][:3], orientations[0][3:])
    return np.asarray(normal / np.linalg.norm(normal), dtype=np.float64)


def _require_even_gaps(depth_mm: FloatArray) -> None:
    """Check the sorted distances of the slices from the origin along the normal, in millimetres."""
    gaps = np.diff(depth_mm)
    repeated = int((gaps < POSITION_TOLERANCE_MM).sum())
    if repeated:
        images = "1 image lies" if repeated == 1 else f"{repeated} images lie"
        raise InputRejected(
            f"{images} at the position of another: the series holds several echoes, time points or copies."
        )
    usual = float(np.median(gaps))
    # A median between a single and a doubled gap is no gap that exists.
    usual = float(gaps[np.abs(gaps - usual).argmin()])
    wide = [(float(depth_mm[i]), float(gap)) for i, gap in enumerate(gaps) if abs(gap / usual - 1) > GAP_TOLERANCE]
    if not wide:
        return
    missing = [(depth, round(gap / usual) - 1) for depth, gap in wide]
    whole = all(abs(gap / usual - round(gap / usual)) <= 2 * GAP_TOLERANCE for _, gap in wide)
    if whole and all(count > 0 for _, count in missing):
        total = sum(count for _, count in missing)
        places = "; ".join(f"{count} after {depth:.1f} mm" for depth, count in missing[:5])
        if len(missing) > 5:
            places = f"{places} and at {len(missing) - 5} further places"
        verb = "slice is" if total == 1 else "slices are"
        raise SlicesMissing(f"{total} {verb} missing: {places} (slices are {usual:.2f} mm apart).")
    raise SlicesMissing(
        f"The gaps between slices are uneven: from {gaps.min():.2f} to {gaps.max():.2f} mm, "
        f"first after {wide[0][0]:.1f} mm."
    )


def _slice_step(positions: FloatArray, normal: FloatArray) -> FloatArray:
    """Return the vector from one slice to the next; sorted positions, shape (n, 3), in millimetres."""
    count = len(positions)
    step = normal * float((positions[-1] - positions[0]) @ normal) / (count - 1)
    expected = positions[0] + np.arange(count)[:, None] * step
    off = np.linalg.norm(positions - expected, axis=1)
    if off.max() > POSITION_TOLERANCE_MM:
        raise InputRejected(
            f"The slices are not stacked straight: a slice lies {off.max():.2f} mm beside its place in the stack."
        )
    return np.asarray(step, dtype=np.float64)
