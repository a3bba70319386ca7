"""UIDs that follow from what they stand for."""

from __future__ import annotations

import json
import uuid

_NAMESPACE = uuid.UUID("8c7f5b34-9b1f-5c0e-9a53-2f6f0f1d7c11")


def derived_uid(*parts: str) -> str:
    """Return the UID of what the parts name together; the same parts give the same UID on every machine.

    The UID is a name-based UUID (version 5) under the root 2.25 (PS3.5 section B.2), so that it needs no
    registered root and collides with nobody else's.

    Parameters
    ----------
    *parts : str
        For example a job, a kind of object and a number. ("ab", "c") and ("a", "bc") are different things.

    Raises
    ------
    ValueError
        Without any part.
    """
    if not parts:
        raise ValueError("a UID is derived from at least one part")
    name = json.dumps(parts, ensure_ascii=True)
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
