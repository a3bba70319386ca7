"""What the sight of a study means for its case."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto

from processing.domain.case import TRANSITIONS, CaseEvent, CaseState


class Arrival(Enum):
    """What happened to a study since it was last seen."""

    NOTHING = auto()
    """Nothing new: the same images, for example sent twice, or only objects that are no images."""
    FIRST_SEEN = auto()
    GROWN = auto()
    """More images for a case of which nothing was computed yet: it takes them."""
    LATE = auto()
    """More images for a case that is on its way to a result or has one: a new revision takes them."""
    SHRUNK = auto()
    """Images were removed from the archive. Nothing is undone; when they come back, nothing has happened."""


def what_arrived(state: CaseState | None, known_images: int, seen_images: int, *, replaced: bool = False) -> Arrival:
    """Compare what is known of a study with what the archive holds now.

    Parameters
    ----------
    state : CaseState or None
        Of the newest revision; none when the study was never seen.
    known_images, seen_images : int
        Images that the case was last complete with, and that the archive holds. The archive keeps an instance once
        however often it is sent, so a duplicate changes no number; nor does an image that no pipeline asks for.
    replaced : bool
        Whether the case has a result or a signature, though its state alone would let it take more images.
    """
    if state is None:
        return Arrival.FIRST_SEEN if seen_images else Arrival.NOTHING
    if seen_images < known_images:
        return Arrival.SHRUNK
    if seen_images == known_images:
        return Arrival.NOTHING
    if (state, CaseEvent.IMAGES_RECEIVED) in TRANSITIONS and not replaced:
        return Arrival.GROWN
    return Arrival.LATE


def is_quiet(last_image_at: datetime, now: datetime, quiet_time_s: float) -> bool:
    """Whether a study counts as complete: no image for the quiet time, by the gateway's own clock."""
    return now - last_image_at >= timedelta(seconds=quiet_time_s)
