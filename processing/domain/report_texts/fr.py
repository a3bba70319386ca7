"""The report's words in French, as radiologists write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from processing.domain.decision import Acceptance, Reading, TumourReading
from processing.domain.report_texts.shape import DraftTexts, PageTexts, ReportTexts
from processing.domain.report_texts.tumour_fr import TUMOUR
from processing.domain.result import LesionChange, Outline, Region, Side

_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_ONE = {
    LesionChange.NEW: "nouvelle lésion",
    LesionChange.GROWING: "lésion augmentée de volume",
    LesionChange.SHRINKING: "lésion diminuée de volume",
    LesionChange.VANISHED: "lésion disparue",
}
_MANY = {
    LesionChange.NEW: "nouvelles lésions",
    LesionChange.GROWING: "lésions augmentées de volume",
    LesionChange.SHRINKING: "lésions diminuées de volume",
    LesionChange.VANISHED: "lésions disparues",
}


def _day(day: date) -> str:
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def _comparison(prior: str, days: int | None, series: str) -> str:
    study = f"IRM du {prior}" if prior else "IRM antérieure (date inconnue)"
    apart = f", {days} {'jour' if days == 1 else 'jours'} avant l'examen actuel" if days is not None else ""
    return f"Comparaison : {study}{apart} ; sur {series}."


def _conclusion(counts: Mapping[LesionChange, int]) -> str:
    said = {kind: f"{counts[kind]} {(_ONE if counts[kind] == 1 else _MANY)[kind]}" for kind in counts if counts[kind]}
    more = [said[kind] for kind in LesionChange if kind.increase and kind in said]
    less = [said[kind] for kind in LesionChange if not kind.increase and kind in said]
    since = "par rapport à l'examen antérieur"
    if more:
        return f"{_DRAFT.listed(more + less, last='et')} {since}."
    if less:
        none = "Pas de nouvelle lésion ni de lésion augmentée de volume"
        return f"{none} ; {_DRAFT.listed(less, last='et')} {since}."
    return f"Pas de lésion nouvelle, augmentée ou diminuée de volume, ni disparue, {since}."


_DRAFT = DraftTexts(
    comparison=_comparison,
    headings={
        LesionChange.NEW: "Nouvelles lésions",
        LesionChange.GROWING: "Lésions augmentées",
        LesionChange.SHRINKING: "Lésions diminuées",
        LesionChange.VANISHED: "Lésions disparues",
    },
    totals={
        LesionChange.NEW: "{volume} au total",
        LesionChange.GROWING: "augmentation de {volume}",
        LesionChange.SHRINKING: "diminution de {volume}",
        LesionChange.VANISHED: "auparavant {volume} au total",
    },
    volumes={
        LesionChange.NEW: "{volume}",
        LesionChange.GROWING: "augmentation de {volume}, auparavant {before}",
        LesionChange.SHRINKING: "diminution de {volume}, auparavant {before}",
        LesionChange.VANISHED: "auparavant {volume}",
    },
    found=lambda heading, number, total, lesions: f"{heading} : {number} ({total}) : {lesions}.",
    lesion="{side}, {region}, {volume} (n° {number})",
    within_error=", dans l'erreur de mesure",
    below_quantification=", sous la limite de quantification de {limit}",
    smaller="et {number} plus petites",
    nothing="Résultats : aucune modification des lésions.",
    never_assessed=(
        "les lésions stables",
        "le rehaussement après injection",
        "la moelle épinière",
        "le volume cérébral",
        "les signes d'autres maladies",
    ),
    images="les images {role}",
    not_assessed=lambda words: f"Non évalués : {words}.",
    limits=lambda words: f"Limites : {words}",
    impression=lambda words: f"Conclusion : {words}",
    conclusion=_conclusion,
    both="et",
    either="et",
)

TEXTS = ReportTexts(
    code="fr",
    research_use="Réservé à la recherche, n'est pas un dispositif médical",
    day=_day,
    changes={
        LesionChange.NEW: "nouvelle",
        LesionChange.GROWING: "augmentée de volume",
        LesionChange.SHRINKING: "diminuée de volume",
        LesionChange.VANISHED: "disparue",
    },
    regions={
        Region.PERIVENTRICULAR: "périventriculaire",
        Region.JUXTACORTICAL: "juxtacorticale ou corticale",
        Region.DEEP_WHITE_MATTER: "substance blanche profonde",
        Region.INFRATENTORIAL: "sous-tentorielle",
    },
    sides={Side.LEFT: "gauche", Side.RIGHT: "droite", Side.MIDLINE: "ligne médiane"},
    outlines={
        Outline.ALGORITHM: "algorithme",
        Outline.CORRECTED: "corrigé par le lecteur",
        Outline.ADDED: "ajouté par le lecteur",
    },
    acceptance={Acceptance.ACCEPTABLE: "exploitable", Acceptance.UNACCEPTABLE: "inexploitable"},
    readings={
        Reading.STABLE: "pas de lésion nouvelle ni augmentée de volume",
        Reading.ACTIVE: "lésions nouvelles ou augmentées de volume",
        TumourReading.LARGER: "tumeur plus grande",
        TumourReading.UNCHANGED: "tumeur inchangée",
        TumourReading.SMALLER: "tumeur plus petite",
    },
    ratings={
        1: "inutilisable",
        2: "mauvais, erreurs majeures",
        3: "moyen, quelques erreurs",
        4: "bon, erreurs mineures",
        5: "excellent",
    },
    draft=_DRAFT,
    pages=PageTexts(
        title="Comparaison de deux IRM cérébrales",
        page="page {page} sur {total}",
        rejected="Le lecteur a rejeté ce résultat : il ne doit pas être utilisé, et aucune mesure n'est montrée.",
        patient="Patient",
        born="né(e) le {day}",
        accession="N° d'accession",
        study="Examen",
        compared_with="Comparé à",
        earlier_study="l'examen antérieur",
        days_before="l'examen réalisé {days} jours avant",
        method="Méthode",
        revision="Version",
        replaces="{edition} ; elle remplace les comptes rendus signés auparavant",
        reader="Lecteur",
        signed_by="Signé par",
        result="Résultat",
        rating="Note",
        rating_of_five="{rating} sur 5 : {meaning}",
        comment="Commentaire",
        second_reader="Second lecteur",
        quality="Qualité des images et du recalage",
        quality_columns=("Indice", "Valeur", "Appréciation"),
        as_expected="conforme",
        outside="hors de l'intervalle attendu",
        pictures="Images",
        pictures_of_largest="Images des {shown} plus grandes lésions sur {total}",
        captions=("Antérieur", "Actuel", "Actuel avec les lésions"),
        caption="Lésion {number} : {change}, {volume}, {side}, {region} ; coupe {plane} en {place}",
        planes={"axial": "axiale", "coronal": "coronale", "sagittal": "sagittale"},
        lesions="Lésions",
        lesion_columns=("N°", "Évolution", "Volume", "Avant", "Côté", "Région", "Contour", "Erreur de mesure"),
        not_known="inconnue",
        exceeds="au-delà de ±{limits}",
        within="dans ±{limits}",
        below_quantification="non quantifiable (sous {limit})",
        read_alone="Sans le résultat, {reader} a lu : {reading}.",
        read_blind="{reader}, sans connaître cette lecture ni les lésions, a lu : {reading}.",
        consensus="Consensus : {words}",
    ),
    tumour=TUMOUR,
)
