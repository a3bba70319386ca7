from __future__ import annotations

import threading

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateway.db.tables import QuarantinedUpload
from gateway.intake.quarantine import QuarantineCipher, content_of, kept_uploads
from gateway.intake.receive import Intake
from processing.domain.errors import Defect, InputRejected, Transient
from tests.unit.gateway.front import instance, part10
from tests.unit.gateway.front_result import SECRET, MemoryArchive

GARBAGE = b"patient Anna Muster, born 1984"


@pytest.fixture
def cipher() -> QuarantineCipher:
    return QuarantineCipher(SECRET.encode(), "key-1")


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive()


@pytest.fixture
def intake(sessions: sessionmaker[Session], archive: MemoryArchive, cipher: QuarantineCipher) -> Intake:
    return Intake(sessions, archive, cipher)


def test_a_good_file_reaches_the_archive_byte_for_byte(intake: Intake, archive: MemoryArchive) -> None:
    content = part10(instance())
    received = intake.take(content, source="upload by otto")
    assert received.taken is not None
    assert received.kept is None
    assert [list(series.values()) for series in archive.files.values()] == [[content]]


def test_garbage_is_kept_encrypted_and_can_be_read_back(
    intake: Intake, archive: MemoryArchive, sessions: sessionmaker[Session], cipher: QuarantineCipher
) -> None:
    received = intake.take(GARBAGE, source="upload by otto")
    assert received.kept is not None
    assert archive.files == {}
    with sessions() as session:
        (row,) = session.scalars(select(QuarantinedUpload))
        assert (row.reason, row.source, row.size_bytes) == ("This is no DICOM file.", "upload by otto", len(GARBAGE))
        assert b"Anna" not in row.ciphertext
        assert content_of(row, cipher) == GARBAGE


def test_the_same_garbage_is_kept_once(intake: Intake, sessions: sessionmaker[Session]) -> None:
    first = intake.take(GARBAGE, source="upload by otto").kept
    again = intake.take(GARBAGE, source="STOW-RS by scanner").kept
    assert first is not None
    assert again is not None
    assert first.upload_id == again.upload_id
    with sessions() as session:
        assert len(kept_uploads(session)) == 1


def test_the_same_garbage_at_the_same_moment_is_kept_once(intake: Intake, sessions: sessionmaker[Session]) -> None:
    start = threading.Barrier(3)
    kept: list[int] = []

    def send() -> None:
        start.wait()
        upload = intake.take(GARBAGE, source="STOW-RS by scanner").kept
        assert upload is not None
        kept.append(upload.upload_id)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 3
    assert len(set(kept)) == 1


def test_what_the_archive_refuses_is_kept_too(sessions: sessionmaker[Session], cipher: QuarantineCipher) -> None:
    class Refusing(MemoryArchive):
        def store(self, instances: object) -> None:
            raise InputRejected("The archive refused 1 of 1 objects (failure reason 0110).")

    content = part10(instance())
    kept = Intake(sessions, Refusing(), cipher).take(content, source="upload by otto").kept
    assert kept is not None
    assert "0110" in kept.reason
    assert content_of(kept, cipher) == content


def test_an_archive_that_is_away_is_no_reason_for_quarantine(
    sessions: sessionmaker[Session], cipher: QuarantineCipher
) -> None:
    class Away(MemoryArchive):
        def store(self, instances: object) -> None:
            raise Transient("The archive can't be reached.")

    with pytest.raises(Transient):
        Intake(sessions, Away(), cipher).take(part10(instance()), source="upload by otto")
    with sessions() as session:
        assert kept_uploads(session) == []


def test_another_key_or_an_exchanged_row_does_not_open(intake: Intake, cipher: QuarantineCipher) -> None:
    one, two = intake.take(GARBAGE, source="a").kept, intake.take(GARBAGE * 2, source="a").kept
    assert one is not None
    assert two is not None
    with pytest.raises(Defect, match="can't be decrypted"):
        content_of(one, QuarantineCipher(SECRET[::-1].encode(), "key-1"))
    one.ciphertext = two.ciphertext
    with pytest.raises(Defect, match="can't be decrypted"):
        content_of(one, cipher)


def test_what_was_refused_for_a_while_is_taken_when_tried_again(
    sessions: sessionmaker[Session], cipher: QuarantineCipher, archive: MemoryArchive
) -> None:
    class Refusing(MemoryArchive):
        def store(self, instances: object) -> None:
            raise InputRejected("The archive refused 1 of 1 objects (failure reason 0110).")

    content = part10(instance())
    kept = Intake(sessions, Refusing(), cipher).take(content, source="upload by otto").kept
    assert kept is not None
    received = Intake(sessions, archive, cipher).take_again(kept.upload_id)
    assert received.taken is not None
    assert [list(series.values()) for series in archive.files.values()] == [[content]]
    with sessions() as session:
        assert kept_uploads(session) == []


def test_what_is_still_wrong_stays_with_its_reason(intake: Intake, sessions: sessionmaker[Session]) -> None:
    kept = intake.take(GARBAGE, source="upload by otto").kept
    assert kept is not None
    with sessions.begin() as session:
        session.get_one(QuarantinedUpload, kept.upload_id).reason = "What was wrong before."
    again = intake.take_again(kept.upload_id).kept
    assert again is not None
    assert again.reason == "This is no DICOM file."
    with sessions() as session:
        assert [upload.reason for upload in kept_uploads(session)] == [again.reason]


def test_an_archive_that_is_away_leaves_a_quarantined_file_where_it_is(
    sessions: sessionmaker[Session], cipher: QuarantineCipher
) -> None:
    class Away(MemoryArchive):
        refuses = True

        def store(self, instances: object) -> None:
            raise InputRejected("Refused.") if self.refuses else Transient("The archive can't be reached.")

    archive = Away()
    intake = Intake(sessions, archive, cipher)
    kept = intake.take(part10(instance()), source="upload by otto").kept
    assert kept is not None
    archive.refuses = False
    with pytest.raises(Transient):
        intake.take_again(kept.upload_id)
    with sessions() as session:
        assert len(kept_uploads(session)) == 1


def test_a_discarded_file_is_gone_and_can_not_be_discarded_twice(
    intake: Intake, sessions: sessionmaker[Session]
) -> None:
    kept = intake.take(GARBAGE, source="upload by otto").kept
    assert kept is not None
    intake.discard(kept.upload_id)
    with sessions() as session:
        assert kept_uploads(session) == []
    for act in (intake.discard, intake.take_again):
        with pytest.raises(KeyError):
            act(kept.upload_id)
