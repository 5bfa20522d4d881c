"""Rows as every output format sees them: named columns of plain Python values, None where a value is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    Rows: TypeAlias = Sequence[Mapping[str, object]] | pa.Table | pd.DataFrame

BLOCK_ROWS = 20_000  # rows of a table turned into Python values at a time; bounds memory, changes nothing


class Grid:
    """Rows of an Arrow table, a DataFrame or a list of mappings, read alike; a list needs neither library.

    Args:
        source: the rows; a DataFrame's index is left out.
        columns: the columns and their order; needed where a list may be empty, otherwise taken from the source.

    Iterating gives tuples of bool, int, float, text, lists or mappings. Missing (null, None, NaN, NaT) is None. Times
    are text in UTC, `2026-01-31T09:30:00Z`. A 4-byte real gives the number that its shortest text names, 0.1 and not
    0.10000000149, as it would read back.
    """

    def __init__(self, source: Rows, columns: Sequence[str] = ()) -> None:
        self._table: pa.Table | None = None
        self._list: Sequence[Mapping[str, object]] = ()
        if isinstance(source, Sequence):
            self._list = source
            self.columns = tuple(columns or (source[0] if source else ()))
            return
        table = _table_of(source)
        self._table = table.select(list(columns)) if columns else table
        self.columns = tuple(self._table.column_names)

    def __len__(self) -> int:
        return len(self._list) if self._table is None else int(self._table.num_rows)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        for block in self.blocks():
            yield from zip(*block, strict=True)

    def blocks(self) -> Iterator[list[list[object]]]:
        """The same values a column at a time, for writers of many rows: lists [columns][at most BLOCK_ROWS]."""
        if self._table is None:
            for first in range(0, len(self._list), BLOCK_ROWS):
                rows = self._list[first : first + BLOCK_ROWS]
                yield [[_plain(row[name]) for row in rows] for name in self.columns]
            return
        for batch in self._table.to_batches(max_chunksize=BLOCK_ROWS):
            yield [_column(column) for column in batch.columns]

    def to_arrow(self) -> pa.Table:
        """The same rows with their types."""
        if self._table is not None:
            return self._table
        import pyarrow as pa

        if not self._list:
            return pa.table({name: pa.nulls(0) for name in self.columns})
        return pa.Table.from_pylist([{name: row[name] for name in self.columns} for row in self._list])


def _table_of(source: pa.Table | pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return source
    return pa.Table.from_pandas(source, preserve_index=False).replace_schema_metadata(None)


def _column(column: pa.Array) -> list[object]:
    import pyarrow as pa

    if pa.types.is_float32(column.type):
        column = column.cast(pa.string()).cast(pa.float64())  # by way of the shortest text
    values: list[object] = column.to_pylist()
    if pa.types.is_float64(column.type):
        return [None if value != value else value for value in values]  # NaN alone differs from itself
    if pa.types.is_integer(column.type) or pa.types.is_string(column.type):
        return values  # plain already, as half of the columns are
    return [_plain(value) for value in values]


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
