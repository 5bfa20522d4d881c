"""Opening the queue of a database, for commands: connected, with the schema checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sensdb.database.engine import open_engine, require_schema
from sensdb.jobs.queue import Queue


@contextmanager
def open_queue(url: str, *, read_only: bool = False) -> Iterator[Queue]:
    """The queue of a database, closed at the end.

    Args:
        url: the database, as the user gave it.
        read_only: the database itself refuses every write: reading never writes (P17).

    Raises:
        DatabaseError: the database cannot be reached, or `sensdb init` must be run first.
    """
    engine = open_engine(url, read_only=read_only)
    try:
        require_schema(engine)
        yield Queue(engine)
    finally:
        engine.dispose()
