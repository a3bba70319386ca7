"""The report's words in English."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from processing.domain.decision import Acceptance, Reading, TumourReading
from processing.domain.report_texts.shape import DraftTexts, PageTexts, ReportTexts
from processing.domain.report_texts.tumour_en import TUMOUR
from processing.domain.result import LesionChange, Outline, Region, Side

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _comparison(prior: str, days: int | None, series: str) -> str:
    study = f"MR of {prior}" if prior else "MR of the earlier study (date not known)"
    apart = f", {days} days before the present one" if days is not None else ""
    return f"Comparison: {study}{apart}; on {series}."


def _conclusion(counts: Mapping[LesionChange, int]) -> str:
    more = [f"{counts[kind]} {kind}" for kind in LesionChange if kind.increase and counts[kind]]
    less = [f"{counts[kind]} {kind}" for kind in LesionChange if not kind.increase and counts[kind]]
    lesion = "lesion" if sum(counts.values()) == 1 else "lesions"
    if more:
        return f"{_DRAFT.listed(more + less, last='and')} {lesion} since the comparison."
    if less:
        return f"No new or growing lesion; {_DRAFT.listed(less, last='and')} {lesion} since the comparison."
    return "No new, growing, shrinking or vanished lesion since the comparison."


_DRAFT = DraftTexts(
    comparison=_comparison,
    headings={
        LesionChange.NEW: "New lesions",
        LesionChange.GROWING: "Growing lesions",
        LesionChange.SHRINKING: "Shrinking lesions",
        LesionChange.VANISHED: "Vanished lesions",
    },
    totals={
        LesionChange.NEW: "{volume} in all",
        LesionChange.GROWING: "{volume} added",
        LesionChange.SHRINKING: "{volume} lost",
        LesionChange.VANISHED: "{volume} lost",
    },
    volumes={
        LesionChange.NEW: "{volume}",
        LesionChange.GROWING: "{volume} added to {before}",
        LesionChange.SHRINKING: "{volume} lost of {before}",
        LesionChange.VANISHED: "{volume}",
    },
    found=lambda heading, number, total, lesions: f"{heading}: {number} ({total}): {lesions}.",
    lesion="{side}, {region}, {volume} (no. {number})",
    within_error=", within the measurement error",
    below_quantification=", below the limit of quantification of {limit}",
    smaller="and {number} smaller ones",
    nothing="Findings: no lesion changed.",
    never_assessed=(
        "lesions that did not change",
        "enhancement after contrast",
        "the spinal cord",
        "brain volume",
        "findings of other diseases",
    ),
    images="{role} images",
    not_assessed=lambda words: f"Not assessed: {words}.",
    limits=lambda words: f"Limits: {words}",
    impression=lambda words: f"Impression: {words}",
    conclusion=_conclusion,
    both="and",
    either="or",
)

TEXTS = ReportTexts(
    code="en",
    research_use="Research use, not a medical device",
    day=_day,
    changes={change: change.value for change in LesionChange},
    regions={region: region.value for region in Region},
    sides={side: side.value for side in Side},
    outlines={outline: outline.value for outline in Outline},
    acceptance={acceptance: acceptance.value for acceptance in Acceptance},
    readings={reading: reading.value for kind in (Reading, TumourReading) for reading in kind},
    ratings={1: "unusable", 2: "poor, major errors", 3: "fair, some errors", 4: "good, minor errors", 5: "excellent"},
    draft=_DRAFT,
    pages=PageTexts(
        title="Comparison of two brain MR studies",
        page="page {page} of {total}",
        rejected="The reader rejected this result: it must not be used, and no measurement is shown.",
        patient="Patient",
        born="born {day}",
        accession="Accession",
        study="Study",
        compared_with="Compared with",
        earlier_study="the earlier study",
        days_before="the study {days} days before",
        method="Method",
        revision="Revision",
        replaces="{edition}; it replaces the reports that were signed before",
        reader="Reader",
        signed_by="Signed by",
        result="Result",
        rating="Rating",
        rating_of_five="{rating} of 5: {meaning}",
        comment="Comment",
        second_reader="Second reader",
        quality="Quality of images and registration",
        quality_columns=("Figure", "Value", "Judgement"),
        as_expected="as expected",
        outside="outside the expected range",
        pictures="Pictures",
        pictures_of_largest="Pictures of the {shown} largest of {total} lesions",
        captions=("Prior", "Current", "Current with lesions"),
        caption="Lesion {number}: {change}, {volume}, {side}, {region}; {plane} slice at {place}",
        planes={"axial": "axial", "coronal": "coronal", "sagittal": "sagittal"},
        lesions="Lesions",
        lesion_columns=("No.", "Change", "Volume", "Before", "Side", "Region", "Outline", "Measurement error"),
        not_known="not known",
        exceeds="exceeds ±{limits}",
        within="within ±{limits}",
        below_quantification="not quantified (below {limit})",
        read_alone="Without the result, {reader} read: {reading}.",
        read_blind="{reader}, who then saw neither that nor the lesions, read: {reading}.",
        consensus="Consensus: {words}",
    ),
    tumour=TUMOUR,
)
