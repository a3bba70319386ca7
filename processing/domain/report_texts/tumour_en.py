"""The words of a tumour's report in English, as radiologists write them."""

from __future__ import annotations

from processing.domain.growth import Part
from processing.domain.report_texts.tumour_shape import DoubtTexts, TumourDraftTexts, TumourPageTexts, TumourTexts


def _days_before(days: int) -> str:
    return f"the study {days} {'day' if days == 1 else 'days'} before"


TUMOUR = TumourTexts(
    decimal=".",
    parts={part: part.value for part in Part},
    regions={},
    metrics={},
    ratios={},
    days_before=_days_before,
    draft=TumourDraftTexts(
        technique="Technique: volumes on {series}.",
        volumes="Volumes{side}: {listed}{whole}.",
        whole="; {volume} ml in all",
        nothing="Findings: no part of a tumour is reported.",
        diameters="Diameters: largest enhancing lesion {longest} by {across} mm on one slice{rano}.",
        not_measurable=", not measurable (under 10 mm)",
        agreement="Agreement: {alarms} of {comparisons} comparisons raise an alarm ({names}).",
        change="Change: {changes}.",
        one_change="{part} {change} since {since}, {error}",
        grown="an increase beyond the measurement error",
        shrunk="a decrease beyond the measurement error",
        unchanged="within the measurement error",
        unknown="measurement error not known",
        never_assessed=(
            "diffusion, perfusion and spectroscopy",
            "the kind or grade of a tumour",
            "findings of other diseases",
        ),
        no_change="change since an earlier study",
        not_assessed="Not assessed: {words}.",
        limits="Limits: {words}",
        either="or",
    ),
    doubts=DoubtTexts(
        versions=(
            "Volumes measured by version {version} must not be compared with those of {studies}: measure the earlier "
            "studies again first."
        ),
        studies="{study} (version {version})",
        middle_more=(
            "The segmentations may be inconsistent: of the {part}, the middle study shows more than both others by "
            "more than the measurement error."
        ),
        middle_less=(
            "The segmentations may be inconsistent: of the {part}, the middle study shows less than both others by "
            "more than the measurement error."
        ),
        appeared="Since the previous study the {part} appeared: look at both outlines.",
        vanished="Since the previous study the {part} vanished: look at both outlines.",
        contradiction=(
            "Since {study}, the enhancing tumour's volume changed by {volume} % and the product of its diameters by "
            "{product} %: the two do not say the same."
        ),
        both="and",
    ),
    pages=TumourPageTexts(
        title="Brain tumour volumes",
        measured_on="Measured on",
        series="{series} of this study",
        with_tumour="{role} with tumour",
        volumes="Volumes",
        part="Part",
        volume="Volume",
        diameters="diameters of the largest enhancing lesion",
        size="{longest} by {across} mm",
        ratios="Volumetric ratios",
        ratio_columns=("Ratio of volumes", "Value"),
        agreement="Agreement of the segmenters",
        segmenter_columns=("Segmenter", "Weight: whole tumour, core, enhancing"),
        alarms="{alarms} of {comparisons} comparisons raised an alarm",
        nothing_to_compare="{segmenter}, {region}: nothing to compare ({metric})",
        alarm="{segmenter}, {region}: {metric} {value}",
        usually=", usually better than {threshold}",
        growth="Change over three time points",
        growth_columns=("Part", "Since", "Before", "Now", "Change", "Measurement error"),
        this_study="this study",
        beyond="exceeds ±{percent} %",
        within="within ±{percent} %",
        product="product of the two largest diameters",
        bars="Bars: between these volumes another scan of the same tumour would lie (95 %).",
        by_eye="From the images alone, before any volume was shown, {reader} read: {reading}{diameters}.",
        measured_by_eye=", largest lesion {longest} by {across} mm",
        read_with_volumes="With the volumes, {reader} concluded: {reading}.",
    ),
)
