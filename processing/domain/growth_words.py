"""A tumour's growth in words: what changed, and why a reader must look again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import assert_never

from processing.domain.growth import Change, Doubt, Growth, GrowthDoubt, Part
from processing.domain.language import Language
from processing.domain.report_texts import TumourTexts, texts_in

Named = Callable[[date], str]
"""What an earlier study is called, by its day: a report that names no day counts the days between."""

TEXTS = texts_in(Language.ENGLISH).tumour


def by_days_before(growth: Growth, texts: TumourTexts) -> Named:
    """Return names that count the days from an earlier study to the current one."""
    return lambda day: texts.days_before((growth.current.day - day).days)


def doubts_in_words(growth: Growth, texts: TumourTexts = TEXTS, named: Named = date.isoformat) -> tuple[str, ...]:
    """Return each reason for doubt as a sentence.

    Parameters
    ----------
    growth : Growth
    texts : TumourTexts
    named : callable
    """
    return tuple(_sentence(doubt, growth, texts, named) for doubt in growth.doubts)


def change_in_words(part: Part, change: Change, texts: TumourTexts, since: str) -> str:
    """Return one change with what it is beside the measurement error."""
    draft = texts.draft
    error = {None: draft.unknown, 0: draft.unchanged, 1: draft.grown, -1: draft.shrunk}[change.direction]
    absolute, percent = f"{texts.figure(change.absolute, 1, signed=True)} ml", percent_in_words(change, texts)
    told = f"{percent} ({absolute})" if percent else absolute
    return draft.one_change.format(part=texts.parts[part], change=told, since=since, error=error)


def percent_in_words(change: Change, texts: TumourTexts) -> str:
    """Return a change in percent; empty where there was nothing before."""
    return "" if change.percent is None else f"{texts.figure(change.percent, 0, signed=True)} %"


def _sentence(found: GrowthDoubt, growth: Growth, texts: TumourTexts, named: Named) -> str:
    words, part = texts.doubts, texts.parts.get(found.part or Part.WHOLE, "")
    match found.doubt:
        case Doubt.VERSIONS:
            studies = [words.studies.format(study=named(one.day), version=one.version) for one in found.studies]
            return words.versions.format(version=growth.current.version, studies=f" {words.both} ".join(studies))
        case Doubt.MIDDLE:
            return (words.middle_more if found.more else words.middle_less).format(part=part)
        case Doubt.APPEARED:
            return words.appeared.format(part=part)
        case Doubt.VANISHED:
            return words.vanished.format(part=part)
        case Doubt.CONTRADICTION:
            volume, product = (texts.figure(percent, 0, signed=True) for percent in found.percent)
            return words.contradiction.format(study=named(found.studies[0].day), volume=volume, product=product)
        case never:
            assert_never(never)
