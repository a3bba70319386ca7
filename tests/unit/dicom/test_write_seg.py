from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from processing.dicom.read import parse_part10
from processing.dicom.result import to_part10
from processing.dicom.write_seg import read_segmentation, write_segmentation
from processing.domain.errors import Defect, InputRejected
from processing.domain.imaging import Grid, LabelMap
from tests.unit.dicom.made import PROVENANCE, Comparison, dciodvfy_errors


def test_a_segmentation_comes_back_as_it_was(compared: Comparison) -> None:
    result = compared.result
    dataset = write_segmentation(compared.current, result.lesion_map, result.lesions, PROVENANCE)
    assert dataset is not None
    (stored,) = parse_part10([to_part10(dataset)])
    read = read_segmentation(stored, compared.current.volume.grid)
    np.testing.assert_array_equal(read.array, result.lesion_map.array)


def test_it_lies_on_the_frames_of_a_multi_frame_image(compared_multi_frame: Comparison) -> None:
    made = compared_multi_frame
    dataset = write_segmentation(made.current, made.result.lesion_map, made.result.lesions, PROVENANCE)
    assert dataset is not None
    read = read_segmentation(dataset, made.current.volume.grid)
    np.testing.assert_array_equal(read.array, made.result.lesion_map.array)
    # The frame that a segment's frame was derived from shows the same place.
    positions = made.current.headers[0].PerFrameFunctionalGroupsSequence
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        expected = positions[int(source.ReferencedFrameNumber) - 1].PlanePositionSequence[0].ImagePositionPatient
        assert groups.PlanePositionSequence[0].ImagePositionPatient == expected


def test_each_frame_names_the_image_of_its_place(compared: Comparison) -> None:
    dataset = write_segmentation(compared.current, compared.result.lesion_map, compared.result.lesions, PROVENANCE)
    assert dataset is not None
    positions = {str(header.SOPInstanceUID): header.ImagePositionPatient for header in compared.current.headers}
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        source = groups.DerivationImageSequence[0].SourceImageSequence[0]
        assert groups.PlanePositionSequence[0].ImagePositionPatient == positions[str(source.ReferencedSOPInstanceUID)]
    assert dataset.FrameOfReferenceUID == compared.current.reference.FrameOfReferenceUID
    referenced = dataset.ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == compared.current.reference.SeriesInstanceUID


def test_lesions_keep_their_numbers_when_others_are_left_out(compared: Comparison) -> None:
    result = compared.result
    dataset = write_segmentation(compared.current, result.lesion_map, result.lesions[1:], PROVENANCE)
    assert dataset is not None
    assert [item.TrackingID for item in dataset.SegmentSequence] == ["Lesion 2", "Lesion 3"]
    assert [int(item.SegmentNumber) for item in dataset.SegmentSequence] == [1, 2]
    read = read_segmentation(dataset, compared.current.volume.grid)
    np.testing.assert_array_equal(read.array, result.lesion_map.keep({2, 3}).array)


def test_every_segment_says_what_it_is(compared: Comparison) -> None:
    result = compared.result
    dataset = write_segmentation(compared.current, result.lesion_map, result.lesions, PROVENANCE)
    assert dataset is not None
    assert dataset.SegmentationType == "BINARY"
    assert len({str(item.TrackingUID) for item in dataset.SegmentSequence}) == 3
    for item in dataset.SegmentSequence:
        assert item.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
        assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "52988006"
        assert len(item.RecommendedDisplayCIELabValue) == 3
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert algorithm.AlgorithmVersion == PROVENANCE.version
    labels = [str(item.SegmentLabel) for item in dataset.SegmentSequence]
    assert labels == ["Lesion 1, new", "Lesion 2, growing", "Lesion 3, vanished"]


def test_a_lesion_is_tracked_from_draft_to_signature(compared: Comparison) -> None:
    written = [
        write_segmentation(compared.current, compared.result.lesion_map, compared.result.lesions, provenance)
        for provenance in (PROVENANCE, PROVENANCE.as_signed())
    ]
    draft, signed = [dataset for dataset in written if dataset is not None]
    assert draft.SOPInstanceUID != signed.SOPInstanceUID
    assert draft.SeriesInstanceUID != signed.SeriesInstanceUID
    assert [s.TrackingUID for s in draft.SegmentSequence] == [s.TrackingUID for s in signed.SegmentSequence]


def test_without_lesions_there_is_no_segmentation(compared: Comparison) -> None:
    assert write_segmentation(compared.current, compared.result.lesion_map, (), PROVENANCE) is None


def test_a_map_on_another_grid_is_a_defect(compared: Comparison) -> None:
    grid = compared.current.volume.grid
    affine = grid.affine.copy()
    affine[0, 3] += 1.0
    moved = LabelMap(compared.result.lesion_map.array, Grid(grid.shape, affine))
    with pytest.raises(Defect, match="not on the grid"):
        write_segmentation(compared.current, moved, compared.result.lesions, PROVENANCE)


def test_a_lesion_without_voxels_is_a_defect(compared: Comparison) -> None:
    ghost = replace(compared.result.lesions[0], number=9)
    with pytest.raises(Defect, match="Lesion 9 has no voxels"):
        write_segmentation(compared.current, compared.result.lesion_map, (ghost,), PROVENANCE)


def test_a_segmentation_of_another_image_is_refused(compared: Comparison) -> None:
    dataset = write_segmentation(compared.current, compared.result.lesion_map, compared.result.lesions, PROVENANCE)
    assert dataset is not None
    grid = compared.current.volume.grid
    for axis, by_mm in ((0, 0.5), (1, 0.5), (2, 1.5)):
        affine = grid.affine.copy()
        affine[axis, 3] += by_mm
        with pytest.raises(InputRejected, match="does not lie on the current images"):
            read_segmentation(dataset, Grid(grid.shape, affine))
    mirrored = grid.affine.copy()
    mirrored[:3, 2] *= -1
    with pytest.raises(InputRejected, match="does not lie on the current images"):
        read_segmentation(dataset, Grid(grid.shape, mirrored))


@pytest.mark.parametrize("case", ["classic", "multi-frame"])
def test_dciodvfy_finds_no_error(
    case: str, compared: Comparison, compared_multi_frame: Comparison, tmp_path: Path
) -> None:
    made = compared if case == "classic" else compared_multi_frame
    dataset = write_segmentation(made.current, made.result.lesion_map, made.result.lesions, PROVENANCE)
    assert dataset is not None
    path = tmp_path / "seg.dcm"
    path.write_bytes(to_part10(dataset))
    assert dciodvfy_errors(path) == []
