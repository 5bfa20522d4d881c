"""What differs between SQLite and PostgreSQL in the queue's SQL, each difference with its reason.

Everything else of `jobs/` and `results/` is one text for both: lists are bound as one JSON value, moments are made by
the database, and row locks are a suffix that SQLite, which has one writer at a time, leaves empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sensdb.database.columns import SQLITE_NOW
from sensdb.database.engine import POSTGRESQL_LIMITS

SECONDS_A_STATEMENT = 60

# deadlock, serialization failure, lock_timeout, statement_timeout: nothing was done, the same may succeed next time.
POSTGRESQL_TRANSIENT = frozenset({"40P01", "40001", "55P03", "57014"})
SQLITE_BUSY, SQLITE_LOCKED = 5, 6


@dataclass(frozen=True)
class Dialect:
    """The queue's SQL in the words of one database.

    now: the clock at this instant, for moments that are stored.
    started: the clock when the transaction (SQLite: the statement) began, for conditions: PostgreSQL plans badly with
        a clock that moves while it scans.
    greatest, least: the scalar functions, which SQLite names max and min.
    lock, skip_locked, share: suffixes of a SELECT. SQLite has no row locks and needs none: BEGIN IMMEDIATE keeps all
        other writers out.
    probes_before_claim: look without the write lock first; on SQLite an idle worker would hold up those that store.
    """

    name: str
    now: str
    started: str
    greatest: str
    least: str
    lock: str
    skip_locked: str
    share: str
    probes_before_claim: bool

    def later(self, seconds: str) -> str:
        """SQL: the moment `seconds` (an expression) after now."""
        if self.name == "postgresql":
            return f"clock_timestamp() + make_interval(secs => cast({seconds} as double precision))"
        # SQLite gives NULL for a modifier it cannot read, 1e-05 among them: a lease of NULL would never lapse.
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', printf('+%.3f seconds', {seconds})) || '000'"

    def earlier(self, seconds: str) -> str:
        """SQL: the moment `seconds` (an expression) before the transaction (SQLite: the statement) began."""
        if self.name == "postgresql":
            return f"now() - make_interval(secs => cast({seconds} as double precision))"
        return f"strftime('%Y-%m-%d %H:%M:%f', 'now', printf('-%.3f seconds', {seconds})) || '000'"

    def records(self, parameter: str, **columns: str) -> str:
        """SELECT of the rows in a JSON list of lists bound as `parameter`, as `rows_json` makes it.

        One bound value however many rows, so no limit on variables; PostgreSQL has unnest for it, SQLite has not.

        Args:
            columns: name -> SQL type, in the order of the inner lists. SQLite keeps the types JSON has.
        """
        if self.name == "postgresql":
            listed = (
                f"cast(value->>{place} as {kind}) as {name}" for place, (name, kind) in enumerate(columns.items())
            )
            # jsonb is parsed once; json anew for each column, five times as long for the columns of models.
            return f"select {', '.join(listed)} from jsonb_array_elements(cast(:{parameter} as jsonb)) as r(value)"
        listed = (f"json_extract(value, '$[{place}]') as {name}" for place, name in enumerate(columns))
        return f"select {', '.join(listed)} from json_each(:{parameter})"

    def any_of(self, column: str, query: str) -> str:
        """SQL: the column is among the one column of a query.

        PostgreSQL takes a tenth of the table for the size of a LIMIT it cannot compute and would then read the whole
        table; an array it looks up by index. SQLite has no arrays and looks up by index anyway.
        """
        return f"{column} = any(array({query}))" if self.name == "postgresql" else f"{column} in ({query})"

    def limits(self, statement_seconds: int) -> str | None:
        """What every writing transaction sets for itself alone, so that a pooler may stand between; None for SQLite."""
        if self.name != "postgresql":
            return None
        limits = {**POSTGRESQL_LIMITS, "statement_timeout": f"{statement_seconds}s"}
        return "; ".join(f"set local {name} = '{value}'" for name, value in limits.items())

    def insert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]], conflict: str
    ) -> None:
        """Insert rows that all have the same columns; a row that is there already, by `conflict`, is left alone."""
        self.insertion(connection.dialect, table, rows, conflict)(connection)

    def insertion(
        self, driver: sa.Dialect, table: sa.Table, rows: Sequence[Mapping[str, object]], conflict: str
    ) -> Callable[[sa.Connection], None]:
        """`insert`, made ready without a connection: laying out many rows takes as long as storing them.

        PostgreSQL takes them in one statement. SQLite would read floats from JSON, which is not exact to the last bit
        in every version, so its driver binds them.
        """
        if not rows:
            return lambda connection: None
        names = list(rows[0])
        into = f"insert into {table.name} ({', '.join(names)})"
        otherwise = f"on conflict ({conflict}) do nothing"
        if self.name == "postgresql":
            kinds = {name: table.c[name].type.compile(driver) for name in names}
            query = f"select {', '.join(names)} from ({self.records('rows', **kinds)}) given"
            statement = sa.text(f"{into} {query} {otherwise}")
            given = {"rows": rows_json(row.values() for row in rows)}

            def insert_json(connection: sa.Connection) -> None:
                connection.execute(statement, given)

            return insert_json
        places = ", ".join("?" for _ in names)
        bound = [tuple(row.values()) for row in rows]

        def insert_bound(connection: sa.Connection) -> None:
            connection.exec_driver_sql(f"{into} values ({places}) {otherwise}", bound)

        return insert_bound


POSTGRESQL = Dialect(
    name="postgresql",
    now="clock_timestamp()",
    started="now()",
    greatest="greatest",
    least="least",
    lock="for update",
    skip_locked="for update skip locked",
    share="for share",
    probes_before_claim=False,
)

SQLITE = Dialect(
    name="sqlite",
    now=SQLITE_NOW,
    started=SQLITE_NOW,
    greatest="max",
    least="min",
    lock="",
    skip_locked="",
    share="",
    probes_before_claim=True,
)

_DIALECTS = {dialect.name: dialect for dialect in (POSTGRESQL, SQLITE)}


def dialect_of(engine: sa.Engine) -> Dialect:
    """The dialect of an engine; a third database is a KeyError, for `open_engine` makes none."""
    return _DIALECTS[engine.dialect.name]


def rows_json(rows: Iterable[Iterable[object]]) -> str:
    """Rows as the JSON that `Dialect.records` reads."""
    return json.dumps([list(row) for row in rows], separators=(",", ":"), allow_nan=False)


def is_transient(error: sa.exc.DBAPIError) -> bool:
    """Whether the database gave up a transaction that may go through when it is repeated whole."""
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        # The low byte: busy and locked come with extended codes.
        return sqlite_code & 0xFF in (SQLITE_BUSY, SQLITE_LOCKED)
    return getattr(error.orig, "sqlstate", None) in POSTGRESQL_TRANSIENT
