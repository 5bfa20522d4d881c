"""Pages of point rows, by far the most there is to copy: each read by one statement, so each of one moment.

SQLite gives rows. PostgreSQL packs a model's points into one row, each column the 4-byte numbers of all its points one
behind the other. A million rows take the server 1.3 to 1.5 s so (up to 2.1 where columns have gaps) and this side 0.1;
row by row through ADBC 1.4 and 2.2, nearly all of that in libpq, which handles every row by itself (PostgreSQL 18, 9 of
16 columns present, a core of AVX2).
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
from sensdb.mirror.arrow import ReadTable, failed_read, open_source, schema_of
from sensdb.mirror.manifest import Result

ReadPage = Callable[[Sequence[Result]], pa.Table]
"""The rows of point_metrics of some results; a result that is gone, or in whose place another is, has none."""

COLUMNS = list(schema.point_metrics.columns)
MISSING, NAN = -(2**31), "'NaN'"
"""In place of NULL: among whole numbers, where none is negative, and among reals, where NaN is never stored."""


@contextmanager
def point_pages(engine: sa.Engine, *, own_process: bool = False) -> Iterator[ReadPage]:
    """Within it, pages can be read.

    Args:
        own_process: as for `arrow.open_source`.

    Raises:
        DatabaseError: the database cannot be read; one line, without its password.
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
    # string_agg leaves NULLs out, so a column that is missing throughout costs nothing. One with gaps is told by its
    # length, and then the page is asked for once more, with numbers in place of NULLs.
    models = _ask(engine, page, fill=False)
    if any(len(numbers) not in (0, len(model[1])) for model in models for numbers in model[2:]):
        models = _ask(engine, page, fill=True)
    return _unpacked(models)


def _ask(engine: sa.Engine, page: Sequence[Result], *, fill: bool) -> list[list[bytes]]:
    """Of each model with points its id, and each other column's numbers, b"" where there are none.

    They are as the server sends them: the first byte the highest.
    """
    packed = ", ".join(_packed(column, fill=fill) for column in COLUMNS[1:])
    # A subquery of each model, for which the server goes by the key: for a plain join it read all of 50 million rows
    # once a page.
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
                rows = [
                    [given.get_value(row, field) or b"" for field in range(given.nfields)]
                    for row in range(given.ntuples)
                ]
        except connection.dialect.loaded_dbapi.Error as error:
            raise failed_read(engine.url, error) from error
    return [row for row in rows if row[1]]


def _packed(column: sa.Column[Any], *, fill: bool) -> str:
    real = isinstance(column.type, sa.REAL)
    value = f"{column.name}::int" if isinstance(column.type, Flag) else column.name
    if fill:
        value = f"coalesce({value}, {NAN if real else MISSING})"
    return f"string_agg({'float4send' if real else 'int4send'}({value}), '')"


def _unpacked(models: Sequence[Sequence[bytes]]) -> pa.Table:
    """What `_ask` gives, as rows."""
    ids = [int.from_bytes(model[0], "big", signed=True) for model in models]
    n_points = [len(model[1]) // 4 for model in models]
    model_id = np.repeat(np.array(ids, dtype=np.int64), np.array(n_points, dtype=np.int64))
    arrays = [pa.Array.from_buffers(pa.int64(), len(model_id), [None, pa.py_buffer(model_id)])]
    for place, column in enumerate(COLUMNS[1:], start=1):
        dtype, missing = (">f4", np.nan) if isinstance(column.type, sa.REAL) else (">i4", MISSING)
        one = np.array(missing, dtype=dtype).tobytes()
        numbers = b"".join(model[place] or one * n for model, n in zip(models, n_points, strict=True))
        arrays.append(_array(np.frombuffer(numbers, dtype), column))
    return pa.Table.from_arrays(arrays, schema=schema_of(COLUMNS))


def _array(numbers: Any, column: sa.Column[Any]) -> pa.Array:
    own = numbers.astype(numbers.dtype.newbyteorder("="))
    present = own == own if own.dtype.kind == "f" else own != MISSING  # NaN alone differs from itself
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    if isinstance(column.type, Flag):
        bits = np.packbits(own > 0, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(own), [validity, pa.py_buffer(bits)])
    return pa.Array.from_buffers(pa.from_numpy_dtype(own.dtype), len(own), [validity, pa.py_buffer(own)])
