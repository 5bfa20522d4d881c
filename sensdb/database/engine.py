"""Connections: engines with the right settings for each database, and the two kinds of transaction."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from sensdb.database.deadlines import know_connections
from sensdb.database.revision import REVISION, VERSION_TABLE
from sensdb.database.url import check_sqlite_place, mask, parse_url, secrets_of
from sensdb.errors import DatabaseError

BUSY_SECONDS = 60
"""How long an SQLite writer waits for another; the longest wait seen at full contention was 2 s."""

OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables; RETURNING came with 3.35."""

# Limits of the server on this session: a lock is waited for half as long as a transaction may idle, and both end
# within half a lease, so a stopped or vanished worker holds nobody up for longer.
POSTGRESQL_LIMITS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s", "statement_timeout": "60s"}
LIMITED = "limited"
"""Key in the `info` of a connection whose session has POSTGRESQL_LIMITS, so that transactions need not set them."""

SECONDS_WITHOUT_A_TRY = 0.1
"""A connection that was used so short a while ago is used again without a try whether it still lives."""

POSTGRESQL_KEEPALIVE = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def open_engine(
    url: str | sa.URL,
    *,
    read_only: bool = False,
    application_name: str = "sensdb",
    pool_size: int = 2,
    create: bool = False,
    limits: bool = True,
) -> sa.Engine:
    """An engine on a database that is there; the schema in it is `require_schema`'s matter.

    Args:
        url: as the user gave it, or parsed.
        read_only: the database itself refuses every write.
        application_name: what the server shows for these connections; a worker gives its worker_id.
        pool_size: connections kept; there are never more.
        create: an SQLite file that is missing is created, empty.
        limits: False for work that may take longer than a worker's transactions do: migrations, reading the mirror.

    Raises:
        DatabaseError: the URL is not one; the SQLite file or its folder is missing, or lies on a network file system;
            the driver is not installed. A server that does not answer is only seen when it is asked.
    """
    parsed = parse_url(url) if isinstance(url, str) else url
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, read_only=read_only, pool_size=pool_size, create=create)
    return _postgresql_engine(parsed, read_only, application_name, pool_size, limits)


def _sqlite_engine(url: sa.URL, *, read_only: bool, pool_size: int, create: bool) -> sa.Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise DatabaseError(
            f"SQLite {sqlite3.sqlite_version} is too old; sensdb needs {'.'.join(map(str, OLDEST_SQLITE))} or newer.",
            "use a newer Python, or a PostgreSQL database.",
        )
    path = check_sqlite_place(url, must_exist=not create)

    def connect() -> sqlite3.Connection:
        return connect_sqlite(path, create=create, read_only=read_only)

    engine = sa.create_engine(url, creator=connect, poolclass=sa.QueuePool, pool_size=pool_size, max_overflow=0)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A deferred transaction that reads and then writes fails at once when another wrote between; no timeout helps.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def connect_sqlite(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    """One connection of the driver with the settings all of sensdb relies on."""
    # mode: plain connect() would make an empty file of a misspelt name. A reader may still recover the log of a writer
    # that was killed: that changes its index beside the file, never the file.
    uri = f"file:{quote(str(path))}?mode={'rwc' if create else 'ro' if read_only else 'rw'}"
    # isolation_level None: the driver's own BEGIN comes too late, after the SELECT a write depends on.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        # NORMAL may lose the last commits at a power cut: results that were reported as stored.
        connection.execute("PRAGMA synchronous = FULL")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA schema_version").fetchone()  # reads the header: a file that is no database shows
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _postgresql_engine(url: sa.URL, read_only: bool, application_name: str, pool_size: int, limits: bool) -> sa.Engine:
    session = {"TimeZone": "UTC"} | (POSTGRESQL_LIMITS if limits else {})
    if read_only:
        session["default_transaction_read_only"] = "on"
    # One `options` reaches the server: what the URL or PGOPTIONS asks for stands first, ours after it.
    asked = url.query.get("options", os.environ.get("PGOPTIONS", ""))
    given = asked if isinstance(asked, tuple) else (asked,)
    options = [*given, *(f"-c {key}={value}" for key, value in session.items())]
    arguments: dict[str, Any] = {**POSTGRESQL_KEEPALIVE, "application_name": application_name[:63]}
    if os.environ.get("PGCONNECT_TIMEOUT"):
        del arguments["connect_timeout"]
    arguments = {key: value for key, value in arguments.items() if key not in url.query}
    try:
        engine = sa.create_engine(
            url.difference_update_query(["options"]),
            connect_args={**arguments, "options": " ".join(options).strip()},
            pool_size=pool_size,
            max_overflow=0,
        )
    except ModuleNotFoundError:
        raise DatabaseError(
            f"the driver for {mask(url)} is not installed.", "pip install 'sensdb[postgresql]'"
        ) from None
    know_connections(engine)
    _try_connections_that_lay_idle(engine)
    _prepare_nothing_behind_a_pooler(engine)
    if limits:
        _note_limits(engine)
    return engine


def _try_connections_that_lay_idle(engine: sa.Engine) -> None:
    """Try a connection before it is used again, unless it was used just now: each try is a way to the server."""

    @sa.event.listens_for(engine, "checkin")
    def _used(driver: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _try(driver: Any, record: Any, proxy: object) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < SECONDS_WITHOUT_A_TRY:
            return
        try:
            engine.dialect.do_ping(driver)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DisconnectionError from error  # the pool connects anew


def _prepare_nothing_behind_a_pooler(engine: sa.Engine) -> None:
    """Keep the driver from preparing statements where a pooler gives each transaction another server process.

    The process that greeted the client is then not the one that answers it; pgbouncer greets with a number of its own.
    """

    @sa.event.listens_for(engine, "connect")
    def _connected(driver: Any, record: object) -> None:
        before, driver.autocommit = driver.autocommit, True
        (pid,) = driver.execute("select pg_backend_pid()").fetchone()
        driver.autocommit = before
        if pid != driver.info.backend_pid:
            driver.prepare_threshold = None


def _note_limits(engine: sa.Engine) -> None:
    """Note of each new connection whether the server took the limits it came with; a pooler may leave them out."""

    @sa.event.listens_for(engine, "connect")
    def _connected(driver: Any, record: Any) -> None:
        names = ", ".join(f"current_setting('{name}')" for name in POSTGRESQL_LIMITS)
        before, driver.autocommit = driver.autocommit, True
        found = driver.execute(f"select {names}").fetchone()
        driver.autocommit = before
        # As the server writes them: 60s is 1min to it.
        record.info[LIMITED] = [str(value).replace("1min", "60s") for value in found] == [*POSTGRESQL_LIMITS.values()]


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees one moment of the database from its first statement to its last, and writes nothing."""
    with _connected(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: sa.Engine, *, statement_seconds: int | None = None) -> Iterator[sa.Connection]:
    """A transaction that writes: committed at the end, rolled back by any exception.

    SQLite: BEGIN IMMEDIATE, so it waits for other writers before its first statement. PostgreSQL: READ COMMITTED;
    `statement_seconds` replaces the session's limit on a statement for this transaction alone.
    """
    with _connected(engine) as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            if statement_seconds is not None and connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{int(statement_seconds)}s'")
            yield connection


@contextmanager
def _connected(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise connection_error(engine.url, error) from error
    with connection:
        yield connection


# What the drivers say, in lower case, and what to do about it.
HINTS = (
    (r"connection refused|no such file or directory", "is the server running, and are host and port right?"),
    (r"password authentication failed|no password supplied", "give the password in PGPASSWORD or in ~/.pgpass."),
    (r"role .* does not exist", "give the user in the URL or in PGUSER."),
    (r'database "(?P<name>[^"]*)" does not exist', "createdb {name}"),
    (r"could not translate host name|name or service not known|failed to resolve host", "check the host's name."),
    (r"timeout expired|timed out", "check host, port and firewall."),
    (r"too many (clients|connections)|remaining connection slots", "raise max_connections, or run fewer workers."),
    (r"permission denied for schema (?P<name>\w+)", "as its owner: GRANT CREATE, USAGE ON SCHEMA {name} TO <user>"),
    (r"must be owner of", "run it as the user that created the schema."),
    (r"permission denied to (create|alter) role|createrole", "a role with CREATEROLE can: run it as one."),
    (r"lock timeout", "something else uses the tables; stop the workers, then try again."),
    (r"no pg_hba.conf entry", "the server's pg_hba.conf does not admit this user, database or host."),
    (r"unsupported startup parameter", "pgbouncer: ignore_startup_parameters = options, extra_float_digits"),
    (
        r"invalid connection option|invalid uri query parameter",
        "the parameters of the URL are libpq's: sslmode, ...",
    ),
    (r"file is not a database|malformed|file is encrypted", "is it another file? If not, restore a copy."),
    (r"unable to open database file|permission denied", "may this user read and write the file and its folder?"),
    (
        r"readonly database",
        "may this user write the file and its folder? SQLite needs that even to read: copy the file to one of yours.",
    ),
    (r"database is locked", f"another process has been writing for {BUSY_SECONDS} s; is it stopped?"),
)


def connection_error(url: sa.URL, error: Exception, *, doing: str = "connect to") -> DatabaseError:
    """What a driver's failure while `doing` something to a database means: one line without secrets, and what to do."""
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())
    said = re.sub(r"^connection failed: ", "", said)
    for secret in secrets_of(url):
        said = said.replace(secret, "***")
    for pattern, hint in HINTS:
        found = re.search(pattern, said, re.IGNORECASE)
        if found:
            return DatabaseError(f"cannot {doing} {mask(url)}: {said}", hint.format(**found.groupdict()))
    return DatabaseError(f"cannot {doing} {mask(url)}: {said}", "sensdb doctor shows which database is meant and why.")


def schema_revision(connection: sa.Connection) -> str | None:
    """The revision of the schema in the database, or None where there is none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def require_schema(engine: sa.Engine) -> None:
    """Refuse to work on a database whose schema this version of sensdb does not know.

    Raises:
        DatabaseError: no schema, an older one (both: `sensdb init`), a newer one (install a newer sensdb), or no
            connection.
    """
    try:
        with reading(engine) as connection:
            revision = schema_revision(connection)
    except sa.exc.OperationalError as error:
        raise connection_error(engine.url, error) from error
    require_revision(engine.url, revision)


def require_revision(url: sa.URL, revision: str | None) -> None:
    """Refuse a schema this version does not know, given what `schema_revision` found; raises as `require_schema`."""
    check_revision(url, revision)
    if revision is None:
        raise DatabaseError(f"no sensdb schema in {mask(url)}.", "sensdb init creates it.")
    if revision != REVISION:
        raise DatabaseError(
            f"the schema in {mask(url)} is older than this sensdb: revision {revision}, needed {REVISION}.",
            "sensdb init upgrades it; stop the workers first.",
        )


def check_revision(url: sa.URL, revision: str | None) -> None:
    """Refuse a revision from the future; revisions are numbered in order, with leading zeros."""
    if revision is not None and revision > REVISION:
        raise DatabaseError(
            f"the schema in {mask(url)} is newer than this sensdb: revision {revision}, known up to {REVISION}.",
            "install the newer sensdb that made it: pip install --upgrade sensdb",
        )
