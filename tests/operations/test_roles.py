"""Readers: what a role of sensdb's may do and may not, asked of the server itself as that role."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database import grants, migrate, schema
from sensdb.database.bundled import bundled
from sensdb.database.engine import open_engine, writing
from sensdb.database.migrate import initialise
from sensdb.database.views import VIEWS
from sensdb.errors import DatabaseError, UsageError
from sensdb.operations.roles import Granted, grant_reader, revoke_reader
from tests.database.planted import plant

READER = "sensdb_test_reader"

READABLE = [*VIEWS, "data_dictionary"]
REFUSED = {
    "read a queue table": "select * from jobs",
    "read points past the view": "select * from point_metrics",
    "read the version": f"select * from {schema.VERSION_TABLE}",
    "insert": "insert into sweeps (name) values ('x')",
    "update": "update jobs set priority = 1",
    "delete": "delete from point_metrics",
    "write the dictionary": "delete from data_dictionary",
    "write through a view": "update v_workers set host = 'x'",
    "truncate": "truncate point_metrics",
    "lock": "lock table jobs in access exclusive mode",
    "create a table": "create table x (i integer)",
    "create a view": "create view x as select 1",
    "create a function": "create function x() returns integer language sql as 'select 1'",
    "create a schema": "create schema x",
    "create a temporary table": "create temporary table x (i integer)",
    "create a temporary view": "create temporary view x as select 1",
    "alter": "alter table jobs add column x integer",
    "drop": "drop view v_models",
    "comment": "comment on view v_models is 'x'",
    "grant": "grant select on jobs to public",
    "create a role": "create role x",
    "store a large object": "select lo_from_bytea(0, 'x')",
    "create a large object": "select lo_create(0)",
    "copy a table out": "copy jobs to stdout",
    "run a program": "copy (select 1) to program 'true'",
    "read a file of the server": "select pg_read_file('PG_VERSION')",
}


@pytest.fixture
def reader(postgresql_url: str, postgresql_admin: sa.Engine) -> Iterator[sa.Engine]:
    """Connected as a role that was made a reader of a database with a row of every kind."""
    owner = open_engine(postgresql_url)
    with writing(owner) as connection:
        plant(connection)
    owner.dispose()
    grant_reader(postgresql_url, READER)
    engine = as_reader(postgresql_url)
    yield engine
    engine.dispose()
    forget(postgresql_url, postgresql_admin)


def as_reader(url: str) -> sa.Engine:
    """Sets nothing on its own: what the reader meets is what the server holds for it."""
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg", username=READER))


def forget(url: str, admin: sa.Engine) -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {READER}")
    engine.dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP ROLE {READER}")


def sees(engine: sa.Engine) -> set[str]:
    """The views and tables it can select from."""
    found = set()
    for name in [*READABLE, *schema.metadata.tables]:
        with engine.connect() as connection:
            try:
                connection.exec_driver_sql(f"select * from {name} limit 1")
            except sa.exc.ProgrammingError as error:
                assert "permission denied" in str(error)  # noqa: PT017
                continue
        found.add(name)
    return found


def test_a_reader_sees_every_view_and_the_dictionary_and_no_table(reader: sa.Engine) -> None:
    assert sees(reader) == set(READABLE)


def test_a_reader_can_do_nothing_else_whatever_it_sets(reader: sa.Engine) -> None:
    done = []
    for what, statement in REFUSED.items():
        with reader.connect() as connection:
            connection.exec_driver_sql("set default_transaction_read_only = off")
            connection.commit()
            try:
                connection.exec_driver_sql(statement)
            except sa.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", "") in ("42501", "55000"):  # 55000: the view is not updatable
                    continue
            done.append(what)

    assert done == []


def test_its_statements_have_a_limit_and_its_transactions_only_read(reader: sa.Engine, postgresql_url: str) -> None:
    grant_reader(postgresql_url, READER, statement_seconds=7)

    with reader.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"show {name}").scalar()
            for name in ("statement_timeout", "default_transaction_read_only")
        ]
    assert shown == ["7s", "on"]


def test_a_role_that_could_more_is_cut_back(reader: sa.Engine, postgresql_url: str) -> None:
    owner = open_engine(postgresql_url)
    with writing(owner) as connection:
        connection.exec_driver_sql(f"GRANT ALL ON jobs, v_models TO {READER}")
        connection.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {READER}")
    with writing(owner) as connection:
        assert grants.excess_rights(connection, READER) == [
            "write to jobs",
            "write to v_models",
            "read table jobs",
            "create tables",
        ]

    assert grant_reader(postgresql_url, READER) == Granted(created=False, left=())

    with writing(owner) as connection:
        assert grants.excess_rights(connection, READER) == []
    owner.dispose()


def test_rights_by_another_role_are_refused_and_nothing_is_changed(reader: sa.Engine, postgresql_url: str) -> None:
    owner = open_engine(postgresql_url)
    with writing(owner) as connection:
        connection.exec_driver_sql(f"GRANT pg_write_all_data TO {READER}")

    with pytest.raises(DatabaseError, match=f"role '{READER}' could still write to artifacts and "):
        grant_reader(postgresql_url, READER, statement_seconds=9)

    with reader.connect() as connection:
        assert connection.exec_driver_sql("show statement_timeout").scalar() == "5min"
    owner.dispose()


def test_the_owner_cannot_be_made_a_reader(postgresql_url: str) -> None:
    with pytest.raises(DatabaseError, match="role 'postgres' is a superuser in"):
        grant_reader(postgresql_url, "postgres")


@pytest.mark.parametrize("name", ["", "public", "NONE", "pg_monitor"])
def test_a_name_no_role_can_have_is_refused(postgresql_url: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' cannot be the name of a role"):
        grant_reader(postgresql_url, name)


def test_a_revoked_reader_sees_nothing(reader: sa.Engine, postgresql_url: str) -> None:
    revoke_reader(postgresql_url, READER)

    assert sees(reader) == set()


def test_revoking_from_a_role_that_is_not_there_names_the_nearest(reader: sa.Engine, postgresql_url: str) -> None:
    with pytest.raises(DatabaseError, match="has no role 'sensdb_test_raeder'") as caught:
        revoke_reader(postgresql_url, "sensdb_test_raeder")
    assert caught.value.hint == f"did you mean '{READER}'?"


def test_a_reader_still_reads_after_a_migration(
    reader: sa.Engine, postgresql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundled("migrations"), tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "9999_one_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9999'\ndown_revision = '{schema.REVISION}'\n"
        "def upgrade():\n    op.add_column('workers', sa.Column('one_more', sa.Integer()))\n"
    )
    monkeypatch.setattr(migrate, "bundled", lambda name: tmp_path / name)
    monkeypatch.setattr(schema, "REVISION", "9999")
    monkeypatch.setattr("sensdb.database.engine.REVISION", "9999")

    assert initialise(postgresql_url).action == "upgraded"

    assert sees(reader) == set(READABLE)


def test_a_reader_gets_a_view_that_is_new_and_others_keep_theirs(reader: sa.Engine, postgresql_url: str) -> None:
    owner = open_engine(postgresql_url)
    with writing(owner) as connection:
        connection.exec_driver_sql("DROP VIEW v_regions")  # as in a version that did not have it
        connection.exec_driver_sql("GRANT SELECT ON v_models TO PUBLIC")
    initialise(postgresql_url)

    with writing(owner) as connection:
        held = grants.held_grants(connection)
    owner.dispose()
    assert {grant.name for grant in held if grant.role == READER} == set(READABLE)
    assert [grant.name for grant in held if grant.role is None] == ["v_models"]


def test_sqlite_knows_no_roles_and_says_what_readers_do(sqlite_url: str) -> None:
    with pytest.raises(UsageError, match="is an SQLite file, which knows no roles") as caught:
        grant_reader(sqlite_url, READER)
    assert "mode=ro" in str(caught.value.hint)


def test_readers_of_sqlite_open_the_file_read_only(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url, read_only=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        with pytest.raises(sa.exc.OperationalError, match="attempt to write a readonly database"):
            connection.exec_driver_sql("DELETE FROM sweeps")
    engine.dispose()


def test_a_reader_sees_what_a_killed_writer_of_sqlite_committed(sqlite_url: str, tmp_path: Path) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    writer = sqlite3.connect(path)
    writer.execute("INSERT INTO sweeps (name) VALUES ('committed')")
    writer.commit()
    left = tmp_path / "left.db"  # as a machine that lost power leaves it: the file and its log, no index
    shutil.copyfile(path, left)
    shutil.copyfile(f"{path}-wal", f"{left}-wal")
    writer.close()

    engine = open_engine(f"sqlite:///{left}", read_only=True)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sweeps").scalar() == "committed"
    engine.dispose()
