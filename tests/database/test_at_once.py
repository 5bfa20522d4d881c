"""One statement as a whole transaction on PostgreSQL: committed, limited, its errors told apart, no way too many."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sensdb.database.at_once import Executor
from sensdb.database.engine import LIMITED, open_engine
from sensdb.errors import DatabaseError
from sensdb.jobs.transactions import CommitUnknown, transact_at_once
from tests.conformance.factories import query

INSERT = sa.text("insert into sweeps (name, created_at) values (:name, now()) returning name, priority")


@pytest.fixture(params=[True, False], ids=["session with limits", "behind a pooler"])
def engine(postgresql_url: str, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """On a session that took the limits, and on one of which a pooler kept them."""
    made = open_engine(postgresql_url, pool_size=1, limits=request.param)
    with made.connect() as connection:
        assert bool(connection.info.get(LIMITED)) == request.param
    yield made
    made.dispose()


def test_a_statement_is_committed_by_itself(engine: sa.Engine, postgresql_url: str) -> None:
    rows = transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "50% of :all"}).all())

    assert [(row.name, row.priority) for row in rows] == [("50% of :all", 0)]
    other = open_engine(postgresql_url)
    assert query(other, "select name from sweeps") == [("50% of :all",)]
    other.dispose()


def test_a_statement_runs_under_the_limits_of_every_writing_transaction(engine: sa.Engine) -> None:
    shown = sa.text(
        "select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as statement,"
        " current_setting('idle_in_transaction_session_timeout') as idle"
    )

    (row,) = transact_at_once(engine, lambda connection: connection.execute(shown, {}).all())

    assert tuple(row) == ("10s", "1min", "1min")


def test_limits_sent_along_end_with_the_transaction(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url, pool_size=1, limits=False)
    transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "sweep"}).all())

    assert query(engine, "show lock_timeout") == [("0",)]
    engine.dispose()


def test_a_refused_statement_leaves_a_connection_that_can_be_used(engine: sa.Engine) -> None:
    transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "sweep"}).all())

    with pytest.raises(sa.exc.IntegrityError, match="uq_sweeps_name"):
        transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "sweep"}).all())

    transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "other"}).all())
    assert query(engine, "select name from sweeps order by 1") == [("other",), ("sweep",)]


def test_a_connection_is_as_before_for_the_transaction_that_follows(engine: sa.Engine) -> None:
    transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "sweep"}).all())

    with engine.connect() as connection:
        connection.execute(INSERT, {"name": "rolled back"})
        connection.rollback()

    assert query(engine, "select name from sweeps") == [("sweep",)]


def test_the_end_of_a_statement_whose_connection_is_lost_is_unknown(engine: sa.Engine) -> None:
    ends_itself = sa.text("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(CommitUnknown):
        transact_at_once(engine, lambda connection: connection.execute(ends_itself, {}).all())

    assert query(engine, "select 1") == [(1,)]


def test_a_statement_that_is_given_up_for_a_lock_is_repeated(engine: sa.Engine, postgresql_url: str) -> None:
    tried = []

    def work(connection: Executor) -> object:
        tried.append(1)
        sql = "select 1/0" if len(tried) > 2 else "do $$ begin raise exception using errcode = '55P03'; end $$"
        return connection.execute(sa.text(sql), {}).all()

    with pytest.raises(sa.exc.DBAPIError, match="division by zero"):
        transact_at_once(engine, work)

    assert len(tried) == 3


def test_a_server_that_is_away_is_told_by_its_address() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nothing")

    with pytest.raises(DatabaseError, match=r"cannot connect to postgresql.*127\.0\.0\.1:1/nothing") as raised:
        transact_at_once(engine, lambda connection: connection.execute(INSERT, {"name": "sweep"}).all())

    assert not isinstance(raised.value, CommitUnknown)


def test_a_second_statement_is_refused_for_it_would_be_a_second_transaction(engine: sa.Engine) -> None:
    def two(connection: Executor) -> None:
        connection.execute(INSERT, {"name": "first"})
        connection.execute(INSERT, {"name": "second"})

    with pytest.raises(RuntimeError, match="one statement alone"):
        transact_at_once(engine, two)
