"""What a target is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydicom.dataset import Dataset


class Target(Protocol):
    """Where finished objects go. Sending an object again changes nothing there.

    Delivery is confirmed by asking the target what it holds. That says that the objects can be found; that the
    target takes responsibility for keeping them is what Storage Commitment (PS3.4 annex J) is for, which follows
    later.
    """

    @property
    def name(self) -> str:
        """The site's name of the target."""
        ...

    def send(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Send objects, all of them or with a reason.

        Parameters
        ----------
        datasets : sequence of Dataset
            Complete objects with file meta information.

        Returns
        -------
        frozenset of str
            SOP class UIDs that the target takes no object of: many a PACS knows no segmentation or registration.
            Those objects were left out; what must arrive nevertheless is the caller's to know.

        Raises
        ------
        Transient
            If the target can't be reached or has no room now: send all of them again later.
        InputRejected
            If the target refuses an object or Interval itself for good.
        """
        ...

    def confirm(self, datasets: Sequence[Dataset]) -> frozenset[str]:
        """Return the SOP instance UIDs of those objects that the target really holds.

        Raises
        ------
        Transient
            If the target can't be reached.
        InputRejected
            If the target can't be asked.
        """
        ...

    def echo(self) -> None:
        """Verify that the target answers; raises as `send`."""
        ...
