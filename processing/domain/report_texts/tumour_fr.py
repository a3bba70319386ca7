"""The words of a tumour's report in French, as radiologists write them."""

from __future__ import annotations

from processing.domain.growth import Part
from processing.domain.report_texts.tumour_shape import DoubtTexts, TumourDraftTexts, TumourPageTexts, TumourTexts


def _days_before(days: int) -> str:
    return f"l'examen réalisé {days} {'jour' if days == 1 else 'jours'} avant"


TUMOUR = TumourTexts(
    decimal=",",
    parts={
        Part.WHOLE: "tumeur entière",
        Part.HYPERINTENSITY: "hypersignal FLAIR",
        Part.CORE: "noyau non rehaussé ou nécrotique",
        Part.ENHANCING: "tumeur rehaussée",
    },
    regions={"whole tumour": "tumeur entière", "tumour core": "noyau tumoral", "enhancing tumour": "tumeur rehaussée"},
    metrics={"Dice overlap": "recouvrement de Dice", "Hausdorff distance (mm)": "distance de Hausdorff (mm)"},
    ratios={
        "enhancing tumour to necrosis": "tumeur rehaussée / nécrose",
        "enhancing tumour to enhancing tumour and necrosis": "tumeur rehaussée / tumeur rehaussée et nécrose",
        "enhancing tumour to oedema": "tumeur rehaussée / œdème",
        "enhancing tumour to whole tumour": "tumeur rehaussée / tumeur entière",
        "oedema to necrosis": "œdème / nécrose",
        "oedema to enhancing tumour and necrosis": "œdème / tumeur rehaussée et nécrose",
        "oedema to whole tumour": "œdème / tumeur entière",
        "necrosis to whole tumour": "nécrose / tumeur entière",
    },
    days_before=_days_before,
    draft=TumourDraftTexts(
        technique="Technique : volumétrie sur {series}.",
        volumes="Volumes{side} : {listed}{whole}.",
        whole=" ; {volume} ml au total",
        nothing="Résultat : aucune partie de tumeur n'est rapportée.",
        diameters="Diamètres : plus grande lésion rehaussée {longest} sur {across} mm sur une coupe{rano}.",
        not_measurable=", non mesurable (moins de 10 mm)",
        agreement="Concordance : {alarms} comparaisons sur {comparisons} donnent l'alarme ({names}).",
        change="Évolution : {changes}.",
        one_change="{part} {change} depuis {since}, {error}",
        grown="augmentation au-delà de l'erreur de mesure",
        shrunk="diminution au-delà de l'erreur de mesure",
        unchanged="dans l'erreur de mesure",
        unknown="erreur de mesure inconnue",
        never_assessed=(
            "diffusion, perfusion et spectroscopie",
            "type et grade d'une tumeur",
            "signes d'autres maladies",
        ),
        no_change="évolution depuis un examen antérieur",
        not_assessed="Non évalué : {words}.",
        limits="Limites : {words}",
        either="et",
    ),
    doubts=DoubtTexts(
        versions=(
            "Les volumes mesurés par la version {version} ne doivent pas être comparés à ceux de {studies} : il faut "
            "d'abord mesurer à nouveau les examens antérieurs."
        ),
        studies="{study} (version {version})",
        middle_more=(
            "Les segmentations sont peut-être incohérentes ({part}) : l'examen du milieu montre plus que les deux "
            "autres, au-delà de l'erreur de mesure."
        ),
        middle_less=(
            "Les segmentations sont peut-être incohérentes ({part}) : l'examen du milieu montre moins que les deux "
            "autres, au-delà de l'erreur de mesure."
        ),
        appeared="Apparition depuis l'examen précédent ({part}) : regarder les deux contours.",
        vanished="Disparition depuis l'examen précédent ({part}) : regarder les deux contours.",
        contradiction=(
            "Depuis {study}, le volume de la tumeur rehaussée a changé de {volume} % et le produit de ses diamètres de "
            "{product} % : les deux ne disent pas la même chose."
        ),
        both="et",
    ),
    pages=TumourPageTexts(
        title="Volumétrie d'une tumeur cérébrale",
        measured_on="Mesuré sur",
        series="{series} de cet examen",
        with_tumour="{role} avec tumeur",
        volumes="Volumes",
        part="Partie",
        volume="Volume",
        diameters="diamètres de la plus grande lésion rehaussée",
        size="{longest} sur {across} mm",
        ratios="Rapports des volumes",
        ratio_columns=("Rapport", "Valeur"),
        agreement="Concordance des méthodes",
        segmenter_columns=("Méthode", "Poids : tumeur entière, noyau, rehaussée"),
        alarms="{alarms} comparaisons sur {comparisons} donnent l'alarme",
        nothing_to_compare="{segmenter}, {region} : rien à comparer ({metric})",
        alarm="{segmenter}, {region} : {metric} {value}",
        usually=", d'habitude mieux que {threshold}",
        growth="Évolution sur trois examens",
        growth_columns=("Partie", "Depuis", "Avant", "Maintenant", "Changement", "Erreur de mesure"),
        this_study="cet examen",
        beyond="au-delà de ±{percent} %",
        within="dans ±{percent} %",
        product="produit des deux plus grands diamètres",
        bars="Barres : entre ces volumes se situerait une autre acquisition de la même tumeur (95 %).",
        by_eye="Sur les images seules, avant tout volume, {reader} a lu : {reading}{diameters}.",
        measured_by_eye=", plus grande lésion {longest} sur {across} mm",
        read_with_volumes="Avec les volumes, {reader} a conclu : {reading}.",
    ),
)
