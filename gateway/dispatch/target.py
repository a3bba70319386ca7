"""What a target is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pydicom.dataset import Dataset

Acknowledged = Callable[[str], None]


READ_BACK = "read back"


class Target(Protocol):
    """Where finished objects go. Sending an object again changes nothing there.

    That the target keeps what it was sent is made certain by storage commitment (PS3.4 annex J) where it knows that,
    and otherwise by asking it what it holds.
    """

    @property
    def proof(self) -> str:
        """What `confirm` rests on, as it stands in the case's history."""
        ...

    @property
    def name(self) -> str:
        """The site's name of the target."""
        ...

    def send(self, datasets: Sequence[Dataset], acknowledged: Acknowledged) -> frozenset[str]:
        """Send objects, all of them or with a reason.

        Parameters
        ----------
        datasets : sequence of Dataset
            Complete objects with file meta information.
        acknowledged : callable
            Called with the SOP instance UID of each object that the target says it took, also when others failed.

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

    def request_commitment(self, transaction_uid: str, datasets: Sequence[Dataset]) -> bool:
        """Ask the target to commit itself to keeping objects; its report comes later.

        Returns
        -------
        bool
            False when it knows no storage commitment: then `confirm` says what it holds.

        Raises
        ------
        Transient, InputRejected
            As `send`.
        """
        ...

    def echo(self) -> None:
        """Verify that the target answers; raises as `send`."""
        ...
