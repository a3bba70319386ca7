from __future__ import annotations

import pytest

from gateway.sealing import Seal
from processing.domain.errors import Defect

OLD, NEW = b"an old secret of many letters, 42", b"a new secret of many letters, 4242"


def test_words_come_back_only_where_they_belong() -> None:
    seal = Seal(NEW, "key-2")
    sealed = seal.close("Frau Muster ist unruhig.", "job-1/comment")
    assert "Muster" not in sealed
    assert sealed != seal.close("Frau Muster ist unruhig.", "job-1/comment"), "equal words are not seen to be equal"
    assert seal.open(sealed, "job-1/comment") == "Frau Muster ist unruhig."
    with pytest.raises(Defect):
        seal.open(sealed, "job-2/comment")


def test_a_retired_key_opens_what_it_sealed_and_another_does_not() -> None:
    sealed = Seal(OLD, "key-1").close("words", "x")
    assert Seal(NEW, "key-2", [(OLD, "key-1")]).open(sealed, "x") == "words"
    with pytest.raises(Defect, match="not given"):
        Seal(NEW, "key-2").open(sealed, "x")


def test_blank_words_stay_empty_and_words_from_before_stay_readable() -> None:
    seal = Seal(NEW, "key-2")
    assert seal.close(" \n", "x") == ""
    assert seal.open("", "x") == ""
    assert seal.open("Motion.", "x") == "Motion."
