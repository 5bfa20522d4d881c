"""Pages of point rows, by far the most there is to copy: each read by one statement, so each of one moment.

SQLite gives rows. PostgreSQL packs a model's points into one row, each column the 4-byte numbers of all its points one
behind the other. A million rows of it take the server 1.9 s and this side 0.1 s; row by row through ADBC they take 1.4
and 2.2, nearly all of that libpq, which handles every row by itself (PostgreSQL 18, a core of AVX2, medians of 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.columns import Flag
from sensdb.database.engine import reading
from sensdb.errors import DatabaseError
from sensdb.mirror.arrow import ReadTable, failed_read, open_source, schema_of
from sensdb.mirror.manifest import Result

ReadPage = Callable[[Sequence[Result]], pa.Table]
"""The rows of point_metrics of some results; a result that is gone, or in whose place another is, has none."""

COLUMNS = list(schema.point_metrics.columns)
MISSING = -(2**31)
"""In place of NULL among whole numbers, where none is negative; among reals it is NaN, which is never stored."""


@contextmanager
def point_pages(engine: sa.Engine, *, own_process: bool = False) -> Iterator[ReadPage]:
    """Within it, pages can be read.

    Args:
        own_process: as for `arrow.open_source`.
    """
    if engine.dialect.name == "postgresql":
        yield partial(_packed_page, engine)
        return
    with open_source(engine, own_process=own_process).statements() as read:
        yield partial(_page_of_rows, read)


def _of_results(page: Sequence[Result]) -> str:
    """The condition that model_metrics m is one of some results.

    `|| ''` keeps the index of result_id out of it: models found by their key come in its order, and a page of rows
    need not be sorted.
    """
    models = ", ".join(str(model_id) for model_id, _ in page)
    results = ", ".join("'{}'".format(result_id.replace("'", "''")) for _, result_id in page)
    return f"m.model_id IN ({models}) AND m.result_id || '' IN ({results})"


def _page_of_rows(read: ReadTable, page: Sequence[Result]) -> pa.Table:
    names = ", ".join(f"p.{column.name} AS {column.name}" for column in COLUMNS)
    select = f"SELECT {names} FROM model_metrics m JOIN point_metrics p ON p.model_id = m.model_id"
    return read(f"{select} WHERE {_of_results(page)}", COLUMNS)


def _packed_page(engine: sa.Engine, page: Sequence[Result]) -> pa.Table:
    packed = ", ".join(map(_packed, COLUMNS[1:]))
    names = ", ".join(column.name for column in COLUMNS[1:])
    select = (
        f"SELECT m.model_id, a.* FROM model_metrics m CROSS JOIN LATERAL (SELECT {packed} FROM (SELECT {names}"
        " FROM point_metrics WHERE model_id = m.model_id ORDER BY point_index) p) a"
        f" WHERE {_of_results(page)} ORDER BY m.model_id"
    )
    with reading(engine) as connection:
        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor(binary=True) as cursor:
                cursor.execute(select)
                # The server's own bytes: psycopg would make Python's of them, each a copy.
                given = cursor.pgresult
                rows = [[given.get_value(row, field) for field in range(given.nfields)] for row in range(given.ntuples)]
        except connection.dialect.loaded_dbapi.Error as error:
            raise failed_read(engine.url, error) from error
    return _unpacked([row for row in rows if row[1] is not None])


def _packed(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.REAL):
        return f"string_agg(float4send(coalesce({column.name}, 'NaN')), '')"
    whole = f"{column.name}::int" if isinstance(column.type, Flag) else column.name
    return f"string_agg(int4send(coalesce({whole}, {MISSING})), '')"


def _unpacked(rows: Sequence[Sequence[bytes]]) -> pa.Table:
    """Rows of a model_id and each other column's numbers, as the server sends them: the first byte the highest.

    Raises:
        DatabaseError: a model's columns are not of one length.
    """
    ids = [int.from_bytes(row[0], "big", signed=True) for row in rows]
    lengths = [len(row[1]) for row in rows]
    for number, row, length in zip(ids, rows, lengths, strict=True):
        if any(len(numbers) != length for numbers in row[1:]):
            raise DatabaseError(f"model {number}: the columns of its points differ in length.")
    model_id = np.repeat(np.array(ids, dtype=np.int64), np.array(lengths, dtype=np.int64) // 4)
    arrays = [pa.Array.from_buffers(pa.int64(), len(model_id), [None, pa.py_buffer(model_id)])]
    for place, column in enumerate(COLUMNS[1:], start=1):
        numbers = b"".join(row[place] for row in rows)
        arrays.append(_array(np.frombuffer(numbers, ">f4" if isinstance(column.type, sa.REAL) else ">i4"), column))
    return pa.Table.from_arrays(arrays, schema=schema_of(COLUMNS))


def _array(numbers: Any, column: sa.Column[Any]) -> pa.Array:
    own = numbers.astype(numbers.dtype.newbyteorder("="))
    present = own == own if own.dtype.kind == "f" else own != MISSING  # NaN alone differs from itself
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    if isinstance(column.type, Flag):
        bits = np.packbits(own > 0, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(own), [validity, pa.py_buffer(bits)])
    return pa.Array.from_buffers(pa.from_numpy_dtype(own.dtype), len(own), [validity, pa.py_buffer(own)])
