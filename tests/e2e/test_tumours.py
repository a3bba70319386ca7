"""A real patient with a glioma, and a phantom, sent as DICOM through the whole system; read back from the PACS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from demo.studies import write_visits
from gateway.api.schemas import CaseDetail
from gateway.api.schemas.tumour import TumourState
from processing.domain.case import CaseState
from processing.domain.imaging import Volume
from processing.domain.side import Side
from processing.domain.study import SeriesRole
from processing.domain.tumour import TumourLabel
from tests.e2e.hospital import Hospital
from tests.e2e.objects import dicom_errors, numbers, of_class, printed, segments_at
from validation.phantom.tumour import TumourSpec, isotropic_scanner, make_tumour
from validation.real_pairs import data_folder, read_image

VOLUME = "118565006"
LONG_AXIS = "103339001"
WHERE_THE_GLIOMA_IS_MM = np.array([-36.0, -44.0, 52.0])
"""The middle of the ring in the right frontal lobe, as a reader sees it on T1C (LPS)."""
PHANTOM = TumourSpec(
    seed=4,
    world_mm=2,
    core_ml=25.0,
    necrosis=0.4,
    hyperintensity_ml=45.0,
    mass_effect=0.3,
    scanner=isotropic_scanner(3.0, noise=0.02),
)


def tumour_of(case: CaseDetail) -> TumourState:
    assert case.tumour is not None, case.summary.reason
    return case.tumour


@pytest.mark.real_data
def test_a_real_glioma_reaches_the_pacs_with_segmentation_report_pictures_and_pages(
    hospital: Hospital, tmp_path: Path
) -> None:
    folder = data_folder()
    if folder is None:
        assert not os.environ.get("CI"), "CI has the real data beside the checkout"
        pytest.skip("the real data are not here (INTERVAL_DATA)")
    images = {
        role: read_image(folder / "glioma-tcia" / f"{role.lower()}.nii.gz")
        for role in (SeriesRole.T1, SeriesRole.T1C, SeriesRole.T2, SeriesRole.FLAIR)
    }
    (study,) = write_visits((images,), tmp_path, "GLIOMA", "MRI brain tumour")
    hospital.send(study.files)
    ready = hospital.wait(study.patient_id, CaseState.READY_FOR_REVIEW)
    tumour = tumour_of(ready)
    assert tumour.side is Side.RIGHT, "it lies in the right frontal lobe"
    assert 8.0 < tumour.whole_ml < 40.0
    hospital.sign_tumour(ready)
    hospital.wait(study.patient_id, CaseState.ARCHIVED)

    objects = hospital.in_pacs(study.study_instance_uid)
    (segmentation,) = of_class(objects, SegmentationStorage)
    (report,) = of_class(objects, Comprehensive3DSRStorage)
    (pages,) = of_class(objects, EncapsulatedPDFStorage)
    for dataset in (segmentation, report, pages, *of_class(objects, SecondaryCaptureImageStorage)):
        assert dicom_errors(dataset, tmp_path) == []
        assert str(dataset.PatientID) == study.patient_id
    in_ml = [volume / 1000 for volume in numbers(report, VOLUME)]
    assert in_ml == pytest.approx([tumour.whole_ml, *(part.volume_ml for part in tumour.parts)], abs=0.001)
    assert tumour.diameters is not None
    assert numbers(report, LONG_AXIS) == pytest.approx([tumour.diameters.longest_mm], abs=0.1)
    assert "Brain tumour volumes" in printed(pages, tmp_path)
    around = np.stack(np.meshgrid(*[np.arange(-6.0, 7.0, 2.0)] * 3), axis=-1).reshape(-1, 3)
    assert (segments_at(objects, WHERE_THE_GLIOMA_IS_MM + around) > 0).mean() > 0.5
    other_side = WHERE_THE_GLIOMA_IS_MM * [-1.0, 1.0, 1.0]
    assert not segments_at(objects, other_side + around).any()


def test_a_rejected_part_of_a_phantoms_tumour_is_left_out_and_the_side_is_the_patients(
    hospital: Hospital, tmp_path: Path
) -> None:
    phantom = make_tumour(PHANTOM)
    (study,) = write_visits((phantom.images,), tmp_path, "TUMOUR", "Glioma, follow-up")
    hospital.send(study.files)
    ready = hospital.wait(study.patient_id, CaseState.READY_FOR_REVIEW)
    tumour = tumour_of(ready)
    whole = np.argwhere(phantom.truth.array > 0)
    middle_mm = phantom.truth.grid.index_to_lps(whole).mean(axis=0)
    truth = Side.LEFT if middle_mm[0] > 0 else Side.RIGHT
    assert tumour.side is truth
    with hospital.reader() as reader:
        header = reader.image(ready.summary.case_id, "lesions")
        shown = np.frombuffer(reader.pixels(ready.summary.case_id, "lesions"), header.pixel_type).reshape(header.shape)
    places = header_points(header.origin_mm, header.directions, header.spacing_mm, np.argwhere(shown > 0))
    assert np.sign(places.mean(axis=0)[0]) == np.sign(middle_mm[0]), "the overlay lies on the other side"
    hospital.sign_tumour(ready, rejected=TumourLabel.CORE)
    hospital.wait(study.patient_id, CaseState.ARCHIVED)
    objects = hospital.in_pacs(study.study_instance_uid)
    core, enhancing = (
        phantom.truth.grid.index_to_lps(np.argwhere(phantom.truth.array == label))
        for label in (TumourLabel.CORE, TumourLabel.ENHANCING)
    )
    assert (segments_at(objects, core) > 0).mean() < 0.3
    assert (segments_at(objects, enhancing) > 0).mean() > 0.6
    (report,) = of_class(objects, Comprehensive3DSRStorage)
    assert len(numbers(report, VOLUME)) == 2, "no sum over what was not accepted"
    sides = {str(item.value) for item in report.iterall() if item.keyword == "CodeMeaning"} & {"Left", "Right"}
    assert sides == {truth.value.capitalize()}


def test_a_tumour_study_without_contrast_is_refused_by_name(hospital: Hospital, tmp_path: Path) -> None:
    made = make_tumour(PHANTOM).images
    images: Mapping[SeriesRole, Volume] = {role: made[role] for role in made if role is not SeriesRole.T1C}
    (study,) = write_visits((images,), tmp_path, "NOCONTRAST", "Glioma, follow-up")
    hospital.send(study.files)
    refused = hospital.wait(study.patient_id, CaseState.NOT_ROUTED)
    assert "no usable T1C series" in refused.summary.reason


def header_points(
    origin_mm: tuple[float, float, float],
    directions: list[list[float]],
    spacing_mm: tuple[float, float, float],
    index_zyx: np.typing.NDArray[np.int64],
) -> np.typing.NDArray[np.float64]:
    """LPS points of voxels as the browser computes them from a volume's header."""
    steps = np.array(directions)[::-1] * np.array(spacing_mm)[:, None]
    points: np.typing.NDArray[np.float64] = np.array(origin_mm) + index_zyx @ steps
    return points
