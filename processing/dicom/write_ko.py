"""The rejection of a result as a Key Object Selection (PS3.3 A.35.4, TID 2010)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from processing.dicom.attributes import SERIES_NUMBERS, SeriesFacts, described, set_identity
from processing.dicom.provenance import MANUFACTURER, Provenance
from processing.dicom.write_sr import person_name
from processing.domain.decision import SignedReview
from processing.domain.errors import Defect

KIND = "rejection"


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
    if not rejected or any(str(item.get("Manufacturer", "")) != MANUFACTURER for item in rejected):
        raise Defect("A rejection references Interval's own results and nothing else.")
    content = KeyObjectSelection(
        document_title=codes.DCM.RejectedForQualityReasons,
        referenced_objects=rejected,
        observer_person_context=ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=person_name(review.reader_name)),
        ),
        description=review.comment.strip(),
    )
    with warnings.catch_warnings():
        # highdicom warns of names without a caret; the identity is set below in any case.
        warnings.simplefilter("ignore", UserWarning)
        dataset = KeyObjectSelectionDocument(
            evidence=rejected,
            content=content,
            series_instance_uid=provenance.uid(KIND),
            series_number=SERIES_NUMBERS[KIND],
            sop_instance_uid=provenance.uid(KIND, 1),
            instance_number=1,
            manufacturer=MANUFACTURER,
            specific_character_set="ISO_IR 192",
        )
    facts = SeriesFacts(KIND, "KO", described("Interval rejection"))
    set_identity(dataset, header, provenance, facts, signed_at=review.signed_at)
    return dataset
