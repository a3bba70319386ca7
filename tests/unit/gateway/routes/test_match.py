"""Whether a study fits the lines of a route."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from gateway.routes.match import StudyFacts, checks, facts_of, fits
from gateway.routes.model import Match


def facts(**values: str) -> StudyFacts:
    header = Dataset()
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return facts_of([header], ["MR", "SR"], ["SCANNER1"], ["CLINICAL"])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*flair*", "T2_FLAIR_tra"),
        ("schadel", "Schädel"),
        ("ENCÉPHALE", "encephale"),
        ("*sclérose*", "Suivi de SCLEROSE en plaques"),
        ("MS ?", "ms 2"),
        ("mr  brain", "MR Brain"),
    ],
)
def test_case_accents_and_spaces_do_not_count(pattern: str, text: str) -> None:
    assert fits(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), [("flair", "t2 flair"), ("MS ?", "ms"), ("a.c", "abc"), ("", "x")])
def test_the_whole_text_must_fit(pattern: str, text: str) -> None:
    assert not fits(pattern, text)


@pytest.mark.parametrize(
    ("line", "good", "bad"),
    [
        ("modality", "MR", "CT"),
        ("body_part", "KOPF", "KNEE"),
        ("description", "*verlauf*", "*tumor*"),
        ("referring_department", "neuro*", "ortho*"),
        ("calling_ae_title", "scanner?", "PACS"),
        ("called_ae_title", "CLINICAL", "OTHER"),
    ],
)
def test_each_line_is_compared_with_what_it_names(line: str, good: str, bad: str) -> None:
    study = facts(BodyPartExamined="KOPF", StudyDescription="MS Verlauf", RequestingService="Neurologie")
    (check,) = checks(Match.model_validate({line: [good]}), study)
    assert (check.line, check.fits) == (line, True)
    (check,) = checks(Match.model_validate({line: [bad]}), study)
    assert (check.line, check.fits) == (line, False)
    assert checks(Match.model_validate({line: [bad, good]}), study)[0].fits


def test_an_unwanted_description_excludes() -> None:
    unwanted = Match(not_description=("*phantom*",))
    assert not checks(unwanted, facts(SeriesDescription="QA Phantom"))[0].fits
    assert checks(unwanted, facts(SeriesDescription="FLAIR"))[0].fits


def test_a_study_that_names_no_body_part_is_not_excluded_by_it_but_by_a_missing_department() -> None:
    assert checks(Match(body_part=("HEAD",)), facts())[0].fits
    assert not checks(Match(referring_department=("NEURO",)), facts())[0].fits


def test_no_reason_repeats_free_text() -> None:
    study = facts(StudyDescription="Verlauf Frau Möller", InstitutionalDepartmentName="Praxis Dr. Tse")
    match = Match(description=("*verlauf*",), referring_department=("*x*",), not_description=("*verlauf*",))
    assert all("öller" not in check.reason and "Tse" not in check.reason for check in checks(match, study))
    assert "öller" not in repr(study)
