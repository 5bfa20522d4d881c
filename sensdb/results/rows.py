"""Rows of points and trajectories made ready for the database: cleaned alike for both of them.

Points, of which there may be millions, then become binary COPY or the driver's own tuples.

PostgreSQL takes binary COPY, whose bytes numpy lays out a pattern of NULLs at a time (608 k rows/s; 45 k for inserts
of many). SQLite takes tuples by `executemany` (334 k rows/s). Both are made before the transaction opens, so that no
lock is held while Python works.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from sensdb.definitions.metrics import POINT_METRICS, TRAJECTORY_KINDS, TRAJECTORY_METRICS, Metric
from sensdb.errors import ShapeError

SMALLEST = 1.2e-38
"""Magnitudes below are stored as 0: PostgreSQL refuses what 4 bytes cannot hold, SQLite would keep it."""

LARGEST_INTEGER = 2**31 - 1

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_NULL = np.int32(-1)

COLUMNS = ("model_id", "point_index", *(metric.name for metric in POINT_METRICS))
TRAJECTORY_COLUMNS = ("trajectory", "position", *(metric.name for metric in TRAJECTORY_METRICS))

Values = npt.NDArray[Any]
Columns = Mapping[str, Values]


@dataclass(frozen=True)
class Column:
    """One column of B rows: values of the type the database keeps, and where they are NULL."""

    values: Values
    missing: npt.NDArray[np.bool_]


def clean_points(model_id: int, points: Columns) -> dict[str, Column]:
    """The columns of point_metrics for one model, in order, NULL where a metric is not given.

    Reals are rounded to 4 bytes, flushed to 0 below SMALLEST in magnitude, and NULL where not finite. Whole numbers
    are NULL where negative or NaN.

    Args:
        points: point_index and any of POINT_METRICS, [B] each.

    Raises:
        ShapeError: lengths differ, point_index is missing or names a point twice, or there is no such metric.
    """
    index = _checked(f"points of model {model_id}", points, COLUMNS[1:], "point_index").astype(np.int32)
    if len(np.unique(index)) < len(index):
        raise ShapeError(f"points of model {model_id}: point_index names a point twice.")
    present = np.zeros(len(index), dtype=bool)
    cleaned = {
        "model_id": Column(np.full(len(index), model_id, dtype=np.int64), present),
        "point_index": Column(index, present),
    }
    for metric in POINT_METRICS:
        cleaned[metric.name] = _clean(metric, points.get(metric.name), len(index))
    return cleaned


def trajectory_rows(model_id: int, trajectories: Columns) -> list[dict[str, object]]:
    """The rows of trajectory_metrics for one model, numbers cleaned as those of `clean_points`.

    Args:
        trajectories: trajectory, position, kind and any other of TRAJECTORY_METRICS, one entry a row each.

    Raises:
        ShapeError: lengths differ, a place is there twice, or there is no such kind or metric.
    """
    name = f"trajectories of model {model_id}"
    number = _checked(name, trajectories, TRAJECTORY_COLUMNS, "trajectory")
    n_rows = len(number)
    for needed in ("position", "kind"):
        if needed not in trajectories:
            raise ShapeError(f"{name} have no {needed}.")
    if len(set(zip(number.tolist(), trajectories["position"].tolist(), strict=True))) < n_rows:
        raise ShapeError(f"{name}: a position is there twice.")
    unknown = sorted(set(trajectories["kind"].tolist()) - set(TRAJECTORY_KINDS))
    if unknown:
        raise ShapeError(f"{name}: no kind '{unknown[0]}'.", f"allowed: {', '.join(TRAJECTORY_KINDS)}.")
    listed: dict[str, list[object]] = {"model_id": [model_id] * n_rows}
    for column in ("trajectory", "position", "kind"):
        listed[column] = trajectories[column].tolist()
    for metric in TRAJECTORY_METRICS:
        if metric.storage != "text":
            listed[metric.name] = _listed(_clean(metric, trajectories.get(metric.name), n_rows))
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def copy_rows(columns: Mapping[str, Column]) -> bytes:
    """Rows in the binary format of COPY, without header and trailer; rows of one pattern of NULLs together."""
    missing = np.stack([column.missing for column in columns.values()], axis=1)  # [B, columns]
    _, first, of_row = np.unique(missing @ (1 << np.arange(len(columns))), return_index=True, return_inverse=True)
    return b"".join(
        _copy_pattern(columns, missing[first[place]], np.flatnonzero(of_row == place)) for place in range(len(first))
    )


def driver_rows(columns: Mapping[str, Column]) -> list[tuple[object, ...]]:
    """Rows as the tuples SQLite's driver takes."""
    return list(zip(*(_listed(column) for column in columns.values()), strict=True))


def prepare_points(database: str, model_id: int, points: Columns) -> bytes | list[tuple[object, ...]]:
    """One model's point rows in the form `write_points` hands to this kind of database."""
    columns = clean_points(model_id, points)
    return copy_rows(columns) if database == "postgresql" else driver_rows(columns)


def write_points(connection: sa.Connection, prepared: Sequence[bytes | list[tuple[object, ...]]]) -> None:
    """Store the point rows of several models inside the caller's transaction; a rollback takes them along."""
    if connection.dialect.name == "postgresql":
        statement = f"copy point_metrics ({', '.join(COLUMNS)}) from stdin (format binary)"
        driver: Any = connection.connection.driver_connection
        dbapi: Any = connection.dialect.loaded_dbapi
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(b"".join((COPY_HEADER, *_bytes_of(prepared), COPY_TRAILER)))
        except dbapi.Error as error:
            # COPY goes past SQLAlchemy, whose callers know its errors alone.
            raise sa.exc.DBAPIError.instance(
                statement, None, error, dbapi.Error, connection_invalidated=driver.closed, dialect=connection.dialect
            ) from error
        return
    rows = [row for part in prepared for row in part]
    if rows:
        places = ", ".join("?" for _ in COLUMNS)
        connection.exec_driver_sql(f"insert into point_metrics ({', '.join(COLUMNS)}) values ({places})", rows)


def _bytes_of(prepared: Iterable[bytes | list[tuple[object, ...]]]) -> Iterable[bytes]:
    return (part for part in prepared if isinstance(part, bytes))


def _checked(name: str, given: Columns, allowed: Sequence[str], key: str) -> Values:
    """The key column, if all columns are allowed ones and as long as it."""
    unknown = given.keys() - set(allowed)
    if unknown:
        raise ShapeError(f"{name}: no metric '{min(unknown)}'.", f"allowed: {', '.join(allowed)}.")
    if key not in given:
        raise ShapeError(f"{name} have no {key}.")
    for column, values in given.items():
        if np.shape(values) != (len(given[key]),):
            raise ShapeError(f"{name}: {column} has shape {np.shape(values)}, {key} {(len(given[key]),)}.")
    return np.asarray(given[key])


def _listed(column: Column) -> list[object]:
    values = column.values.astype(object)
    values[column.missing] = None
    listed: list[object] = values.tolist()
    return listed


def _clean(metric: Metric, given: Values | None, n_points: int) -> Column:
    kind: type[np.generic] = {"real4": np.float32, "integer": np.int32, "boolean": np.bool_}[metric.storage]
    if given is None:
        return Column(np.zeros(n_points, dtype=kind), np.ones(n_points, dtype=bool))
    values = np.asarray(given).astype(np.float64)
    if metric.storage == "real4":
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            # -0.0 among them, which SQLite would store as 0.0.
            values = np.where(np.abs(values) < SMALLEST, 0.0, values).astype(np.float32)
        missing = ~np.isfinite(values)
    else:
        missing = ~(values >= 0)
        if np.any(values[~missing] > LARGEST_INTEGER):
            raise ShapeError(f"{metric.name} of {values[~missing].max():.0f} does not fit 4 bytes.")
    return Column(np.where(missing, 0, values).astype(kind), missing)


def _copy_pattern(columns: Mapping[str, Column], missing: npt.NDArray[np.bool_], rows: npt.NDArray[np.intp]) -> bytes:
    """Rows whose NULLs lie in the same columns, so that all have the same layout."""
    kinds = tuple(column.values.dtype for column in columns.values())
    buffer = np.repeat(_layout(tuple(columns), kinds, missing.tobytes()), len(rows))
    for (name, column), absent in zip(columns.items(), missing, strict=True):
        if not absent:
            buffer[name] = column.values[rows]
    return buffer.tobytes()


@lru_cache(maxsize=1024)
def _layout(names: tuple[str, ...], kinds: tuple[np.dtype[Any], ...], missing: bytes) -> npt.NDArray[np.void]:
    """A row of one pattern of NULLs without its values, [1]: a count of fields, then for each its length, -1 for
    NULL, and its bytes, all big-endian.

    Remembered, for the models of a sweep have the same few patterns, and to make it takes longer than to fill it.
    """
    fields: list[tuple[str, str]] = [("n_fields", ">i2")]
    for name, kind, absent in zip(names, kinds, missing, strict=True):
        fields.append((f"{name}.length", ">i4"))
        if not absent:
            fields.append((name, kind.newbyteorder(">").str))
    row = np.zeros(1, dtype=fields)
    row["n_fields"] = len(names)
    for name, kind, absent in zip(names, kinds, missing, strict=True):
        row[f"{name}.length"] = _NULL if absent else kind.itemsize
    return row
