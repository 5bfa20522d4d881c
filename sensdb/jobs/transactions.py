"""Transactions of the queue: repeated whole when the database asks for it, told apart when nobody knows the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import sqlalchemy as sa

from sensdb.database.at_once import AtOnce, Executor
from sensdb.database.deadlines import answered_within
from sensdb.database.engine import LIMITED, connection_error, reading, writing
from sensdb.database.url import mask
from sensdb.errors import DatabaseError
from sensdb.jobs.dialects import SECONDS_A_STATEMENT, dialect_of, is_transient

REPEATS = 5
T = TypeVar("T")


class CommitUnknown(DatabaseError):
    """The connection broke after COMMIT was sent: what was to be written may be there or not."""


class Repeat(Exception):
    """Raised inside `transact`'s work: another transaction came between; roll back and run the work again.

    Its text says what came between.
    """


def transact(
    engine: sa.Engine,
    work: Callable[[sa.Connection], T],
    *,
    statement_seconds: int = SECONDS_A_STATEMENT,
    answer_seconds: float | None = None,
) -> T:
    """Run `work` in one writing transaction and commit it.

    Deadlocks, lock and statement timeouts and a busy SQLite repeat the whole transaction, REPEATS times with jitter,
    so `work` may run more than once and must have no effect but on the database.

    Args:
        statement_seconds: the server's limit on each statement.
        answer_seconds: after which the connection is given up, for a frozen server answers nothing and ends nothing;
            None for twice the limit on a statement.

    Raises:
        CommitUnknown: look up whether it was committed; never repeat blindly.
        DatabaseError: the database is away, full or still busy; nothing was written.
    """
    limits = dialect_of(engine).limits(statement_seconds)
    usual = statement_seconds == SECONDS_A_STATEMENT

    def once(course: _Course) -> T:
        with answered_within(engine, answer_seconds or 2 * statement_seconds), writing(engine) as connection:
            if limits is not None and not (usual and connection.info.get(LIMITED)):
                connection.exec_driver_sql(limits)
            result = work(connection)
            course.committing = True
        return result

    return _repeated(engine, once)


def transact_at_once(engine: sa.Engine, work: Callable[[Executor], T], *, answer_seconds: float | None = None) -> T:
    """As `transact`, for work that is one statement on PostgreSQL: one way to the server and back instead of three.

    Raises:
        CommitUnknown: as `transact`; the answer of the statement is lost with that of its COMMIT.
        DatabaseError: as `transact`.
        RuntimeError: it is more than one statement.
    """
    if engine.dialect.name != "postgresql":
        return transact(engine, work, answer_seconds=answer_seconds)

    def once(course: _Course) -> T:
        with answered_within(engine, answer_seconds or 2 * SECONDS_A_STATEMENT):
            course.committing = True
            return work(AtOnce(engine))

    return _repeated(engine, once)


@dataclass
class _Course:
    """How far a transaction has come."""

    committing: bool = False


def _repeated(engine: sa.Engine, once: Callable[[_Course], T]) -> T:
    """Do a transaction once, and again while the database asks for it."""
    for repeat in range(REPEATS + 1):
        course = _Course()
        try:
            return once(course)
        except sa.exc.DBAPIError as error:
            if course.committing and error.connection_invalidated:
                raise CommitUnknown(f"{mask(engine.url)}: the connection broke during COMMIT.") from error
            if repeat == REPEATS or not is_transient(error):
                _raise_translated(engine, error)
        except Repeat as error:
            if repeat == REPEATS:
                raise DatabaseError(f"{mask(engine.url)}: {error}, {REPEATS + 1} times in a row.") from error
        time.sleep(random.uniform(0, 0.05 * 2**repeat))
    raise AssertionError("the last repeat returns or raises")


def inspect(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    """Run `work` in one reading transaction; it sees one moment of the database and takes no write lock.

    Raises:
        DatabaseError: the database is away.
    """
    try:
        with answered_within(engine, 2 * SECONDS_A_STATEMENT), reading(engine) as connection:
            return work(connection)
    except sa.exc.DBAPIError as error:
        _raise_translated(engine, error)


def inspect_at_once(engine: sa.Engine, work: Callable[[Executor], T]) -> T:
    """As `inspect`, for work that is one SELECT on PostgreSQL: one way to the server instead of three.

    Raises:
        DatabaseError: as `inspect`.
        RuntimeError: it is more than one statement.
    """
    if engine.dialect.name != "postgresql":
        return inspect(engine, work)
    try:
        with answered_within(engine, 2 * SECONDS_A_STATEMENT):
            return work(AtOnce(engine))
    except sa.exc.DBAPIError as error:
        _raise_translated(engine, error)


def _raise_translated(engine: sa.Engine, error: sa.exc.DBAPIError) -> NoReturn:
    """The error as rooms above know it; one of our own SQL or of a constraint stays what it is."""
    if error.connection_invalidated:
        raise connection_error(engine.url, error) from error
    if isinstance(error, sa.exc.OperationalError | sa.exc.InternalError | sa.exc.InterfaceError):
        raise DatabaseError(f"{mask(engine.url)}: {' '.join(str(error.orig).split())}.") from error
    raise error
