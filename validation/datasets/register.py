"""A site's own reference set: its cases stay where they are, and a manifest pins every byte of them.

The folder holds one folder for each case, with ``current_FLAIR.nii.gz`` and ``prior_FLAIR.nii.gz``, T1 and T2 where
there are any, and ``lesions.nii.gz`` on the current FLAIR's grid where somebody outlined what is new or grew. Readers
judge the cases of a site's set: nobody else knows what is right there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from processing.domain.study import SeriesRole
from validation.datasets.manifest import FileEntry, GradedBy, Manifest, PairCase, write_manifest

_TRUTH = "lesions.nii.gz"


class NoCases(ValueError):
    """A folder holds no case in the expected form; the message says what was expected."""


def register(folder: Path, manifests: Path, *, name: str, title: str = "") -> Manifest:
    """Write the manifest of a site's own set.

    Parameters
    ----------
    folder : Path
        Of the cases.
    manifests : Path
        Where a site keeps its manifests.
    name : str
    title : str, optional

    Raises
    ------
    NoCases
        If there is none.
    """
    folder = folder.resolve()
    cases = tuple(case for place in sorted(folder.iterdir()) if place.is_dir() and (case := _case(folder, place)))
    if not cases:
        raise NoCases(
            "No case was found: each is a folder with current_FLAIR.nii.gz and prior_FLAIR.nii.gz (T1 and T2 likewise)."
        )
    used = sorted({path for case in cases for path in (*case.current.values(), *case.prior.values())})
    used += [case.truth_file for case in cases if case.truth_file]
    files = {path: FileEntry(sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest()) for path in used}
    manifest = Manifest(
        name=name,
        version="1",
        title=title or f"Own reference set of {len(cases)} cases",
        licence="not to be passed on",
        citation="",
        mirror=str(folder),
        graded_by=GradedBy.READERS,
        files=files,
        cases=cases,
    )
    write_manifest(manifest, manifests)
    return manifest


def _case(folder: Path, place: Path) -> PairCase | None:
    visits: dict[str, dict[SeriesRole, str]] = {"current": {}, "prior": {}}
    for visit, images in visits.items():
        for role in (SeriesRole.FLAIR, SeriesRole.T1, SeriesRole.T2):
            path = place / f"{visit}_{role.value}.nii.gz"
            if path.is_file():
                images[role] = path.relative_to(folder).as_posix()
    if not all(SeriesRole.FLAIR in images for images in visits.values()):
        return None
    truth = place / _TRUTH
    return PairCase(
        name=place.name,
        quick=False,
        current=visits["current"],
        prior=visits["prior"],
        truth="lesions in current" if truth.is_file() else None,
        truth_file=truth.relative_to(folder).as_posix() if truth.is_file() else None,
    )
