"""Copies what reached the PACS into a folder that any DICOM viewer opens, with a page of the pictures."""

from __future__ import annotations

import html
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pydicom
from PIL import Image
from pydicom.uid import SecondaryCaptureImageStorage

PNG_FOLDER = "pictures"


@dataclass(frozen=True)
class ArchivedObject:
    """One object as it stands in the PACS."""

    path: Path
    sop_class_name: str
    series_description: str
    picture: Path | None


def collect(pacs_url: str, account: tuple[str, str], study_instance_uid: str, folder: Path) -> list[ArchivedObject]:
    """Fetch every object of a study from the PACS into a folder and write an ``index.html`` beside them.

    Parameters
    ----------
    pacs_url : str
        Root of the PACS's Orthanc.
    account : tuple of str
        User name and password.
    study_instance_uid : str
    folder : Path
        Emptied first.

    Returns
    -------
    list of ArchivedObject
        In order of series and instance number.
    """
    if folder.exists():
        shutil.rmtree(folder)
    (folder / PNG_FOLDER).mkdir(parents=True)
    datasets = sorted(_fetch(pacs_url, account, study_instance_uid), key=_position)
    objects = [_save(dataset, number, folder) for number, dataset in enumerate(datasets, start=1)]
    (folder / "index.html").write_text(_page(objects, folder), encoding="utf-8")
    return objects


def _fetch(pacs_url: str, account: tuple[str, str], study_instance_uid: str) -> Iterator[pydicom.Dataset]:
    with httpx.Client(base_url=pacs_url, auth=account, timeout=60) as http:
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_instance_uid}}
        found = http.post("/tools/find", json=query)
        found.raise_for_status()
        for instance in found.json():
            file = http.get(f"/instances/{instance}/file")
            file.raise_for_status()
            yield pydicom.dcmread(io.BytesIO(file.content))


def _position(dataset: pydicom.Dataset) -> tuple[int, int]:
    return int(dataset.get("SeriesNumber") or 0), int(dataset.get("InstanceNumber") or 0)


def _save(dataset: pydicom.Dataset, number: int, folder: Path) -> ArchivedObject:
    path = folder / f"{number:03d}-{dataset.Modality}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    picture = None
    if dataset.SOPClassUID == SecondaryCaptureImageStorage:
        picture = folder / PNG_FOLDER / f"{number:03d}.png"
        Image.fromarray(dataset.pixel_array).save(picture)
    return ArchivedObject(
        path=path,
        sop_class_name=pydicom.uid.UID(dataset.SOPClassUID).name,
        series_description=str(dataset.get("SeriesDescription", "")),
        picture=picture,
    )


def _page(objects: list[ArchivedObject], folder: Path) -> str:
    figures = "\n".join(
        f'<figure><img src="{one.picture.relative_to(folder)}" alt="{html.escape(one.series_description)}">'
        f"<figcaption>{html.escape(one.series_description)}</figcaption></figure>"
        for one in objects
        if one.picture is not None
    )
    rows = "\n".join(
        f'<tr><td><a href="{one.path.name}">{one.path.name}</a></td><td>{html.escape(one.sop_class_name)}</td>'
        f"<td>{html.escape(one.series_description)}</td></tr>"
        for one in objects
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Interval: objects that reached the PACS</title>
<style>
  body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1c2430; }}
  img {{ max-width: 100%; background: #000; }}
  figure {{ margin: 0 0 1.5rem; }}
  figcaption, th {{ color: #556; }}
  td, th {{ text-align: left; padding: .2rem 1rem .2rem 0; }}
</style>
<h1>Objects that reached the PACS</h1>
<p>Research use, not a medical device.</p>
{figures}
<table>
<tr><th>File</th><th>SOP class</th><th>Series</th></tr>
{rows}
</table>
</html>
"""
