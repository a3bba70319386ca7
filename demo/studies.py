"""The studies that the demo's scanner sends: the phantom, or what a user points at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom import dcmread

from demo.nifti import read_nifti_visits
from demo.scanner import DEMO_PATIENT, DEMO_SCANNERS, PatientFacts, demo_visit, write_study
from demo.sending import find_dicom_files
from processing.domain.errors import InputRejected
from processing.domain.imaging import Volume
from processing.domain.study import SeriesRole
from validation.phantom import DEMO_PHANTOM, make_phantom

Say = Callable[[str], None]

_LABELS = ("prior", "current")


@dataclass(frozen=True)
class StudyToSend:
    """One study as files, and how to find it again on the worklist and in the PACS.

    Parameters
    ----------
    label : str
        What the demo calls it.
    study_instance_uid, patient_id, study_date : str
        As in the files.
    files : tuple of Path
    """

    label: str
    study_instance_uid: str
    patient_id: str
    study_date: str
    files: tuple[Path, ...]


def studies_from_phantom(folder: Path, say: Say) -> list[StudyToSend]:
    """Make the longitudinal phantom and write its two studies as a scanner would, the earlier first."""
    say("making a longitudinal brain phantom: two visits, two scanners")
    phantom = make_phantom(DEMO_PHANTOM)
    return write_visits((phantom.prior, phantom.current), folder, "DEMO")


def studies_from_folder(source: Path, folder: Path, say: Say) -> list[StudyToSend]:
    """Take a folder of DICOM files as it is, or write its NIfTI pair as DICOM; the earlier study first.

    Raises
    ------
    InputRejected
        If there is neither, or if the files belong to several patients.
    """
    if not source.is_dir():
        raise InputRejected("The input is not a folder.")
    if any(source.glob("study1_*.nii*")):
        say("writing the NIfTI pair as scanner-like DICOM")
        return write_visits(read_nifti_visits(source), folder, source.name.upper()[:32])
    return _group(source, say)


def write_visits(
    visits: tuple[Mapping[SeriesRole, Volume], ...], folder: Path, name: str, description: str = ""
) -> list[StudyToSend]:
    """Write visits under a patient id of their own, so that the demo can be run again and again."""
    patient: PatientFacts = replace(DEMO_PATIENT, patient_id=f"{name}-{time.strftime('%Y%m%d%H%M%S')}")
    studies = []
    for number, images in enumerate(visits):
        facts = demo_visit(number)
        if description:
            facts = replace(facts, description=description)
        written = write_study(
            folder / _LABELS[number], images, patient=patient, study=facts, scanner=DEMO_SCANNERS[number]
        )
        date = facts.started_at.strftime("%Y%m%d")
        uid = written.study_instance_uid
        studies.append(StudyToSend(_LABELS[number], uid, patient.patient_id, date, written.files))
    return studies


def _group(source: Path, say: Say) -> list[StudyToSend]:
    dicom, others = find_dicom_files(source)
    if others:
        say(f"{len(others)} files are no DICOM and are not sent")
    files: dict[tuple[str, str, str], list[Path]] = {}
    for path in dicom:
        header = dcmread(path, specific_tags=["StudyInstanceUID", "PatientID", "StudyDate"])
        key = (str(header.get("StudyDate", "")), str(header.StudyInstanceUID), str(header.get("PatientID", "")))
        files.setdefault(key, []).append(path)
    if not files:
        raise InputRejected("The folder holds no DICOM files and no study1_FLAIR.nii.gz.")
    if len({patient_id for _, _, patient_id in files}) > 1:
        raise InputRejected("The folder holds studies of several patients; give one patient's.")
    in_time = sorted(files)
    return [
        StudyToSend("current" if key == in_time[-1] else "earlier", key[1], key[2], key[0], tuple(files[key]))
        for key in in_time
    ]
