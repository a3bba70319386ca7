"""What the server says to a reader has its words in every language of the viewer."""

from __future__ import annotations

import json
from typing import cast

import pytest

from demo.installation import REPOSITORY
from tests.unit.gateway.api.reader_sentences import reader_sentences


def _catalogue(language: str) -> dict[str, str]:
    text = (REPOSITORY / "viewer" / "src" / "texts" / f"sentences.{language}.json").read_text(encoding="utf-8")
    return cast(dict[str, str], json.loads(text))


@pytest.mark.parametrize("language", ["de", "fr"])
def test_every_sentence_has_words_in_the_language(language: str) -> None:
    catalogue = _catalogue(language)
    missing = {sentence: module for sentence, module in reader_sentences().items() if not catalogue.get(sentence)}
    assert not missing, f"add them to viewer/src/texts/sentences.{language}.json"


@pytest.mark.parametrize("language", ["de", "fr"])
def test_no_blank_is_lost_in_the_language(language: str) -> None:
    for english, other in _catalogue(language).items():
        assert english.count("{}") == other.count("{}"), english


def test_both_languages_hold_the_same_sentences() -> None:
    assert list(_catalogue("de")) == list(_catalogue("fr"))


def test_reasons_of_routes_versions_and_the_audit_trail_are_found_in_the_source() -> None:
    """Kept short as above: phrases, coded names, and details of entries."""
    assert {
        "T1-weighted after contrast agent ({})",
        "{} fits none of {} patterns: {}",
        "{} and the best of its kind",
        "body part",
        "changed, and readers rated it worse",
        "{} rose from {} to {} in the last {}.",
        "sent to a second reader",
        "on the case page",
        "{} taken, {} put into quarantine",
    } <= reader_sentences().keys()


def test_refusals_notes_warnings_and_figures_are_found_in_the_source() -> None:
    """Kept short: one of each kind, so that the search itself can't fall silent."""
    assert {
        "The password is wrong; nothing is signed.",
        "The outline overlaps lesion {}.",
        "Revision {} was signed by {} on {} and is replaced by this one: {}",
        "{} finding(s) have no place on the current FLAIR's slices and are not in the list.",
        "{} signal to noise",
        "registering the two studies",
        "second reader asked",
    } <= reader_sentences().keys()
