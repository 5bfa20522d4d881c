"""A client's own deadline for the server's answer, after which the connection is cut from this side.

A server that is frozen, or a middlebox that lost the connection, may still acknowledge every packet: keepalives and
TCP_USER_TIMEOUT do not fire then, and limits of the server end nothing (queue-lessons.md 5). A driver waiting in
recv() wakes when another thread shuts its socket down, and reports a lost connection.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

SECONDS_BETWEEN_LOOKS = 0.5

_connections: weakref.WeakKeyDictionary[sa.Engine, weakref.WeakSet[Any]] = weakref.WeakKeyDictionary()


def know_connections(engine: sa.Engine) -> None:
    """Keep in mind which driver connections belong to the engine, from its first on."""
    known = _connections[engine] = weakref.WeakSet()

    @sa.event.listens_for(engine, "connect")
    def _connected(driver: Any, record: object) -> None:
        known.add(driver)


@contextmanager
def answered_within(engine: sa.Engine, seconds: float) -> Iterator[None]:
    """Cut the engine's connections if what is done inside takes longer; it then fails with a lost connection.

    All of them, for the one that hangs may be that which the pool is trying out; so an engine on which several
    threads wait at once should not be given short deadlines. Nothing happens on SQLite, which has no server.
    """
    known = _connections.get(engine)
    if known is None:
        yield
        return
    token = _watchdog.add(time.monotonic() + seconds, known)
    try:
        yield
    finally:
        _watchdog.remove(token)


class _Watchdog:
    """One thread for all deadlines of the process: a timer each would cost more than the statement it guards."""

    def __init__(self) -> None:
        self._deadlines: dict[int, tuple[float, weakref.WeakSet[Any]]] = {}
        self._tokens = itertools.count()
        self._pid = 0
        self._starting = threading.Lock()

    def add(self, deadline: float, connections: weakref.WeakSet[Any]) -> int:
        if self._pid != os.getpid():
            self._start()
        token = next(self._tokens)
        self._deadlines[token] = (deadline, connections)
        return token

    def remove(self, token: int) -> None:
        self._deadlines.pop(token, None)

    def _start(self) -> None:
        """Start the thread, in a forked process anew."""
        with self._starting:
            if self._pid != os.getpid():
                self._deadlines = {}
                self._pid = os.getpid()
                threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            now = time.monotonic()
            for token, (deadline, connections) in list(self._deadlines.items()):
                if now >= deadline:
                    self.remove(token)
                    for driver in list(connections):
                        _cut(driver)


def _cut(driver: Any) -> None:
    """Shut a connection's socket down; whoever waits on it hears of a lost connection."""
    with contextlib.suppress(OSError, driver.OperationalError, ValueError):
        # A duplicate: the driver goes on owning its own.
        with socket.socket(fileno=os.dup(driver.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


_watchdog = _Watchdog()
