"""The installation's secrets in one file that a passphrase opens."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.settings import Settings
from processing.domain.errors import InputRejected

SECRETS = "secrets.sealed"
SHORTEST_PASSPHRASE = 16
_SALT_BYTES, _NONCE_BYTES = 16, 12
_USE = b"interval/admin/v1/secrets"


def secrets_of(settings: Settings) -> dict[str, str]:
    """Return the content of every secret file that the settings name, by the name of its setting."""
    named = {
        name: value
        for name, value in settings.model_dump().items()
        if name.endswith("_file") and isinstance(value, Path)
    }
    named |= {f"target_{target.name}": target.password_file for target in settings.more_targets if target.password_file}
    retired = (entry.partition("=") for entry in settings.pseudonym_retired_keys.split(",") if entry)
    named |= {f"pseudonym_key_{key_id}": Path(path) for key_id, _, path in retired}
    return {name: path.read_text(encoding="utf-8").strip() for name, path in named.items()}


def seal(secrets: Mapping[str, str], passphrase: str) -> bytes:
    """Encrypt secrets: AES-256-GCM under a key that scrypt makes of the passphrase.

    Raises
    ------
    InputRejected
        If the passphrase is short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InputRejected(f"The passphrase has fewer than {SHORTEST_PASSPHRASE} characters.")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, json.dumps(dict(secrets)).encode(), _USE)
    return b64encode(salt + nonce + sealed)


def unseal(content: bytes, passphrase: str) -> dict[str, str]:
    """Return the secrets.

    Raises
    ------
    InputRejected
        If the passphrase is another one, or the file was changed.
    """
    try:
        raw = b64decode(content, validate=True)
        salt, nonce, sealed = (
            raw[:_SALT_BYTES],
            raw[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES],
            raw[_SALT_BYTES + _NONCE_BYTES :],
        )
        opened = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _USE)
    except (InvalidTag, ValueError) as error:
        raise InputRejected("The passphrase does not open the backup's secrets.") from error
    return {str(name): str(secret) for name, secret in json.loads(opened).items()}


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
