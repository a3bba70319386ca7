"""The vault's rows in memory."""

from __future__ import annotations


class MemoryStore:
    """Rows in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, bytes]] = {}

    def save(self, row_key: str, key_id: str, ciphertext: bytes) -> None:
        self.rows[row_key] = (key_id, ciphertext)

    def remove(self, row_key: str) -> None:
        self.rows.pop(row_key, None)

    def load(self, row_key: str) -> tuple[str, bytes] | None:
        return self.rows.get(row_key)
