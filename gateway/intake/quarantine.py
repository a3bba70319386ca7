"""What was sent and can't be used: kept encrypted, once, with the reason, until someone decides."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from gateway.db.tables import QuarantinedUpload
from processing.domain.errors import Defect

_NONCE_BYTES = 12


class QuarantineCipher:
    """AES-256-GCM under a key that is derived from the gateway's secret for this use alone.

    Parameters
    ----------
    secret : bytes
    key_id : str
    retired : sequence of (bytes, str)
        Secrets of before with their key ids: they open what they sealed.
    """

    def __init__(self, secret: bytes, key_id: str, retired: Sequence[tuple[bytes, str]] = ()) -> None:
        self.key_id = key_id
        self._aes = {known_id: _aes(known) for known, known_id in (*retired, (secret, key_id))}

    def seal(self, content: bytes, digest: str) -> bytes:
        """Encrypt; the digest is bound to it, so that rows can't be exchanged."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aes[self.key_id].encrypt(nonce, content, digest.encode())

    def open(self, ciphertext: bytes, digest: str, key_id: str) -> bytes:
        """Decrypt what was sealed under a key id.

        Raises
        ------
        Defect
            If the key is not known or another one, or the row was changed.
        """
        if key_id not in self._aes:
            raise Defect("A quarantined upload needs a key that the gateway was not given.")
        try:
            return self._aes[key_id].decrypt(ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:], digest.encode())
        except InvalidTag:
            raise Defect("A quarantined upload can't be decrypted with the gateway's key.") from None


def keep(
    session: Session, content: bytes, *, source: str, reason: str, cipher: QuarantineCipher, now: datetime | None = None
) -> QuarantinedUpload:
    """Keep a file. The same bytes again give the row that is there already.

    Parameters
    ----------
    session : Session
        The caller commits.
    content : bytes
    source : str
        Which way it came and by which account; 64 characters at most.
    reason : str
        One sentence without identity.
    cipher : QuarantineCipher
    now : datetime, optional
    """
    digest = hashlib.sha256(content).hexdigest()
    known = _by_digest(session, digest)
    if known is not None:
        return known
    kept = QuarantinedUpload(
        at=now or datetime.now(UTC),
        source=source[:64],
        sha256=digest,
        size_bytes=len(content),
        reason=reason,
        key_id=cipher.key_id,
        ciphertext=cipher.seal(content, digest),
    )
    try:
        with session.begin_nested():
            session.add(kept)
    except IntegrityError:
        # The same bytes came twice at the same moment.
        known = _by_digest(session, digest)
        if known is None:
            raise
        return known
    return kept


def kept_uploads(session: Session) -> list[QuarantinedUpload]:
    """Return what is kept, the newest first, without the bytes."""
    newest_first = select(QuarantinedUpload).order_by(QuarantinedUpload.upload_id.desc())
    return list(session.scalars(newest_first.options(defer(QuarantinedUpload.ciphertext))))


def content_of(upload: QuarantinedUpload, cipher: QuarantineCipher) -> bytes:
    """Return the bytes as they were sent; raises `Defect` as `QuarantineCipher.open` does."""
    return cipher.open(upload.ciphertext, upload.sha256, upload.key_id)


def _aes(secret: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"interval/intake/v1/quarantine").derive(secret))


def _by_digest(session: Session, digest: str) -> QuarantinedUpload | None:
    return session.scalars(select(QuarantinedUpload).where(QuarantinedUpload.sha256 == digest)).one_or_none()
