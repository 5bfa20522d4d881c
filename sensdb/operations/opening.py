"""Opening the queue of a database, for commands: connected, with the schema checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sensdb.database.engine import open_engine, require_schema
from sensdb.jobs.queue import Queue
from sensdb.jobs.reader import QueueReader


@contextmanager
def open_queue(url: str) -> Iterator[Queue]:
    """The queue of a database, to read and to write.

    Raises:
        DatabaseError: the database cannot be reached, or `sensdb init` must be run first.
    """
    with _checked(url, read_only=False) as engine:
        yield Queue(engine)


@contextmanager
def open_reader(url: str) -> Iterator[QueueReader]:
    """The reading half of the queue; the database itself refuses every write of this connection.

    Raises as `open_queue` does.
    """
    with _checked(url, read_only=True) as engine:
        yield QueueReader(engine)


@contextmanager
def _checked(url: str, *, read_only: bool) -> Iterator[sa.Engine]:
    engine = open_engine(url, read_only=read_only)
    try:
        require_schema(engine)
        yield engine
    finally:
        engine.dispose()
