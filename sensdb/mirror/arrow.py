"""Rows of the source database as typed Arrow tables: by ADBC, or by the driver that the rest of sensdb uses.

Both give the same tables; ADBC is 2 to 4 times as fast. pyarrow and the ADBC drivers have no typed release and are
imported within this room alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from sensdb.database.columns import Flag, UtcTimestamp
from sensdb.database.engine import BUSY_SECONDS, reading
from sensdb.database.url import mask, secrets_of, sqlite_path
from sensdb.errors import DatabaseError

BATCH_ROWS = 65_536
WHOLE_PAGE_ROWS = 1 << 20
"""More than a page of points has: the SQLite driver reads one batch in a seventh of the time less than sixteen."""

ReadTable = Callable[[str, Sequence[sa.Column[Any]]], pa.Table]
"""Run a SELECT whose columns are those given, in order; an Arrow table with exactly the schema of `schema_of`."""


class Source(Protocol):
    """A database to be read into the mirror, in one of two ways."""

    def snapshot(self) -> AbstractContextManager[ReadTable]:
        """Within it, all reads see one moment of the database: keep it short, it holds up vacuum and checkpoints."""

    def statements(self) -> AbstractContextManager[ReadTable]:
        """Within it, each read sees a moment of its own."""


def open_source(engine: sa.Engine, *, own_process: bool = False) -> Source:
    """The fastest way to read this database that is installed and safe here.

    The ADBC driver of SQLite brings a second copy of the SQLite library. Two copies in one process do not see each
    other's locks: when one closes the file it deletes the write-ahead log that the other still writes to, and
    those commits are lost (sqlite.org, How To Corrupt An SQLite Database File, 2.2.1). So on SQLite it is used
    only in a process made for it.

    Args:
        own_process: whether nothing else in this process has the database open, or will open it.
    """
    if engine.dialect.name == "sqlite" and not own_process:
        return DriverSource(engine)
    try:
        return AdbcSource(engine)
    except ModuleNotFoundError:
        return DriverSource(engine)


def schema_of(columns: Sequence[sa.Column[Any]]) -> pa.Schema:
    """The Arrow schema of some columns of our own tables."""
    return pa.schema([pa.field(column.name, arrow_type(column.type)) for column in columns])


def arrow_type(kind: sa.types.TypeEngine[Any]) -> pa.DataType:
    """The Arrow type of a column; 4-byte reals stay 4 bytes, which halves the points (stack.md 6)."""
    if isinstance(kind, Flag):
        return pa.bool_()
    if isinstance(kind, UtcTimestamp):
        return pa.timestamp("us", tz="UTC")
    if isinstance(kind, sa.REAL):
        return pa.float32()
    if isinstance(kind, sa.Float):
        return pa.float64()
    if isinstance(kind, sa.BigInteger):
        return pa.int64()
    if isinstance(kind, sa.Integer):
        return pa.int32()
    if isinstance(kind, sa.Text):
        return pa.string()
    raise TypeError(f"no Arrow type is set for {kind!r}")


class AdbcSource:
    """Reads by the ADBC drivers, through their plain interface: their DB-API module imports pandas, 0.3 s."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._manager = importlib.import_module("adbc_driver_manager")
        self._sqlite = engine.dialect.name == "sqlite"
        self._driver = importlib.import_module("adbc_driver_sqlite" if self._sqlite else "adbc_driver_postgresql")

    @contextmanager
    def snapshot(self) -> Iterator[ReadTable]:
        with self._connection() as connection:
            with self._transaction(connection, "" if self._sqlite else "ISOLATION LEVEL REPEATABLE READ READ ONLY"):
                yield lambda select, columns: self._read(connection, select, columns)

    @contextmanager
    def statements(self) -> Iterator[ReadTable]:
        def read(select: str, columns: Sequence[sa.Column[Any]]) -> pa.Table:
            with self._transaction(connection, "" if self._sqlite else "READ ONLY"):
                return self._read(connection, select, columns)

        with self._connection() as connection:
            yield read

    @contextmanager
    def _transaction(self, connection: Any, kind: str) -> Iterator[None]:
        """One of a kind; where it fails, the connection is not used again."""
        self._run(connection, f"BEGIN {kind}")
        yield
        self._run(connection, "COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        url = self._engine.url
        if self._sqlite:
            uri = f"file:{quote(str(sqlite_path(url)))}?mode=rw"  # rw: a reader may have to recover the log
            first = [f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}", "PRAGMA query_only = ON"]
        else:
            uri = url.set(drivername="postgresql").render_as_string(hide_password=False)
            # Of the session nothing but its name: a pooler in transaction mode would hand the rest on to other clients.
            first = ["SET application_name = 'sensdb mirror'"]
        try:
            # A connection closed before its statements, or a database before its connection, raises at exit.
            with self._driver.connect(uri) as database, self._manager.AdbcConnection(database) as connection:
                for statement in first:
                    self._run(connection, statement)
                yield connection
        except self._manager.Error as error:
            # Not chained: the driver's message may hold the URI with its password.
            raise failed_read(url, error) from None

    def _run(self, connection: Any, statement: str) -> None:
        with self._manager.AdbcStatement(connection) as handle:
            handle.set_sql_query(statement)
            handle.execute_update()

    def _read(self, connection: Any, select: str, columns: Sequence[sa.Column[Any]]) -> pa.Table:
        with self._manager.AdbcStatement(connection) as handle:
            if self._sqlite:
                handle.set_options(**{"adbc.sqlite.query.batch_rows": str(WHOLE_PAGE_ROWS)})
            handle.set_sql_query(with_typed_first_row(select, columns) if self._sqlite else select)
            stream, _ = handle.execute_query()
            with pa.RecordBatchReader._import_from_c(stream.address) as reader:
                table = reader.read_all()
        return typed(table.slice(1) if self._sqlite else table, columns)


def with_typed_first_row(select: str, columns: Sequence[sa.Column[Any]]) -> str:
    """A SELECT for SQLite with a row before the others that shows each column's type; the caller drops it.

    The driver takes a column's type from the first batch: a column of NULLs there becomes int64 and fails at the
    first real, and a CAST does not help (stack.md 4).
    """
    examples = {pa.float32(): "0.5e0", pa.float64(): "0.5e0", pa.string(): "''", pa.timestamp("us", tz="UTC"): "''"}
    first = ", ".join(f"{examples.get(arrow_type(column.type), '0')} AS {column.name}" for column in columns)
    return f"SELECT {first} UNION ALL SELECT * FROM ({select})"


class DriverSource:
    """Reads by the driver that the rest of sensdb uses: slower, always there, and safe beside open connections."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def snapshot(self) -> Iterator[ReadTable]:
        with reading(self._engine) as connection:
            yield lambda select, columns: self._read(connection, select, columns)

    @contextmanager
    def statements(self) -> Iterator[ReadTable]:
        def read(select: str, columns: Sequence[sa.Column[Any]]) -> pa.Table:
            with reading(self._engine) as connection:
                return self._read(connection, select, columns)

        yield read

    def _read(self, connection: sa.Connection, select: str, columns: Sequence[sa.Column[Any]]) -> pa.Table:
        given = schema_of(columns)
        if connection.dialect.name == "sqlite":
            given = pa.schema([(field.name, _sqlite_type(field.type)) for field in given])
        driver: Any = connection.connection.driver_connection
        # The driver's own cursor: Arrow converts a column at a time, SQLAlchemy would value by value. psycopg's has a
        # name so that the server keeps the rows.
        cursor = driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(name="sensdb_mirror")
        try:
            cursor.execute(select)
            batches = []
            while rows := cursor.fetchmany(BATCH_ROWS):
                values = zip(*rows, strict=True)
                arrays = [array_of(column, field.type) for column, field in zip(values, given, strict=True)]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=given))
        except connection.dialect.loaded_dbapi.Error as error:
            raise failed_read(self._engine.url, error) from error
        finally:
            cursor.close()
        return typed(pa.Table.from_batches(batches, schema=given), columns)


def _sqlite_type(wanted: pa.DataType) -> pa.DataType:
    """What the driver gives for a type SQLite does not have."""
    if pa.types.is_boolean(wanted):
        return pa.int64()
    return pa.string() if pa.types.is_timestamp(wanted) else wanted


NUMPY_TYPES: dict[pa.DataType, Any] = {
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
}


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Python values as an Arrow array, None where missing.

    `pa.array` does the same but imports pandas first, to see whether it was given something of pandas': 0.4 s of a
    command that may take one.

    Raises:
        DatabaseError: a value is of another kind, such as text among numbers.
    """
    present = np.fromiter((value is not None for value in values), dtype=bool, count=len(values))
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    if pa.types.is_string(kind):
        texts = [b"" if value is None else value.encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])
    if pa.types.is_boolean(kind):
        bits = np.packbits(np.fromiter(map(bool, values), dtype=bool, count=len(values)), bitorder="little")
        return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(bits)])
    if kind not in NUMPY_TYPES:
        return pa.array(values, type=kind)  # moments, which psycopg alone gives
    numbers = np.asarray([0 if value is None else value for value in values])
    dtype = np.dtype(NUMPY_TYPES[kind])
    if len(values) and numbers.dtype.kind not in ("iub" if dtype.kind == "i" else "iubf"):
        raise DatabaseError(f"a column of {kind} holds {numbers.dtype}.")
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(numbers.astype(dtype))])


def typed(table: pa.Table, columns: Sequence[sa.Column[Any]]) -> pa.Table:
    """The table with exactly our types; what the driver gave must be able to hold them.

    Raises:
        DatabaseError: a column came as another kind of value, as from a driver that guesses.
    """
    wanted = schema_of(columns)
    if table.column_names != wanted.names:
        raise DatabaseError(
            f"the database gave columns {', '.join(table.column_names)}, not {', '.join(wanted.names)}."
        )
    made = [_typed_column(table.column(field.name), field) for field in wanted]
    return pa.Table.from_arrays(made, schema=wanted)


def _typed_column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    given, wanted = column.type, field.type
    if given == wanted:
        return column
    if pa.types.is_integer(given) and (pa.types.is_boolean(wanted) or pa.types.is_integer(wanted)):
        return column.cast(wanted)  # raises where a number does not fit
    if pa.types.is_floating(given) and pa.types.is_floating(wanted):
        return column.cast(wanted, safe=False)
    if pa.types.is_string(given) and pa.types.is_timestamp(wanted):
        return column.cast(pa.timestamp("us")).cast(wanted)  # SQLite's text is UTC
    if pa.types.is_timestamp(given) and pa.types.is_timestamp(wanted) and given.tz is not None:
        return column.cast(wanted)
    raise DatabaseError(f"column {field.name} came as {given}, not as {wanted}.")


def failed_read(url: sa.URL, error: Exception) -> DatabaseError:
    """A failed read as one line without secrets."""
    said = str(error).strip().partition("\n")[0]
    for secret in secrets_of(url):
        said = said.replace(secret, "***")
    return DatabaseError(f"reading {mask(url)} failed: {said}", "sensdb doctor looks at the connection and the schema.")
