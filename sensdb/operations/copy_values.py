"""Rows read from one database made ready for another, and the fingerprint by which both are compared.

What is read is Arrow (mirror/arrow.py), so 4-byte reals stay 4 bytes on the way: as text, which psycopg gives, 0.1
would be stored by SQLite as the double nearest to 0.1 and no longer as the number that was measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.mirror.arrow import ReadTable
from sensdb.results.rows import Column

Rows = list[dict[str, Any]]


def read_rows(read: ReadTable, table: sa.Table, condition: str) -> pa.Table:
    """Rows of a table, all its columns."""
    columns = list(table.columns)
    names = ", ".join(f"{table.name}.{column.name} AS {column.name}" for column in columns)
    return read(f"SELECT {names} FROM {table.name} WHERE {condition}", columns)


def among(column: str, keys: Iterable[int]) -> str:
    """SQL: the column is one of these numbers; as literals, for Arrow's drivers bind none."""
    return f"{column} IN ({', '.join(str(int(key)) for key in keys) or 'NULL'})"


def quoted(text: str) -> str:
    """SQL: a text."""
    return "'" + text.replace("'", "''") + "'"


def dictionaries(table: pa.Table) -> Rows:
    """Rows as mappings, None where missing; moments are aware."""
    rows: Rows = table.to_pylist()
    return rows


def by_model(rows: Rows) -> dict[int, Rows]:
    """Rows by their model_id."""
    found: dict[int, Rows] = {}
    for row in rows:
        found.setdefault(row["model_id"], []).append(row)
    return found


def columns_of(table: pa.Table) -> dict[str, Column]:
    """Columns of numbers and flags as numpy has them, with where they are missing."""
    return {name: _column(table.column(name)) for name in table.column_names}


def renumbered(columns: Mapping[str, Column], model_ids: Mapping[int, int]) -> dict[str, Column]:
    """The same rows under the model_id each model has in the other database."""
    values, place = np.unique(columns["model_id"].values, return_inverse=True)
    new = np.array([model_ids[value] for value in values.tolist()], dtype=np.int64)
    return {**columns, "model_id": Column(new[place] if len(new) else values, columns["model_id"].missing)}


def only_models(table: pa.Table, model_ids: Sequence[int]) -> pa.Table:
    """The rows of some models."""
    return table.filter(pc.is_in(table["model_id"], pa.array(model_ids, type=pa.int64())))


def fingerprints(read: ReadTable, result_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """By result_id of those that are there, how many point rows it has and the SHA-256 of all its rows.

    Of each row every column counts but those that a database numbers itself. Call it within a snapshot.
    """
    metrics = dictionaries(
        read_rows(read, schema.model_metrics, f"result_id IN ({', '.join(map(quoted, result_ids))})")
    )
    chosen = among("model_id", (row["model_id"] for row in metrics))
    points = _of_points(read_rows(read, schema.point_metrics, chosen))
    others = [
        by_model(dictionaries(read_rows(read, table, chosen)))
        for table in (schema.trajectory_metrics, schema.region_slices)
    ]
    found = {}
    for row in metrics:
        model_id = row["model_id"]
        n_points, checksum = points.get(model_id, (0, ""))
        parts = [checksum, *(_of_rows(rows) for rows in ([row], *(other.get(model_id, []) for other in others)))]
        found[row["result_id"]] = n_points, hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return found


def _of_points(table: pa.Table) -> dict[int, tuple[int, str]]:
    """By model, how many point rows there are and the SHA-256 of them in the order of their points.

    Bits are compared, not numbers: every value in the width of its column, and which values are missing.
    """
    order = table.sort_by([("model_id", "ascending"), ("point_index", "ascending")])
    columns = columns_of(order)
    model_ids = columns.pop("model_id").values
    kind = [(name, column.values.dtype) for name, column in columns.items()]
    kind += [(f"{name}.missing", np.dtype(np.bool_)) for name in columns]
    records = np.zeros(len(model_ids), dtype=kind)
    for name, column in columns.items():
        records[name] = column.values
        records[f"{name}.missing"] = column.missing
    found, starts = np.unique(model_ids, return_index=True)
    ends = [*starts.tolist()[1:], len(model_ids)]
    return {
        model_id: (end - start, hashlib.sha256(records[start:end].tobytes()).hexdigest())
        for model_id, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True)
    }


def _of_rows(rows: Rows) -> str:
    """The SHA-256 of rows in any order; numbers count as their shortest text that reads back equal."""
    numbered = ("model_id", "artifact_id")
    texts = sorted(
        json.dumps({name: value for name, value in row.items() if name not in numbered}, sort_keys=True) for row in rows
    )
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _column(column: pa.ChunkedArray) -> Column:
    missing: npt.NDArray[np.bool_] = column.is_null().to_numpy()
    zero = pa.scalar(False) if pa.types.is_boolean(column.type) else pa.scalar(0, type=column.type)
    return Column(column.fill_null(zero).to_numpy(), missing)
