"""What differs between the two databases, where it can be seen without one."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
import sqlalchemy as sa

from sensdb.jobs.dialects import POSTGRESQL, SQLITE, is_transient, rows_json


def _error(original: Exception) -> sa.exc.DBAPIError:
    return sa.exc.OperationalError("select 1", {}, original)


def _sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("made up")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "original",
    [
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.SerializationFailure(),
        psycopg.errors.LockNotAvailable(),
        psycopg.errors.QueryCanceled(),
        _sqlite_error(sqlite3.SQLITE_BUSY),
        _sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
        _sqlite_error(sqlite3.SQLITE_LOCKED),
    ],
    ids=repr,
)
def test_what_may_succeed_when_repeated_is_transient(original: Exception) -> None:
    assert is_transient(_error(original))


@pytest.mark.parametrize(
    "original",
    [
        psycopg.errors.DiskFull(),
        psycopg.errors.AdminShutdown(),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        _sqlite_error(sqlite3.SQLITE_FULL),
        _sqlite_error(sqlite3.SQLITE_IOERR),
    ],
    ids=repr,
)
def test_what_would_fail_again_or_may_have_succeeded_is_not(original: Exception) -> None:
    assert not is_transient(_error(original))


def test_rows_survive_json_on_sqlite_whatever_their_text() -> None:
    rows = [(2**53 - 1, "quote ' and \" and \\ and \n and 💥", None), (1, "", 2)]

    query = SQLITE.records("rows", key="bigint", text="text", number="integer")
    found = sqlite3.connect(":memory:").execute(query, {"rows": rows_json(rows)}).fetchall()

    assert found == rows


def test_numbers_that_json_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        rows_json([[float("nan")]])


def test_moments_on_sqlite_are_never_null_however_short_the_wait() -> None:
    connection = sqlite3.connect(":memory:")
    for seconds in (0, 1e-5, 0.5, 120, 1e6):
        ((moment,),) = connection.execute(f"select {SQLITE.later(':seconds')}", {"seconds": seconds}).fetchall()
        assert len(moment) == 26


def test_only_postgresql_locks_rows_and_sets_limits() -> None:
    assert (SQLITE.lock, SQLITE.skip_locked, SQLITE.share, SQLITE.limits(60)) == ("", "", "", None)
    assert POSTGRESQL.limits(300) == (
        "set local lock_timeout = '10s'; set local idle_in_transaction_session_timeout = '60s';"
        " set local statement_timeout = '300s'"
    )
