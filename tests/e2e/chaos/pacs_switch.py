"""A switch between the gateway and the PACS: connections pass, are refused, or hang."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import Enum, auto


class Line(Enum):
    """What becomes of a connection."""

    OPEN = auto()
    REFUSED = auto()
    SILENT = auto()


class PacsSwitch:
    """Listens on a free port and passes connections on to the PACS while the line is open."""

    def __init__(self, pacs_port: int) -> None:
        self._pacs_port = pacs_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._line = Line.OPEN
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, line: Line) -> None:
        """Switch; every connection that stands is cut."""
        with self._lock:
            self._line = line
            cut, self._connections = self._connections, set()
        for connection in cut:
            _close(connection)

    def close(self) -> None:
        """Stop listening."""
        self.set(Line.REFUSED)
        _close(self._listener)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if self._line is Line.REFUSED:
                _close(caller)
            elif self._line is Line.SILENT:
                self._remember(caller)
            else:
                self._connect(caller)

    def _connect(self, caller: socket.socket) -> None:
        try:
            pacs = socket.create_connection(("127.0.0.1", self._pacs_port), timeout=5)
        except OSError:
            _close(caller)
            return
        pacs.settimeout(None)
        for side in (caller, pacs):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._remember(side)
        for source, sink in ((caller, pacs), (pacs, caller)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _remember(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(1 << 16):
                sink.sendall(content)
        for side in (source, sink):
            with self._lock:
                self._connections.discard(side)
            _close(side)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
