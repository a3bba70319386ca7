"""The rejection of a result, and the withdrawal of what was sent, as Key Object Selections (PS3.3 A.35.4, TID 2010)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, described, set_identity
from processing.dicom.provenance import MANUFACTURER, Provenance
from processing.dicom.sr_document import person_name
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect

KIND = "rejection"
WITHDRAWAL = "withdrawal"

_REJECTION = described("Interval rejection")
_WITHDRAWN = described("Interval withdrawal")


def write_rejection(
    header: Dataset, rejected: Sequence[Dataset], provenance: Provenance, review: SignedReview
) -> Dataset:
    """Write that a result was rejected for quality reasons, with the reader's reason.

    Parameters
    ----------
    header : Dataset
        A header of the current study.
    rejected : sequence of Dataset
        Interval's own result objects, with their UIDs and SOP classes. Never the patient's images: a PACS that
        follows IHE's Image Object Change Management hides what a rejection references.
    provenance : Provenance
    review : SignedReview

    Raises
    ------
    Defect
        If nothing, or something that Interval did not make, shall be rejected.
    """
    reason = review.comment.strip()
    return _rejecting(header, rejected, provenance, review, SeriesFacts(KIND, "KO", _REJECTION), reason)


def write_withdrawal(
    header: Dataset, replaced: Sequence[Dataset], provenance: Provenance, review: SignedReview
) -> Dataset:
    """Write that the objects of an earlier signature are replaced by those of a later one.

    A PACS that follows IHE's Imaging Object Change Management then hides the earlier ones.

    Parameters
    ----------
    header : Dataset
        A header of the current study.
    replaced : sequence of Dataset
        The objects of the earlier signature, Interval's own.
    provenance : Provenance
        Of the later signature.
    review : SignedReview
        The later one.

    Raises
    ------
    Defect
        As `write_rejection`.
    """
    reason = f"Replaced: the case was reopened and signed again (revision {review.edition})."
    return _rejecting(header, replaced, provenance, review, SeriesFacts(WITHDRAWAL, "KO", _WITHDRAWN), reason)


def _rejecting(
    header: Dataset,
    rejected: Sequence[Dataset],
    provenance: Provenance,
    review: SignedReview,
    facts: SeriesFacts,
    reason: str,
) -> Dataset:
    if not rejected or any(str(item.get("Manufacturer", "")) != MANUFACTURER for item in rejected):
        raise Defect("A rejection references Interval's own results and nothing else.")
    content = KeyObjectSelection(
        document_title=codes.DCM.RejectedForQualityReasons,
        referenced_objects=rejected,
        observer_person_context=ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(review.reader_name)),
        ),
        description=reason,
    )
    with warnings.catch_warnings():
        # highdicom warns of names without a caret; the identity is set below in any case.
        warnings.simplefilter("ignore", UserWarning)
        dataset = KeyObjectSelectionDocument(
            evidence=rejected,
            content=content,
            series_instance_uid=provenance.uid(facts.kind),
            series_number=SERIES_NUMBERS[facts.kind],
            sop_instance_uid=provenance.uid(facts.kind, 1),
            instance_number=1,
            manufacturer=MANUFACTURER,
            specific_character_set="ISO_IR 192",
        )
    set_identity(dataset, header, provenance, facts, signed_at=review.signed_at)
    return dataset
