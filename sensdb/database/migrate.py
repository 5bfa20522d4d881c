"""Creating the schema and bringing an older one up to date: `sensdb init`."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.bundled import bundled
from sensdb.database.dictionary import describe
from sensdb.database.engine import check_revision, connect_sqlite, connection_error, open_engine, schema_revision
from sensdb.database.grants import held_grants, restore_grants
from sensdb.database.url import check_sqlite_place, mask, parse_url
from sensdb.database.views import VIEWS, create_views, drop_views
from sensdb.errors import DatabaseError

ADVISORY_LOCK = 7_306_099_284_325_361
"""Key of PostgreSQL's advisory lock that one init at a time holds; any number no other program is likely to use."""

OLDEST_POSTGRESQL = (14, 0)


@dataclass(frozen=True)
class Initialised:
    """What `initialise` did: `before` is the revision found, None in a new database."""

    action: Literal["created", "upgraded", "current"]
    before: str | None
    revision: str
    n_tables: int
    n_views: int


def initialise(url: str | sa.URL) -> Initialised:
    """Create the schema, or bring an older one up to date; harmless when repeated or run by many processes at once.

    One transaction on both databases: after a kill at any moment there is the old schema or the new one. Views,
    comments and the data dictionary are made anew each time, for they follow from the code; grants on them stay.

    Raises:
        DatabaseError: no connection; a newer schema; tables of another program with our names.
    """
    parsed = parse_url(url) if isinstance(url, str) else url
    with _prepared(parsed) as engine:
        try:
            with _alone(engine) as connection:
                before = schema_revision(connection)
                check_revision(engine.url, before)
                if before is None:
                    _refuse_other_tables(engine.url, connection)
                held = held_grants(connection)
                if before != schema.REVISION:
                    drop_views(connection)
                    _upgrade(connection)
                create_views(connection)
                describe(connection)
                restore_grants(connection, held)
                _name_database(connection)
        except sa.exc.DBAPIError as error:
            doing = "create the schema in" if error.statement else "connect to"
            raise connection_error(engine.url, error, doing=doing) from error
    action: Literal["created", "upgraded", "current"] = (
        "created" if before is None else "current" if before == schema.REVISION else "upgraded"
    )
    return Initialised(action, before, schema.REVISION, len(schema.metadata.tables), len(VIEWS))


@contextmanager
def _prepared(url: sa.URL) -> Iterator[sa.Engine]:
    """An engine without limits; on SQLite behind a lock file, with the file created and in WAL mode."""
    if url.get_backend_name() != "sqlite":
        engine = open_engine(url, application_name="sensdb init", pool_size=1, limits=False)
        try:
            yield engine
        finally:
            engine.dispose()
        return
    path = check_sqlite_place(url, must_exist=False)
    # Switching to WAL needs the file for itself and does not wait for others, so only one process may do it.
    with _lock_file(path.with_name(path.name + ".init-lock")):
        engine = open_engine(url, pool_size=1, create=True)
        try:
            with closing(connect_sqlite(path, create=True)) as connection:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise DatabaseError(
                    f"{mask(url)} cannot keep a write-ahead log: its journal mode stays {mode}.",
                    "use a folder on a local disk.",
                )
            yield engine
        except sqlite3.Error as error:
            raise connection_error(url, error) from error
        finally:
            engine.dispose()


@contextmanager
def _lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file that is gone afterwards."""
    while True:
        try:
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise DatabaseError(
                f"cannot write in {path.parent}: {error.strerror}.", "name a database in a folder you may write in."
            ) from error
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            if os.fstat(handle).st_ino == path.stat().st_ino:
                break
        except FileNotFoundError:
            pass  # the holder before us removed it while we waited: what we hold is no longer the lock
        os.close(handle)
    try:
        yield
    finally:
        path.unlink()
        os.close(handle)


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that no other init shares; foreign keys of SQLite are checked once, at its end."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(writes=True) as connection:
        if sqlite:
            # With them on, rebuilding a table would drop it and cascade; it has no effect within a transaction.
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if not sqlite:
                _refuse_old_server(connection)
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
                # An upgrade that waits for a table makes everyone else wait behind it.
                connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
            yield connection
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
                raise DatabaseError(
                    f"{mask(engine.url)}: the upgrade would leave rows without the rows they refer to.",
                    "nothing was changed; restore a copy or report this.",
                )


def _refuse_old_server(connection: sa.Connection) -> None:
    version = connection.dialect.server_version_info or ()
    if version < OLDEST_POSTGRESQL:
        raise DatabaseError(
            f"PostgreSQL {'.'.join(map(str, version))} is too old; sensdb needs {OLDEST_POSTGRESQL[0]} or newer.",
            "upgrade the server.",
        )


def _refuse_other_tables(url: sa.URL, connection: sa.Connection) -> None:
    there = set(sa.inspect(connection).get_table_names())
    ours = sorted(there & set(schema.metadata.tables))
    if ours:
        raise DatabaseError(
            f"{mask(url)} holds tables of another program with names sensdb needs: {', '.join(ours)}.",
            "give sensdb a database of its own.",
        )


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # 0.4 s, and only needed here
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(bundled("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseError(
            f"{mask(connection.engine.url)}: its schema revision is not one sensdb made: {error}.",
            "restore the table " + schema.VERSION_TABLE + " from a copy.",
        ) from error


def _name_database(connection: sa.Connection) -> None:
    if connection.execute(sa.select(schema.database_identity.c.id)).first() is None:
        connection.execute(schema.database_identity.insert().values(id=1, identity=str(uuid.uuid4())))
