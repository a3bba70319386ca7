"""The report's words in German, as radiologists write them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from processing.domain.decision import Acceptance, Reading, TumourReading
from processing.domain.report_texts.shape import DraftTexts, PageTexts, ReportTexts
from processing.domain.report_texts.tumour_de import TUMOUR
from processing.domain.result import LesionChange, Outline, Region, Side

_MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
_ADJECTIVES = {
    LesionChange.NEW: "neue",
    LesionChange.GROWING: "größenprogrediente",
    LesionChange.SHRINKING: "größenregrediente",
    LesionChange.VANISHED: "nicht mehr abgrenzbare",
}


def _day(day: date) -> str:
    return f"{day.day}. {_MONTHS[day.month - 1]} {day.year}"


def _comparison(prior: str, days: int | None, series: str) -> str:
    study = f"MRT vom {prior}" if prior else "MRT der Voruntersuchung (Datum nicht bekannt)"
    apart = f", {days} {'Tag' if days == 1 else 'Tage'} vor der aktuellen" if days is not None else ""
    return f"Vergleich: {study}{apart}; anhand von {series}."


def _conclusion(counts: Mapping[LesionChange, int]) -> str:
    more = [f"{counts[kind]} {_ADJECTIVES[kind]}" for kind in LesionChange if kind.increase and counts[kind]]
    less = [f"{counts[kind]} {_ADJECTIVES[kind]}" for kind in LesionChange if not kind.increase and counts[kind]]
    last = [counts[kind] for kind in LesionChange if counts[kind]]
    lesion = "Läsion" if last and last[-1] == 1 else "Läsionen"
    since = "im Vergleich zur Voruntersuchung"
    if more:
        return f"{_DRAFT.listed(more + less, last='und')} {lesion} {since}."
    if less:
        return f"Keine neue oder größenprogrediente Läsion; {_DRAFT.listed(less, last='und')} {lesion} {since}."
    return f"Keine neue, größenprogrediente, größenregrediente oder nicht mehr abgrenzbare Läsion {since}."


_DRAFT = DraftTexts(
    comparison=_comparison,
    headings={
        LesionChange.NEW: "Neue Läsionen",
        LesionChange.GROWING: "Größenprogrediente Läsionen",
        LesionChange.SHRINKING: "Größenregrediente Läsionen",
        LesionChange.VANISHED: "Nicht mehr abgrenzbare Läsionen",
    },
    totals={
        LesionChange.NEW: "insgesamt {volume}",
        LesionChange.GROWING: "Zunahme um {volume}",
        LesionChange.SHRINKING: "Abnahme um {volume}",
        LesionChange.VANISHED: "zuvor insgesamt {volume}",
    },
    volumes={
        LesionChange.NEW: "{volume}",
        LesionChange.GROWING: "Zunahme um {volume}, zuvor {before}",
        LesionChange.SHRINKING: "Abnahme um {volume}, zuvor {before}",
        LesionChange.VANISHED: "zuvor {volume}",
    },
    found=lambda heading, number, total, lesions: f"{heading}: {number} ({total}): {lesions}.",
    lesion="{side}, {region}, {volume} (Nr. {number})",
    within_error=", innerhalb des Messfehlers",
    below_quantification=", unter der Bestimmungsgrenze von {limit}",
    smaller="und {number} kleinere",
    nothing="Befund: keine Veränderung von Läsionen.",
    never_assessed=(
        "unveränderte Läsionen",
        "Kontrastmittelanreicherung",
        "Rückenmark",
        "Hirnvolumen",
        "Befunde anderer Erkrankungen",
    ),
    images="{role}-gewichtete Aufnahmen",
    not_assessed=lambda words: f"Nicht beurteilt: {words}.",
    limits=lambda words: f"Einschränkungen: {words}",
    impression=lambda words: f"Beurteilung: {words}",
    conclusion=_conclusion,
    both="und",
    either="und",
)

TEXTS = ReportTexts(
    code="de",
    research_use="Nur für Forschung, kein Medizinprodukt",
    day=_day,
    changes={
        LesionChange.NEW: "neu",
        LesionChange.GROWING: "größenprogredient",
        LesionChange.SHRINKING: "größenregredient",
        LesionChange.VANISHED: "nicht mehr abgrenzbar",
    },
    regions={
        Region.PERIVENTRICULAR: "periventrikulär",
        Region.JUXTACORTICAL: "juxtakortikal oder kortikal",
        Region.DEEP_WHITE_MATTER: "tiefes Marklager",
        Region.INFRATENTORIAL: "infratentoriell",
    },
    sides={Side.LEFT: "links", Side.RIGHT: "rechts", Side.MIDLINE: "Mittellinie"},
    outlines={
        Outline.ALGORITHM: "Algorithmus",
        Outline.CORRECTED: "vom Befunder korrigiert",
        Outline.ADDED: "vom Befunder hinzugefügt",
    },
    acceptance={Acceptance.ACCEPTABLE: "verwertbar", Acceptance.UNACCEPTABLE: "nicht verwertbar"},
    readings={
        Reading.STABLE: "keine neue oder größenprogrediente Läsion",
        Reading.ACTIVE: "neue oder größenprogrediente Läsionen",
        TumourReading.LARGER: "Tumor größer",
        TumourReading.UNCHANGED: "Tumor unverändert",
        TumourReading.SMALLER: "Tumor kleiner",
    },
    ratings={
        1: "unbrauchbar",
        2: "schlecht, große Fehler",
        3: "mittel, einige Fehler",
        4: "gut, kleine Fehler",
        5: "ausgezeichnet",
    },
    draft=_DRAFT,
    pages=PageTexts(
        title="Vergleich zweier MRT-Untersuchungen des Gehirns",
        page="Seite {page} von {total}",
        rejected="Der Befunder hat dieses Ergebnis abgelehnt. Es darf nicht verwendet werden; Messwerte fehlen daher.",
        patient="Patient",
        born="geb. {day}",
        accession="Auftragsnummer",
        study="Untersuchung",
        compared_with="Vergleich mit",
        earlier_study="der Voruntersuchung",
        days_before="der Untersuchung {days} Tage zuvor",
        method="Methode",
        revision="Fassung",
        replaces="{edition}; sie ersetzt die zuvor signierten Befunde",
        reader="Befunder",
        signed_by="Signiert von",
        result="Ergebnis",
        rating="Note",
        rating_of_five="{rating} von 5: {meaning}",
        comment="Kommentar",
        second_reader="Zweitbefunder",
        quality="Qualität der Bilder und der Registrierung",
        quality_columns=("Größe", "Wert", "Urteil"),
        as_expected="wie erwartet",
        outside="außerhalb des erwarteten Bereichs",
        pictures="Bilder",
        pictures_of_largest="Bilder der {shown} größten von {total} Läsionen",
        captions=("Voruntersuchung", "Aktuell", "Aktuell mit Läsionen"),
        caption="Läsion {number}: {change}, {volume}, {side}, {region}; {plane} Schicht bei {place}",
        planes={"axial": "axiale", "coronal": "koronare", "sagittal": "sagittale"},
        lesions="Läsionen",
        lesion_columns=("Nr.", "Verlauf", "Volumen", "Zuvor", "Seite", "Region", "Kontur", "Messfehler"),
        not_known="nicht bekannt",
        exceeds="über ±{limits}",
        within="innerhalb ±{limits}",
        below_quantification="nicht bestimmbar (unter {limit})",
        read_alone="Ohne das Ergebnis befundete {reader}: {reading}.",
        read_blind="{reader}, ohne Kenntnis davon und der Läsionen, befundete: {reading}.",
        consensus="Konsens: {words}",
    ),
    tumour=TUMOUR,
)
