from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from processing.dicom.result import ObjectKind, ResultObject, to_part10, write_result
from processing.dicom.write_pdf import fill_pages
from processing.domain.decision import Reading, SecondReading, SignedReview
from processing.domain.language import Language
from processing.domain.result import QualityFigure
from tests.unit.dicom.made import (
    NOTE,
    PROVENANCE,
    Comparison,
    dciodvfy_errors,
    require_program,
    review_of,
    unacceptable,
)

REPORT = "Comparison: MR of 11 Mar 2024.\n\nImpression: 1 new lesion, łódź."
ACCEPTED = replace(review_of([1], [2, 3]), report=REPORT)
FIGURE = QualityFigure("motion in the prior FLAIR", 0.31, "", acceptable=False)


def document_of(made: Comparison, review: SignedReview) -> ResultObject:
    made = replace(made, result=replace(made.result, quality=(FIGURE,)))
    objects = write_result(made.current, made.prior_headers, made.result, PROVENANCE, review)
    (document,) = [item for item in objects if item.kind is ObjectKind.DOCUMENT]
    return document


def words_of(dataset: Dataset, folder: Path) -> str:
    """What a person reads on the pages."""
    require_program("pdftotext")
    file = folder / "report.pdf"
    file.write_bytes(dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength])
    done = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", done.stdout)


def test_the_pages_say_what_was_found_by_whom_and_with_what(compared: Comparison, tmp_path: Path) -> None:
    words = words_of(document_of(compared, ACCEPTED).dataset, tmp_path)
    header = compared.current.reference
    for part in (
        "Demo, Interval",
        str(header.PatientID),
        str(header.AccessionNumber),
        "17 Mar 2025",
        "11 Mar 2024, the study 371 days before",
        "ms_longitudinal 1.2.3",
        "Impression: 1 new lesion, łódź.",
        "Lesion 1: new, 288 mm³, left, periventricular",
        NOTE,
        "motion in the prior FLAIR 0.31 outside the expected range",
        "Dr. Jörg Prüfer, 1 Apr 2025, 10:20 (UTC)",
        "4 of 5: good, minor errors",
        "Good agreement, überprüft.",
        "Research use, not a medical device. page 1 of",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            Language.GERMAN,
            (
                "Vergleich zweier MRT-Untersuchungen",
                "11. März 2024, der Untersuchung 371 Tage zuvor",
                "Läsion 1: neu, 288 mm³, links, periventrikulär; axiale Schicht bei",
                "4 von 5: gut, kleine Fehler",
                "Nur für Forschung, kein Medizinprodukt. Seite 1 von",
            ),
        ),
        (
            Language.FRENCH,
            (
                "Comparaison de deux IRM cérébrales",
                "11 mars 2024, l'examen réalisé 371 jours avant",
                "Lésion 1 : nouvelle, 288 mm³, gauche, périventriculaire ; coupe axiale en",
                "4 sur 5 : bon, erreurs mineures",
                "Réservé à la recherche, n'est pas un dispositif médical. page 1 sur",
            ),
        ),
    ],
)
def test_the_pages_are_in_the_language_in_which_they_were_signed(
    compared: Comparison, language: Language, said: tuple[str, ...], tmp_path: Path
) -> None:
    words = words_of(document_of(compared, replace(ACCEPTED, language=language)).dataset, tmp_path)
    for part in said:
        assert part in words
    for english in ("Prior", "Signed by", "Measurement error", "Research use", "Quality of"):
        assert english not in words


def test_only_accepted_lesions_are_on_the_pages(compared: Comparison, tmp_path: Path) -> None:
    words = words_of(document_of(compared, ACCEPTED).dataset, tmp_path)
    assert words.count("Lesion 1") == 1
    for other in ("Lesion 2", "Lesion 3", "growing", "vanished", "infratentorial"):
        assert other not in words


def test_a_rejected_result_shows_no_volume_no_lesion_and_no_picture(compared: Comparison, tmp_path: Path) -> None:
    review = replace(unacceptable("Motion in the prior study"), report=REPORT)
    dataset = document_of(compared, review).dataset
    words = words_of(dataset, tmp_path)
    assert "rejected this result" in words
    assert "Motion in the prior study" in words
    for forbidden in ("mm³", "Lesion", "Impression", "periventricular"):
        assert forbidden not in words
    assert b"/DCTDecode" not in bytes(dataset.EncapsulatedDocument)


def test_there_is_a_row_of_three_pictures_for_each_lesion(compared: Comparison) -> None:
    pages = bytes(document_of(compared, replace(review_of([1, 2, 3], []), report=REPORT)).dataset.EncapsulatedDocument)
    assert len(re.findall(rb"/Subtype /Image", pages)) == 9


def test_the_same_review_gives_the_same_bytes(compared: Comparison) -> None:
    first, second = (to_part10(document_of(compared, ACCEPTED).dataset) for _ in range(2))
    assert first == second


def test_it_refers_to_the_image_and_to_the_measurements(compared: Comparison) -> None:
    dataset = document_of(compared, ACCEPTED).dataset
    referenced = [str(item.ReferencedSOPInstanceUID) for item in dataset.SourceInstanceSequence]
    assert referenced == [str(compared.current.reference.SOPInstanceUID), PROVENANCE.as_signed().uid("report", 1)]


def test_without_the_true_dates_the_pages_name_no_day_of_the_studies(compared: Comparison, tmp_path: Path) -> None:
    document = document_of(compared, replace(ACCEPTED, report=""))
    assert document.content is not None
    moved = document.dataset
    moved.PatientName = moved.PatientID = "IV-AAAABBBBCCCC"
    moved.LongitudinalTemporalInformationModified = "MODIFIED"
    fill_pages(moved, document.content)
    words = words_of(moved, tmp_path)
    assert moved.BurnedInAnnotation == "NO"
    assert "IV-AAAABBBBCCCC" in words
    assert "the study 371 days before" in words
    for named in ("Demo", "17 Mar 2025", "11 Mar 2024", "1984"):
        assert named not in words


def test_a_name_in_letters_that_the_typeface_lacks_is_seen_to_be_incomplete(
    compared: Comparison, tmp_path: Path
) -> None:
    document = document_of(compared, ACCEPTED)
    assert document.content is not None
    document.dataset.PatientName = "Wáng^小东=王^小东"
    fill_pages(document.dataset, document.content)
    assert "Wáng, ??" in words_of(document.dataset, tmp_path)


def test_a_second_reading_and_a_later_edition_are_on_the_pages(compared: Comparison, tmp_path: Path) -> None:
    second = SecondReading("Dr. Berta Beispiel", Reading.STABLE, "Lesion 1 may be an artefact.")
    review = replace(ACCEPTED, visual=Reading.STABLE, second=second, edition=2)
    words = words_of(document_of(compared, review).dataset, tmp_path)
    assert "Dr. Jörg Prüfer read: no new or growing lesion." in words
    assert "Dr. Berta Beispiel, who then saw neither that nor the lesions, read: no new or growing lesion." in words
    assert "Consensus: Lesion 1 may be an artefact." in words
    assert "2; it replaces the reports that were signed before" in words


@pytest.mark.parametrize("review", [ACCEPTED, unacceptable()])
def test_dicom_conformance(compared: Comparison, tmp_path: Path, review: SignedReview) -> None:
    file = tmp_path / "report.dcm"
    file.write_bytes(to_part10(document_of(compared, review).dataset))
    assert dciodvfy_errors(file) == []
