"""Free text that people type, sealed before it is stored: it may name a patient, however often a page asks not to."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from processing.domain.errors import Defect

_MARK = "sealed:1:"
_NONCE_BYTES = 12


class Seal:
    """AES-256-GCM under a key that is derived from the gateway's secret for this use alone.

    Parameters
    ----------
    secret : bytes
    key_id : str
    retired : sequence of (bytes, str)
        Secrets of before with their key ids: they open what they sealed.
    """

    def __init__(self, secret: bytes, key_id: str, retired: Sequence[tuple[bytes, str]] = ()) -> None:
        self._key_id = key_id
        self._aes = {known_id: _aes(known) for known, known_id in (*retired, (secret, key_id))}

    def close(self, words: str, of: str) -> str:
        """Return the words sealed; blank words stay empty, so that whether there are any can be told.

        Parameters
        ----------
        words : str
        of : str
            What they belong to, for example a job and a field: sealed words of another place do not open here.
        """
        if not words.strip():
            return ""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._aes[self._key_id].encrypt(nonce, words.encode(), of.encode())
        return f"{_MARK}{self._key_id}:{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, of: str) -> str:
        """Return the words; what was stored before words were sealed is returned as it is.

        Raises
        ------
        Defect
            If the key is not known, or the words were changed or moved here from elsewhere.
        """
        if not sealed.startswith(_MARK):
            return sealed
        key_id, _, encoded = sealed.removeprefix(_MARK).partition(":")
        aes = self._aes.get(key_id)
        if aes is None:
            raise Defect("A sealed text needs a key that the gateway was not given.")
        content = base64.b64decode(encoded)
        try:
            return aes.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], of.encode()).decode()
        except InvalidTag:
            raise Defect("A sealed text does not open with the gateway's key.") from None


def _aes(secret: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"interval/gateway/v1/text").derive(secret))
