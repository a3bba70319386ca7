"""The report's words, one file per language."""

from processing.domain.language import Language
from processing.domain.report_texts import de, en, fr
from processing.domain.report_texts.shape import DraftTexts, PageTexts, ReportTexts
from processing.domain.report_texts.tumour_shape import TumourTexts

__all__ = ["DraftTexts", "PageTexts", "ReportTexts", "TumourTexts", "texts_in"]

_TEXTS = {Language.ENGLISH: en.TEXTS, Language.GERMAN: de.TEXTS, Language.FRENCH: fr.TEXTS}


def texts_in(language: Language) -> ReportTexts:
    """Return every word of the report in a language."""
    return _TEXTS[language]
