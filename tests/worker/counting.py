"""What a worker process asks of its database, counted: on the wire to PostgreSQL, or by SQLite's own trace."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from pathlib import Path

# Put in the worker's way by PYTHONPATH: every process of it imports this before anything else.
TRACE = """\
import os, sqlite3
_connect = sqlite3.connect
def connect(*given, **named):
    connection = _connect(*given, **named)
    def note(sql):
        with open(os.environ["SENSDB_TEST_TRACE"], "a", encoding="utf-8") as file:
            file.write(" ".join(sql.split()) + "\\n")
    connection.set_trace_callback(note)
    return connection
sqlite3.connect = connect
"""


def trace_sqlite(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment of a worker whose SQLite statements are written into the file, a line each."""
    (folder / "sitecustomize.py").write_text(TRACE, encoding="utf-8")
    return {"SENSDB_TEST_TRACE": str(folder / "trace")}, folder / "trace"


class CountingProxy:
    """Forwards connections to a PostgreSQL server and counts the statements that clients have it execute.

    BEGIN and COMMIT among them: those are messages like all others.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self.n_statements = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections; those there are end with their clients."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Message by message: a type, but for those before the session begins, a length, a body."""
        with contextlib.suppress(OSError, EOFError), server:
            started = False
            while True:
                kind = _exactly(client, 1) if started else b""
                length = _exactly(client, 4)
                body = _exactly(client, struct.unpack("!I", length)[0] - 4)
                # SSLRequest and GSSENCRequest carry these numbers, and the startup message follows them.
                started = started or body[:2] == b"\x00\x03"
                self.n_statements += kind in (b"Q", b"E")
                server.sendall(kind + length + body)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while data := server.recv(65536):
                client.sendall(data)


def _exactly(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = end.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data
