"""The words of a tumour's report in German, as radiologists write them."""

from __future__ import annotations

from processing.domain.growth import Part
from processing.domain.report_texts.tumour_shape import DoubtTexts, TumourDraftTexts, TumourPageTexts, TumourTexts


def _days_before(days: int) -> str:
    return f"der Untersuchung {days} {'Tag' if days == 1 else 'Tage'} zuvor"


TUMOUR = TumourTexts(
    decimal=",",
    parts={
        Part.WHOLE: "gesamter Tumor",
        Part.HYPERINTENSITY: "FLAIR-Hyperintensität",
        Part.CORE: "nicht anreichernder oder nekrotischer Kern",
        Part.ENHANCING: "anreichernder Tumor",
    },
    regions={"whole tumour": "gesamter Tumor", "tumour core": "Tumorkern", "enhancing tumour": "anreichernder Tumor"},
    metrics={"Dice overlap": "Überlappung nach Dice", "Hausdorff distance (mm)": "Hausdorff-Abstand (mm)"},
    ratios={
        "enhancing tumour to necrosis": "anreichernder Tumor zu Nekrose",
        "enhancing tumour to enhancing tumour and necrosis": "anreichernder Tumor zu anreicherndem Tumor und Nekrose",
        "enhancing tumour to oedema": "anreichernder Tumor zu Ödem",
        "enhancing tumour to whole tumour": "anreichernder Tumor zu gesamtem Tumor",
        "oedema to necrosis": "Ödem zu Nekrose",
        "oedema to enhancing tumour and necrosis": "Ödem zu anreicherndem Tumor und Nekrose",
        "oedema to whole tumour": "Ödem zu gesamtem Tumor",
        "necrosis to whole tumour": "Nekrose zu gesamtem Tumor",
    },
    days_before=_days_before,
    draft=TumourDraftTexts(
        technique="Technik: Volumetrie anhand von {series}.",
        volumes="Volumina{side}: {listed}{whole}.",
        whole="; insgesamt {volume} ml",
        nothing="Befund: Es wird kein Tumoranteil berichtet.",
        diameters="Durchmesser: größte anreichernde Läsion {longest} mal {across} mm in einer Schicht{rano}.",
        not_measurable=", nicht messbar (unter 10 mm)",
        agreement="Übereinstimmung: {alarms} von {comparisons} Vergleichen geben Alarm ({names}).",
        change="Verlauf: {changes}.",
        one_change="{part} {change} seit {since}, {error}",
        grown="Zunahme über den Messfehler hinaus",
        shrunk="Abnahme über den Messfehler hinaus",
        unchanged="innerhalb des Messfehlers",
        unknown="Messfehler nicht bekannt",
        never_assessed=(
            "Diffusion, Perfusion und Spektroskopie",
            "Art und Grad eines Tumors",
            "Befunde anderer Erkrankungen",
        ),
        no_change="Veränderung seit einer Voruntersuchung",
        not_assessed="Nicht beurteilt: {words}.",
        limits="Einschränkungen: {words}",
        either="und",
    ),
    doubts=DoubtTexts(
        versions=(
            "Die von Version {version} gemessenen Volumina dürfen nicht mit denen {studies} verglichen werden: Zuerst "
            "müssen die Voruntersuchungen neu gemessen werden."
        ),
        studies="{study} (Version {version})",
        middle_more=(
            "Die Segmentierungen sind möglicherweise uneinheitlich ({part}): Die mittlere Untersuchung zeigt mehr als "
            "beide anderen, über den Messfehler hinaus."
        ),
        middle_less=(
            "Die Segmentierungen sind möglicherweise uneinheitlich ({part}): Die mittlere Untersuchung zeigt weniger "
            "als beide anderen, über den Messfehler hinaus."
        ),
        appeared="Seit der letzten Untersuchung neu abgegrenzt ({part}): beide Konturen ansehen.",
        vanished="Seit der letzten Untersuchung nicht mehr abgegrenzt ({part}): beide Konturen ansehen.",
        contradiction=(
            "Seit {study} hat sich das Volumen des anreichernden Tumors um {volume} % verändert, das Produkt seiner "
            "Durchmesser um {product} %: Beides sagt nicht dasselbe."
        ),
        both="und",
    ),
    pages=TumourPageTexts(
        title="Volumetrie eines Hirntumors",
        measured_on="Gemessen auf",
        series="{series} dieser Untersuchung",
        with_tumour="{role} mit Tumor",
        volumes="Volumina",
        part="Anteil",
        volume="Volumen",
        diameters="Durchmesser der größten anreichernden Läsion",
        size="{longest} mal {across} mm",
        ratios="Verhältnisse der Volumina",
        ratio_columns=("Verhältnis", "Wert"),
        agreement="Übereinstimmung der Verfahren",
        segmenter_columns=("Verfahren", "Gewicht: gesamter Tumor, Kern, anreichernd"),
        alarms="{alarms} von {comparisons} Vergleichen geben Alarm",
        nothing_to_compare="{segmenter}, {region}: nichts zu vergleichen ({metric})",
        alarm="{segmenter}, {region}: {metric} {value}",
        usually=", sonst besser als {threshold}",
        growth="Verlauf über drei Zeitpunkte",
        growth_columns=("Anteil", "Seit", "Zuvor", "Jetzt", "Veränderung", "Messfehler"),
        this_study="diese Untersuchung",
        beyond="über ±{percent} %",
        within="innerhalb ±{percent} %",
        product="Produkt der beiden größten Durchmesser",
        bars="Balken: Zwischen diesen Volumina läge eine weitere Aufnahme desselben Tumors (95 %).",
        by_eye="Nur anhand der Bilder, bevor ein Volumen gezeigt wurde, befundete {reader}: {reading}{diameters}.",
        measured_by_eye=", größte Läsion {longest} mal {across} mm",
        read_with_volumes="Mit den Volumina schloss {reader}: {reading}.",
    ),
)
