"""A proxy in front of PostgreSQL that cuts the connection at COMMIT, before it arrives or after, or falls silent.

A change of jobs outside a transaction commits itself, and counts as a COMMIT.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

Cut = Literal["before", "after", "late"]

BEGIN = b"BEGIN"
COMMIT = b"COMMIT\0"
COMMITS_ITSELF = b"update jobs set"


class CuttingProxy:
    """Forwards connections to a server; the next COMMIT after `arm` ends its connection.

    "before": the server never sees the COMMIT. "after": it commits, and the client never hears of it. "late": as
    after, but only once `let_through` is called. To the client all look alike.

    `silence` leaves the connections there are open in both directions and forwards nothing more: every byte is
    acknowledged, none is answered. New connections work.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._cut: Cut | None = None
        self.released = threading.Event()
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    def arm(self, cut: Cut) -> None:
        """Cut the next COMMIT."""
        self._cut = cut

    def silence(self) -> int:
        """Let the connections there are hang; how many."""
        links, self._links = self._links, []
        for link in links:
            link.silent.set()
        return len(links)

    def let_through(self) -> None:
        """Let a late COMMIT arrive; returns when the server has answered it."""
        self.released.set()
        for thread in self._threads[1:]:
            thread.join()

    def close(self) -> None:
        """Take no more connections; those there are end with their clients."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                link = _Link(self, client, socket.create_connection(self._server))
            except OSError:
                client.close()  # the server is away
                continue
            self._links.append(link)
            for work in (link.forward, link.answer):
                thread = threading.Thread(target=work)
                thread.start()
                self._threads.append(thread)

    def disarm(self) -> Cut | None:
        """What to do to the COMMIT that is just passing; only once."""
        cut, self._cut = self._cut, None
        return cut


class _Link:
    """One client's connection, and the one to the server that belongs to it."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self.silent = threading.Event()
        self._open = False
        self._deaf = threading.Event()
        self._answered = threading.Event()

    def forward(self) -> None:
        """Client to server."""
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                if self.silent.is_set():
                    continue
                cut = self._proxy.disarm() if self._commits(data) else None
                if cut == "late":
                    self._client.shutdown(socket.SHUT_RDWR)
                    self._proxy.released.wait(30)
                if cut in ("after", "late"):
                    self._deaf.set()
                    self._server.sendall(data)
                    self._answered.wait(10)
                if cut is not None:
                    break
                self._server.sendall(data)
        self._cut()

    def _commits(self, data: bytes) -> bool:
        """Whether what the client sends ends a transaction."""
        self._open = self._open or BEGIN in data
        commits = COMMIT in data or (COMMITS_ITSELF in data and not self._open)
        self._open = self._open and not commits and b"ROLLBACK" not in data
        return commits

    def answer(self) -> None:
        """Server to client, unless the client is to hear no more."""
        with contextlib.suppress(OSError):
            while data := self._server.recv(65536):
                if self.silent.is_set():
                    continue
                if self._deaf.is_set():
                    self._answered.set()
                    break
                self._client.sendall(data)
        self._cut()
        self._client.close()
        self._server.close()

    def _cut(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
