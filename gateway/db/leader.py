"""One of several gateways leads: it alone follows the archive's changes and the clock's other work for all.

The others wait with the same lock request and take over within seconds when the leader's connection ends. The lock only
saves work that would be done twice: what a step writes is guarded by its own transaction, so that two leaders for a
moment, when a connection broke unnoticed, lose and double nothing.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

_LOCK = 5_311_701
"""Number of PostgreSQL's advisory lock; the migrations have another one."""


class Leadership:
    """A PostgreSQL advisory lock that lasts as long as this process's connection; with SQLite there is one gateway.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._alone = engine.dialect.name != "postgresql"
        self._connection: Connection | None = None
        self._turn = threading.Lock()

    def holds(self) -> bool:
        """Whether this process leads now; asks for the lock when nobody has it."""
        if self._alone:
            return True
        with self._turn:
            if self._connection is None:
                return self._ask()
            try:
                # The lock ends with the connection: one that answers has it.
                self._connection.execute(text("SELECT 1"))
                self._connection.commit()
            except DBAPIError:
                self._let_go()
                return self._ask()
            return True

    def resign(self) -> None:
        """Let another gateway lead."""
        with self._turn:
            self._let_go()

    def _ask(self) -> bool:
        connection = self._engine.connect()
        try:
            taken = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:number)"), {"number": _LOCK}))
            connection.commit()
        except DBAPIError:
            connection.invalidate()
            connection.close()
            raise
        if not taken:
            connection.close()
            return False
        self._connection = connection
        return True

    def _let_go(self) -> None:
        if self._connection is not None:
            # Not back to the pool: the lock would go on with the connection.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
