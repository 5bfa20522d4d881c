"""Rows as every output format sees them: named columns of plain Python values, None where a value is missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BLOCK_ROWS = 20_000  # rows of a frame turned into Python values at a time; bounds memory, changes nothing


class Grid:
    """Rows from a DataFrame or from a list of mappings, read alike.

    Args:
        source: the rows; a DataFrame's index is left out.
        columns: the columns and their order; needed where a list may be empty, otherwise taken from the source.

    Iterating gives tuples of bool, int, float, text, lists or mappings. Missing (None, NaN, NaT, pandas' NA) is
    None. Times are text in UTC, `2026-01-31T09:30:00Z`. A 4-byte float gives the number that its shortest text
    names, 0.1 and not 0.10000000149, as it would read back.
    """

    def __init__(self, source: pd.DataFrame | Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> None:
        self._frame: pd.DataFrame | None = None
        self._list: Sequence[Mapping[str, object]] = ()
        if isinstance(source, Sequence):
            self._list = source
            self.columns = tuple(columns or (source[0] if source else ()))
        else:
            self._frame = source[list(columns)] if columns else source
            self.columns = tuple(str(name) for name in self._frame.columns)

    def __len__(self) -> int:
        return len(self._list) if self._frame is None else len(self._frame)

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        if self._frame is None:
            for row in self._list:
                yield tuple(_plain(row[name]) for name in self.columns)
            return
        for start in range(0, len(self._frame), BLOCK_ROWS):
            block = self._frame.iloc[start : start + BLOCK_ROWS]
            yield from zip(*(_column(block.iloc[:, i]) for i in range(len(self.columns))), strict=True)

    def to_arrow(self) -> pa.Table:
        """The same rows with their types; times without a zone are taken as UTC."""
        import pyarrow as pa

        if self._frame is None:
            table = pa.Table.from_pylist([{name: row[name] for name in self.columns} for row in self._list])
            return table if len(self) else pa.table({name: pa.nulls(0) for name in self.columns})
        return pa.Table.from_pandas(self._frame, preserve_index=False).replace_schema_metadata(None)


def _column(series: pd.Series[Any]) -> list[object]:
    if str(series.dtype) == "float32":
        series = series.astype(str).astype(float)  # by way of the shortest text
    missing = series.isna()
    values = [_plain(value) for value in series.tolist()]
    if missing.any():
        return [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]
    return values


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, datetime):
        if value != value:  # pandas' NaT
            return None
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    item = getattr(value, "item", None)  # numpy's scalars
    return _plain(item()) if callable(item) else str(value)
