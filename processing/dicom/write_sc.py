"""Pictures of the result as RGB Secondary Captures (PS3.3 A.8), for a PACS that can't show segmentations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from processing.dicom.attributes import SeriesFacts, described, has_true_dates, set_identity, set_instance, text
from processing.dicom.pictures import Pictures, Words
from processing.dicom.provenance import Provenance
from processing.dicom.read import SourceSeries
from processing.dicom.sources import instance_reference
from processing.dicom.write_sr import days_between
from processing.domain.decision import SignedReview
from processing.domain.imaging import LabelMap, Volume
from processing.domain.result import Lesion

KIND = "pictures"

MOST_LESION_PICTURES = 20
"""The largest lesions get a picture of their own; the overview shows all."""


def write_pictures(
    source: SourceSeries,
    prior_headers: Sequence[Dataset],
    registered_prior: Volume,
    lesion_map: LabelMap,
    lesions: Sequence[Lesion],
    provenance: Provenance,
    *,
    notes: Sequence[str] = (),
    review: SignedReview | None = None,
) -> list[Dataset]:
    """Write an overview, and for each lesion prior, current and current with lesions side by side.

    Dates are burned in only where the headers hold true ones: a pseudonymised study shows the days between the two
    instead, which no shift changes.

    Parameters
    ----------
    source : SourceSeries
        The current FLAIR.
    prior_headers : sequence of Dataset
    registered_prior : Volume
        On the source's grid.
    lesion_map : LabelMap
        On the source's grid; only the given lesions are shown.
    lesions : sequence of Lesion
    provenance : Provenance
    notes : sequence of str
        Sentences that the reader must see.
    review : SignedReview, optional
    """
    words = _words(source.reference, prior_headers[0], provenance, notes, review)
    shown = lesion_map.keep({lesion.number for lesion in lesions})
    pictures = Pictures(source.volume, registered_prior, shown, lesions, words)
    ordered = sorted(lesions, key=lambda lesion: (-lesion.volume_mm3, lesion.number))
    drawn = [Drawn(0, "Overview", pictures.overview(ordered))]
    for place, lesion in enumerate(ordered[:MOST_LESION_PICTURES], start=1):
        picture = pictures.lesion_picture(lesion, place, len(ordered))
        drawn.append(Drawn(lesion.number, f"Lesion {lesion.number}, {lesion.change}", picture))
    return captures(source, provenance, drawn, None if review is None else review.signed_at)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture of a result, an array of uint8 of shape (rows, columns, 3), with its name.

    The number makes its UID: the picture of a lesion keeps it whichever others are accepted.
    """

    number: int
    name: str
    picture: npt.NDArray[np.uint8]


def captures(
    source: SourceSeries, provenance: Provenance, drawn: Sequence[Drawn], signed_at: datetime | None
) -> list[Dataset]:
    """Write pictures as one series."""
    return [_capture(source, provenance, one, instance, signed_at) for instance, one in enumerate(drawn, start=1)]


def _words(
    current: Dataset, prior: Dataset, provenance: Provenance, notes: Sequence[str], review: SignedReview | None
) -> Words:
    captions = ["Prior", "Current"]
    if has_true_dates(current) and has_true_dates(prior):
        dates = [text(header, "StudyDate") for header in (prior, current)]
        captions = [_with_date(word, date) for word, date in zip(captions, dates, strict=True)]
    days = days_between(prior, current)
    if days is not None:
        captions[1] += f", {days} days later"
    status = "Draft: not reviewed by a reader."
    if review is not None:
        status = f"Accepted by the reader on {review.signed_at:%Y-%m-%d}; rejected lesions are left out."
    pipeline = f"{provenance.pipeline} {provenance.version}"
    return Words(pipeline, captions[0], captions[1], status, tuple(notes))


def _with_date(word: str, date: str) -> str:
    return f"{word} {date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 else word


def _capture(
    source: SourceSeries,
    provenance: Provenance,
    drawn: Drawn,
    instance: int,
    signed_at: datetime | None,
) -> Dataset:
    dataset = Dataset()
    facts = SeriesFacts(KIND, "OT", described("Interval pictures"))
    set_identity(dataset, source.reference, provenance, facts, signed_at=signed_at)
    set_instance(dataset, SecondaryCaptureImageStorage, provenance.uid(KIND, drawn.number + 1), instance)
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    dataset.ImageComments = drawn.name
    dataset.ConversionType = "WSD"
    dataset.BodyPartExamined = "BRAIN"
    dataset.PatientOrientation = ""
    # Dates of a true study are burned in; no name is.
    dataset.BurnedInAnnotation = "YES" if has_true_dates(source.reference) else "NO"
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "RGB"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = drawn.picture.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    pixels = drawn.picture.tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset.SourceImageSequence = [instance_reference(source.reference)]
    return dataset
