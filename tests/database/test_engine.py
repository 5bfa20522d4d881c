"""Connections and transactions: the settings that other rooms rely on, and what a failure to connect says."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import connection_error, open_engine, reading, require_schema, writing
from sensdb.errors import DatabaseError

ADD_SWEEP = sa.text("INSERT INTO sweeps (name) VALUES (:name)")
COUNT_SWEEPS = sa.text("SELECT count(*) FROM sweeps")


@pytest.fixture
def reader(database_url: str) -> Iterator[sa.Engine]:
    """A read-only engine beside `engine`."""
    made = open_engine(database_url, read_only=True)
    yield made
    made.dispose()


def test_writing_commits_at_its_end(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.execute(ADD_SWEEP, {"name": "a"})

    with reading(engine) as connection:
        assert connection.execute(COUNT_SWEEPS).scalar() == 1


def test_an_exception_undoes_what_was_written(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(ADD_SWEEP, [{"name": "a"}, {"name": "a"}])

    with reading(engine) as connection:
        assert connection.execute(COUNT_SWEEPS).scalar() == 0


def test_a_reader_sees_one_moment_while_others_write(engine: sa.Engine) -> None:
    with reading(engine) as connection:
        before = connection.execute(COUNT_SWEEPS).scalar()
        with writing(engine) as other:
            other.execute(ADD_SWEEP, {"name": "a"})
        after = connection.execute(COUNT_SWEEPS).scalar()

    assert (before, after) == (0, 0)


def test_a_read_only_engine_refuses_every_write(reader: sa.Engine) -> None:
    with pytest.raises((sa.exc.OperationalError, sa.exc.InternalError), match=r"readonly|read-only"):
        with writing(reader) as connection:
            connection.execute(ADD_SWEEP, {"name": "a"})


def test_reading_refuses_to_write_on_postgresql(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url)

    with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
        with reading(engine) as connection:
            connection.execute(ADD_SWEEP, {"name": "a"})

    with writing(engine) as connection:  # the pool gives the connection back with its own level
        connection.execute(ADD_SWEEP, {"name": "a"})
    engine.dispose()


def test_two_sqlite_writers_take_turns_without_an_error(sqlite_url: str) -> None:
    """Each reads, then writes what it read plus one: with a deferred BEGIN one of them would fail at once."""
    engine = open_engine(sqlite_url, pool_size=4)

    def count_up(times: int) -> None:
        for _ in range(times):
            with writing(engine) as connection:
                seen = connection.execute(sa.text("SELECT loss_budget FROM queue_settings")).scalar_one()
                connection.execute(sa.text("UPDATE queue_settings SET loss_budget = :n"), {"n": seen + 1})

    threads = [threading.Thread(target=count_up, args=(25,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(engine) as connection:
        assert connection.execute(sa.text("SELECT loss_budget FROM queue_settings")).scalar() == 5 + 100
    engine.dispose()


def test_a_deferred_sqlite_transaction_would_have_failed(sqlite_url: str) -> None:
    """The trap that BEGIN IMMEDIATE closes; when this test fails, SQLite has learned to wait and we may too."""
    engine = open_engine(sqlite_url)
    with engine.connect() as deferred, deferred.begin():
        deferred.execute(COUNT_SWEEPS).scalar()
        with writing(engine) as other:
            other.execute(ADD_SWEEP, {"name": "a"})

        with pytest.raises(sa.exc.OperationalError, match="database is locked"):
            deferred.execute(ADD_SWEEP, {"name": "b"})
    engine.dispose()


def test_sqlite_connections_have_the_settings_that_keep_results(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only")
        }
    engine.dispose()

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 60_000,
        "query_only": 0,
    }


def test_postgresql_sessions_have_limits_and_speak_utc(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url, application_name="host-12-ab")
    names = ("lock_timeout", "idle_in_transaction_session_timeout", "statement_timeout", "TimeZone", "application_name")
    with engine.connect() as connection:
        settings = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
    engine.dispose()

    assert settings == ["10s", "1min", "1min", "UTC", "host-12-ab"]


def test_a_transaction_may_have_a_longer_limit_for_itself(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url, pool_size=1)
    with writing(engine, statement_seconds=300) as connection:
        within = connection.exec_driver_sql("SHOW statement_timeout").scalar()
    with writing(engine) as connection:
        after = connection.exec_driver_sql("SHOW statement_timeout").scalar()
    engine.dispose()

    assert (within, after) == ("5min", "1min")


def test_without_limits_long_statements_are_let_run(postgresql_url: str) -> None:
    engine = open_engine(postgresql_url, limits=False)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
    engine.dispose()


def test_what_the_url_and_pgoptions_ask_for_is_kept(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_url = open_engine(postgresql_url + "?options=-c%20work_mem%3D7MB&application_name=mine")
    with by_url.connect() as connection:
        asked = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("work_mem", "application_name")]
    by_url.dispose()
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=9MB")
    by_variable = open_engine(postgresql_url)
    with by_variable.connect() as connection:
        asked += [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("work_mem", "lock_timeout")]
    by_variable.dispose()

    assert asked == ["7MB", "mine", "9MB", "10s"]


def test_libpq_variables_fill_in_what_the_url_leaves_out(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.make_url(postgresql_url)
    monkeypatch.setenv("PGHOST", str(url.host))
    monkeypatch.setenv("PGPORT", str(url.port))
    monkeypatch.setenv("PGUSER", str(url.username))
    monkeypatch.setenv("PGDATABASE", str(url.database))
    if url.password:
        monkeypatch.setenv("PGPASSWORD", url.password)

    engine = open_engine("postgresql://")
    require_schema(engine)
    engine.dispose()


def test_a_misspelt_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"there is no such database file\.$"):
        open_engine(f"sqlite:///{tmp_path}/misspelt.db")

    assert not (tmp_path / "misspelt.db").exists()


def test_a_file_that_vanishes_is_not_created_again(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()

    with pytest.raises(DatabaseError, match="unable to open database file") as raised:
        require_schema(engine)

    assert raised.value.hint == "may this user read and write the file and its folder?"
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    engine = open_engine(f"sqlite:///{path}")

    with pytest.raises(DatabaseError) as raised:
        require_schema(engine)

    assert raised.value.message == f"cannot connect to sqlite:///{path}: file is not a database"
    assert raised.value.hint == "is it another file? If not, restore a copy."


def test_a_name_with_blanks_percent_and_question_mark_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a 100%?#.db"
    sqlite3.connect(path).close()

    engine = open_engine(sa.URL.create("sqlite", database=str(path)))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA database_list").all()[0][2] == str(path)
    engine.dispose()


def test_no_server_at_the_port_is_one_line_and_a_hint() -> None:
    engine = open_engine("postgresql://bob:geheim@127.0.0.1:1/lab")

    with pytest.raises(DatabaseError) as raised:
        require_schema(engine)

    assert raised.value.message.startswith("cannot connect to postgresql+psycopg://bob:***@127.0.0.1:1/lab: ")
    assert "\n" not in raised.value.message
    assert "geheim" not in raised.value.message
    assert raised.value.hint == "is the server running, and are host and port right?"


def test_a_missing_postgresql_database_is_named_with_the_command_that_makes_it(postgresql_server: str) -> None:
    engine = open_engine(sa.make_url(postgresql_server).set(database="no_such"))

    with pytest.raises(DatabaseError) as raised:
        require_schema(engine)

    assert 'database "no_such" does not exist' in raised.value.message
    assert raised.value.hint == "createdb no_such"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("FATAL: password authentication failed for user", "give the password in PGPASSWORD or in ~/.pgpass."),
        ("fe_sendauth: no password supplied", "give the password in PGPASSWORD or in ~/.pgpass."),
        ('FATAL: role "bob" does not exist', "give the user in the URL or in PGUSER."),
        ("failed to resolve host 'dbb': Name or service not known", "check the host's name."),
        ("connection timeout expired", "check host, port and firewall."),
        ("FATAL: sorry, too many clients already", "raise max_connections, or run fewer workers."),
        (
            "FATAL: unsupported startup parameter: options",
            "pgbouncer: ignore_startup_parameters = options",
        ),
        ("attempt to write a readonly database", "may this user write the file and its folder?"),
        ("something else", "sensdb doctor"),
    ],
)
def test_what_the_driver_says_is_answered_with_what_to_do(said: str, hint: str) -> None:
    error = connection_error(sa.make_url("postgresql+psycopg://h/d"), OSError(said))

    assert error.message == f"cannot connect to postgresql+psycopg://h/d: {said}"
    assert (error.hint or "").startswith(hint)


def test_a_secret_in_the_drivers_words_is_taken_out() -> None:
    url = sa.make_url("postgresql+psycopg://bob:geheim@h/d?sslpassword=auch")

    error = connection_error(url, OSError('cannot use "geheim"\nnor auch'))

    assert (
        error.message == 'cannot connect to postgresql+psycopg://bob:***@h/d?sslpassword=***: cannot use "***" nor ***'
    )


def test_a_missing_driver_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)

    with pytest.raises(DatabaseError) as raised:
        open_engine("postgresql://bob:geheim@h/d")

    assert raised.value.message == "the driver for postgresql+psycopg://bob:***@h/d is not installed."
    assert raised.value.hint == "pip install 'sensdb[postgresql]'"


def test_an_old_sqlite_is_refused(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.34.1")

    with pytest.raises(DatabaseError) as raised:
        open_engine(sqlite_url)

    assert raised.value.message == "SQLite 3.34.1 is too old; sensdb needs 3.37.0 or newer."
    assert raised.value.hint == "use a newer Python, or a PostgreSQL database."


def set_revision(engine: sa.Engine, revision: str) -> None:
    with writing(engine) as connection:
        connection.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = :r"), {"r": revision})


def test_the_current_schema_is_accepted(engine: sa.Engine, reader: sa.Engine) -> None:
    require_schema(engine)
    require_schema(reader)


def test_a_missing_schema_is_named_with_init(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url, create=True)

    with pytest.raises(DatabaseError, match=r"^no sensdb schema in ") as raised:
        require_schema(engine)
    engine.dispose()

    assert raised.value.hint == "sensdb init creates it."


def test_an_older_schema_is_named_with_init(engine: sa.Engine) -> None:
    set_revision(engine, "0000")

    with pytest.raises(DatabaseError) as raised:
        require_schema(engine)

    assert raised.value.message.endswith(f" is older than this sensdb: revision 0000, needed {schema.REVISION}.")
    assert raised.value.hint == "sensdb init upgrades it; stop the workers first."


def test_a_newer_schema_is_named_with_the_upgrade(engine: sa.Engine) -> None:
    set_revision(engine, "9999")

    with pytest.raises(DatabaseError) as raised:
        require_schema(engine)

    assert raised.value.message.endswith(f" is newer than this sensdb: revision 9999, known up to {schema.REVISION}.")
    assert raised.value.hint == "install the newer sensdb that made it: pip install --upgrade sensdb"


def test_another_programs_alembic_table_does_not_matter(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('v2.4.0.a')")

    require_schema(engine)
