"""Whether there is room on the disks that the gateway writes to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from gateway.settings import Settings


def watched_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders whose disks must have room."""
    if settings.watched_folders:
        return tuple(Path(folder.strip()) for folder in settings.watched_folders.split(","))
    url = make_url(settings.database_url)
    database = (Path(url.database).resolve().parent,) if url.get_backend_name() == "sqlite" and url.database else ()
    return (*database, Path(tempfile.gettempdir()))


def why_no_room(folders: Sequence[Path], least_free_mb: int) -> str:
    """Return why no new study may begin, without naming a folder; empty when there is room everywhere."""
    for folder in folders:
        try:
            free_mb = shutil.disk_usage(folder).free // 2**20
        except OSError:
            return "A folder that is watched for room is not there. New studies wait."
        if free_mb < least_free_mb:
            return f"Only {free_mb} MB are free on a disk, {least_free_mb} MB are needed. New studies wait."
    return ""
