from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from processing.dicom.uids import derived_uid

_PARTS = st.lists(st.text(max_size=12), min_size=1, max_size=4)


@given(_PARTS)
def test_a_derived_uid_is_valid_and_the_same_each_time(parts: list[str]) -> None:
    uid = derived_uid(*parts)
    assert UID(uid).is_valid
    assert uid.startswith("2.25.")
    assert uid == derived_uid(*parts)


@given(_PARTS, _PARTS)
def test_different_things_have_different_uids(one: list[str], other: list[str]) -> None:
    assert (derived_uid(*one) == derived_uid(*other)) == (one == other)


def test_parts_do_not_run_together() -> None:
    assert derived_uid("ab", "c") != derived_uid("a", "bc")
    assert derived_uid("a", "", "b") != derived_uid("a", "b")


def test_what_was_derived_stays_so() -> None:
    # Objects in a PACS are found again by these: a change would store every result a second time.
    assert derived_uid("job-1", "draft", "report", "1") == "2.25.36277957780512636099331993992487811231"


def test_nothing_has_no_uid() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        derived_uid()
