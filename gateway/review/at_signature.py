"""What the objects that leave say beside the reader's decisions, kept as it was at the signature.

All of it may change afterwards: a reader's name, the ledger of versions, which other studies of the patient are signed.
A delivery may be repeated for days, and every target gets the same objects.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from processing.domain.growth import Growth
from processing.domain.versions import Ledger


class AtSignature(BaseModel):
    """Kept as JSON with the review; it names no patient.

    Parameters
    ----------
    edition : int
        Which signature it belongs to.
    reader_name, second_name : str
        As they stand in the report; empty without a second reader.
    time_zone : str
        The site's, by its IANA name: the moment of the signature is reported by its clock.
    notes : tuple of str
        Sentences that the reports carry beside the pipeline's own.
    ledger : Ledger
        What the gate said of the version that ran, with its limits of agreement.
    growth : Growth or None
        Of a tumour over three time points, by shifted dates, where the reader compared the volumes.
    replaced_classes : tuple of str
        SOP Class UIDs of what the targets took of the signature before.
    """

    model_config = ConfigDict(frozen=True)

    edition: int
    reader_name: str
    second_name: str
    time_zone: str
    notes: tuple[str, ...]
    ledger: Ledger
    growth: Growth | None
    replaced_classes: tuple[str, ...]
