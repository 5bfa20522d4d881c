"""What a question gives back: typed rows, what each column means, and what the reader must know beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sensdb.analysis.saved_queries import Column
from sensdb.errors import QueryError
from sensdb.mirror.arrow import array_of

if TYPE_CHECKING:
    import pandas as pd

ARROW_TYPES = {
    "int": pa.int64(),
    "real": pa.float64(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Answer:
    """The rows of one question.

    Attributes:
        columns: in order, with their types.
        table: the rows as an Arrow table; a missing number is null, never NaN.
        meta: `query`, `parameters`, `filters`, `database` (secrets masked), `mirror_at` (UTC), `n_models` (used),
            `left_out` (reason -> models), `notes` (what a number's absence or a smaller n comes from),
            `sensdb_version`.
    """

    columns: tuple[Column, ...]
    table: pa.Table
    meta: Mapping[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as mappings of plain Python values, None where missing; needs no pandas."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame without an index of its own, `meta` in its `attrs`.

        Columns have the types of the header: whole numbers stay whole where some are missing (Int64).
        """
        import pandas as pd

        nullable = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
        made = {}
        for name, column in zip(self.table.column_names, self.table.columns, strict=True):
            kind = nullable.get(column.type) if column.null_count else None
            series = column.to_pandas(types_mapper={column.type: kind}.get if kind is not None else None)
            made[name] = series
        frame = pd.DataFrame(made, columns=self.table.column_names)
        frame.attrs.update(self.meta)
        return frame


def typed_table(columns: Sequence[Column], table: pa.Table, where: str) -> pa.Table:
    """The table of a saved query with exactly the columns and types that its header declares.

    Raises:
        QueryError: names or kinds of columns are others; begins with `where`.
    """
    names = [column.name for column in columns]
    if table.column_names != names:
        raise QueryError(
            f"{where}: the query gives columns {', '.join(table.column_names)}.", f"its header says {', '.join(names)}."
        )
    made = []
    for column in columns:
        given = table[column.name]
        if kind_of(given.type) != column.type and not pa.types.is_null(given.type):
            raise QueryError(
                f"{where}: column {column.name} is {kind_of(given.type) or given.type}.",
                f"its header says {column.type}.",
            )
        made.append(without_nan(given.cast(ARROW_TYPES[column.type])))
    return pa.table(made, names=names)


def table_of_lists(columns: Sequence[Column], values: Mapping[str, Sequence[Any]]) -> pa.Table:
    """The table that a statistic's columns make; numbers that are not finite are missing."""
    made = [
        array_of([_existing(value) for value in values[column.name]], ARROW_TYPES[column.type]) for column in columns
    ]
    return pa.table(made, names=[column.name for column in columns])


def kind_of(kind: pa.DataType) -> str | None:
    """The word a header has for an Arrow type; None where it has none (lists, decimals, dates)."""
    if pa.types.is_integer(kind):
        return "int"
    if pa.types.is_floating(kind):
        return "real"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "bool"
    return "time" if pa.types.is_timestamp(kind) and kind.tz is not None else None


def without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with NaN and infinities missing: no format of the command line has a word for them."""
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_finite(column), column, pa.nulls(len(column), column.type))  # a scalar imports pandas


def _existing(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
