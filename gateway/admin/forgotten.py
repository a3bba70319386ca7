"""Who was erased, kept beside the backups: what is restored from an older one must forget them again.

A line holds a pseudonym and a time. Without the gateway's key nobody can tell whose it is.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from processing.domain.errors import InputRejected

FORGOTTEN = "erased.jsonl"


class Forgotten(BaseModel):
    """An erasure."""

    model_config = ConfigDict(frozen=True)

    pseudonym: str
    at: datetime


def note(roots: Collection[Path], pseudonyms: Collection[str], at: datetime) -> list[Path]:
    """Add an erasure to the list in each folder of backups that is there; return those that are not."""
    lines = "".join(f"{Forgotten(pseudonym=pseudonym, at=at).model_dump_json()}\n" for pseudonym in sorted(pseudonyms))
    away = []
    for root in roots:
        try:
            with (root / FORGOTTEN).open("a", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            away.append(root)
    return away


def since(root: Path, made_at: datetime) -> set[str]:
    """Return the pseudonyms of everybody who was erased after a backup was made.

    Raises
    ------
    InputRejected
        If the list can't be read: nobody may come back by a damaged line.
    """
    path = root / FORGOTTEN
    if not path.exists():
        return set()
    try:
        entries = [Forgotten.model_validate_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValidationError) as error:
        raise InputRejected(f"The list of erased patients beside the backup ({FORGOTTEN}) can't be read.") from error
    return {entry.pseudonym for entry in entries if entry.at >= made_at}
