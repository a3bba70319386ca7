"""A tumour over three time points in the signed report: on paper, in three languages, and in its SR."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from processing.dicom import formats
from processing.dicom.document import render
from processing.dicom.growth_pages import growth_plot, part_colours
from processing.dicom.provenance import Provenance
from processing.dicom.result import ObjectKind, ResultObject, to_part10
from processing.domain.decision import EyeDiameters, TumourReading
from processing.domain.growth import Growth, Part, TumourMeasurement, assess_growth
from processing.domain.growth_words import TEXTS
from processing.domain.language import Language
from processing.domain.tumour import Diameters, TumourVolumes
from tests.unit.dicom.made import dciodvfy_errors, review_of
from tests.unit.dicom.tumour_made import MadeTumour, made_tumour

PROVENANCE = Provenance("tumour_volumetry", "0.1.0", "Brain tumour volumes", seed="job-1")
READ = replace(
    review_of([1, 2, 3], []),
    visual=TumourReading.UNCHANGED,
    eye_diameters=EyeDiameters(31.0, 22.0),
    with_volumes=TumourReading.LARGER,
)


def grown(factor: float | None = 1.05) -> Growth:
    def visit(year: int, scale: float, version: str) -> TumourMeasurement:
        volumes = TumourVolumes(5.2 * scale, 31.3 * scale, 9.8 * scale)
        return TumourMeasurement(date(year, 6, 1), version, True, volumes, Diameters(4, 30.0, 20.0))

    three = [visit(2024, 1.0, "0.0.9"), visit(2025, 1.02, "0.1.0"), visit(2026, 1.5, "0.1.0")]
    return assess_growth(three, limits={} if factor is None else dict.fromkeys(Part, factor), comparable={})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeTumour:
    tumour = made_tumour(tmp_path_factory.mktemp("tumour"))
    return replace(tumour, result=replace(tumour.result, growth=grown()))


def one(objects: tuple[ResultObject, ...], kind: ObjectKind) -> ResultObject:
    return next(item for item in objects if item.kind is kind)


@pytest.fixture(scope="module")
def objects(made: MadeTumour) -> tuple[ResultObject, ...]:
    return formats.write(made.images, made.result, PROVENANCE, READ)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.ENGLISH, ("Change over three time points", "whole tumour", "exceeds ±5 %", "+22.2 ml (+47 %)")),
        (Language.GERMAN, ("Verlauf über drei Zeitpunkte", "gesamter Tumor", "über ±5 %", "+22,2 ml (+47 %)")),
        (Language.FRENCH, ("Évolution sur trois examens", "tumeur entière", "au-delà de ±5 %", "+22,2 ml (+47 %)")),
    ],
)
def test_the_pages_tell_growth_and_how_it_was_read(
    made: MadeTumour, objects: tuple[ResultObject, ...], language: Language, words: tuple[str, ...], tmp_path: Path
) -> None:
    content = one(objects, ObjectKind.DOCUMENT).content
    assert content is not None
    written = tmp_path / "report.pdf"
    review = replace(READ, language=language)
    written.write_bytes(render(replace(content, review=review), made.images.reference.reference))
    pages = subprocess.run(("pdftotext", "-layout", written, "-"), capture_output=True, text=True, check=True).stdout
    for phrase in (*words, "31", "0.0.9"):
        assert phrase in pages, phrase
    assert "2025" not in pages.replace(READ.signed_at.strftime("%Y"), ""), "an earlier study's shifted date"
    if language is not Language.ENGLISH:
        english = ("whole tumour", "Volumetric", "Segmenter", "usually", "Measured")
        assert not [word for word in english if word in pages]


def test_a_curve_stands_for_each_part_with_a_bar_where_its_error_is_known() -> None:
    def bars(growth: Growth) -> int:
        colours = {colour.hexval() for colour in part_colours().values()}
        shapes = growth_plot(growth, TEXTS).contents
        wide = [one for one in shapes if getattr(one, "strokeWidth", 0) == 2.5]
        assert all(one.strokeColor.hexval() in colours for one in wide)
        assert sum(type(one).__name__ == "PolyLine" for one in shapes) == len(Part)
        return len(wide)

    assert bars(grown()) == 3 * len(Part)
    assert bars(grown(None)) == 0


def test_the_sr_says_of_every_change_whether_it_exceeds_the_error(
    objects: tuple[ResultObject, ...], tmp_path: Path
) -> None:
    report: Dataset = one(objects, ObjectKind.REPORT).dataset
    said = " ".join(str(item.value) for item in report.iterall() if item.keyword == "TextValue")
    told = "whole tumour +47 % (+22.2 ml) since the study 365 days before, an increase beyond the measurement error"
    assert told in said
    assert "must not be compared with those of the study 730 days before (version 0.0.9)" in said
    path = tmp_path / "report.dcm"
    path.write_bytes(to_part10(report))
    assert dciodvfy_errors(path) == []
