"""Store results: whole or not at all, in the transaction that ends their attempts (design.md 5, 6).

The fence comes first. What it refuses, because the attempt was reaped or has ended, is not stored; what it accepts
becomes visible with the COMMIT, points and all.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.metrics import POINT_METRICS
from sensdb.errors import DataError
from sensdb.jobs.dialects import Dialect, dialect_of, rows_json
from sensdb.jobs.enqueuing import note_dataset
from sensdb.jobs.queue import Pair, Queue
from sensdb.jobs.transactions import CommitUnknown, inspect, transact
from sensdb.results.artifacts import Artifact, note_artifacts
from sensdb.results.pictures import REGIONS, write_regions
from sensdb.results.rows import Columns, Values, prepare_points, trajectory_rows, write_points

MODELS_AT_ONCE = 64
ROWS_AT_ONCE = 100_000
SECONDS_A_STATEMENT = 300


@dataclass(frozen=True)
class Result:
    """What came out of one attempt.

    metrics: columns of model_metrics by name (`definitions.metrics.MODEL_METRICS`); a number that does not exist is
        None or not finite. n_points_stored is counted here. Of a job of kind measure, columns that are not given keep
        their stored values; of a job of kind train they become NULL.
    device_class: of the device that did the work; for kind measure the class that trained is kept.
    points: point_index and metrics of test points, [B] each; None stores no rows, and keeps the stored ones of a
        model that is measured again. Metrics not given are treated as columns of `metrics` are.
    trajectories: columns of trajectory_metrics but model_id, one entry a row; regions: rows of region_slices without
        model_id and artifact_id, which is that of the artifact of kind regions. None is as for points.
    artifacts: files that are stored already; they take the place of the model's others of the same kind.
    measure: what was to be measured (canonical), where it is known: a result whose attempt was lost is taken in only
        while the job asks for the same.
    result_id: names this result wherever it is copied to; given in tests alone.
    """

    model_id: int
    attempt: int
    metrics: Mapping[str, object]
    engine_version: str
    device_class: str
    points: Columns | None = None
    trajectories: Columns | None = None
    regions: Sequence[Mapping[str, object]] | None = None
    artifacts: Sequence[Artifact] = ()
    measure: str | None = None
    result_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def pair(self) -> Pair:
        """(model_id, attempt), the fence."""
        return self.model_id, self.attempt

    @property
    def n_points(self) -> int:
        """Rows to be stored in point_metrics."""
        return 0 if self.points is None else len(self.points["point_index"])

    @property
    def n_rows(self) -> int:
        """Rows to be stored of points and trajectories."""
        return self.n_points + (0 if self.trajectories is None else len(self.trajectories["trajectory"]))


@dataclass(frozen=True)
class _Prepared:
    """A result, its point rows in the form its database takes, and its trajectory rows."""

    result: Result
    rows: Any
    trajectories: list[dict[str, object]]


def store(queue: Queue, results: Sequence[Result], *, adopt: bool = False) -> list[Pair]:
    """Finish attempts with their results, by batches of a transaction each.

    Storing the same `Result` again is safe: one that is already there counts as accepted. So after a DatabaseError,
    whether or not a COMMIT had been on its way, the same call may be repeated.

    Args:
        adopt: store results of lost attempts too where no other attempt has begun: `Queue.adopt`.

    Returns:
        The pairs whose results are stored. The others were not this caller's any more; nothing of them was written.

    Raises:
        DatabaseError: the database is away or full; batches before are stored, the rest is not.
        ShapeError: points of different lengths, or a metric there is not.
    """
    accepted: list[Pair] = []
    for batch in _batches(results):
        accepted += _store_batch(queue, batch, adopt)
    return accepted


def record_dataset(engine: sa.Engine, info: DatasetInfo, checksum: str, train: Values, test: Values) -> None:
    """Note a data set that was read, with its labels; writes nothing where that was done before.

    Args:
        checksum: SHA-256 of its arrays.
        train, test: labels of either split in the official order, [N] whole numbers.

    Raises:
        DataError: models of this database were trained on other arrays under this name.
    """
    known = sa.text("select checksum from datasets where dataset = :dataset")
    stored = inspect(engine, lambda connection: connection.execute(known, {"dataset": info.name}).scalar())
    if stored is None:
        stored = transact(engine, lambda connection: _record(connection, info, checksum, train, test))
    if stored != checksum:
        raise DataError(
            f"data set '{info.name}' of this host is not the one recorded in the database:"
            f" checksum {checksum[:12]}..., recorded {stored[:12]}...",
            f"sensdb data check {info.name} tells whether this host's files are altered.",
        )


def _batches(results: Sequence[Result]) -> Iterator[list[Result]]:
    batch: list[Result] = []
    n_rows = 0
    for result in results:
        if batch and (len(batch) == MODELS_AT_ONCE or n_rows + result.n_rows > ROWS_AT_ONCE):
            yield batch
            batch, n_rows = [], 0
        batch.append(result)
        n_rows += result.n_rows
    if batch:
        yield batch


def _store_batch(queue: Queue, batch: Sequence[Result], adopt: bool) -> list[Pair]:
    prepared = [_prepare(queue, result) for result in batch]

    def write(connection: sa.Connection) -> set[Pair]:
        return _write(connection, queue, prepared, adopt)

    try:
        accepted = transact(queue.engine, write, statement_seconds=SECONDS_A_STATEMENT)
    except CommitUnknown:
        outcomes = queue.attempt_outcome([result.pair for result in batch])
        # All of them were in one transaction: if one still runs, or is lost, it was not committed.
        open_ones = (None, "lost") if adopt else (None,)
        again = any(outcomes.get(result.pair) in open_ones for result in batch)
        accepted = transact(queue.engine, write, statement_seconds=SECONDS_A_STATEMENT) if again else set()
    refused = [result for result in batch if result.pair not in accepted]
    if refused:
        accepted |= _stored_before(queue, refused)
    return [result.pair for result in batch if result.pair in accepted]


def _prepare(queue: Queue, result: Result) -> _Prepared:
    trajectories = [] if result.trajectories is None else trajectory_rows(result.model_id, result.trajectories)
    if result.points is None:
        return _Prepared(result, None, trajectories)
    points = _with_stored_columns(queue, result)
    return _Prepared(result, prepare_points(queue.dialect.name, result.model_id, points), trajectories)


def _write(connection: sa.Connection, queue: Queue, prepared: Sequence[_Prepared], adopt: bool) -> set[Pair]:
    """The transaction: fence, old rows out, new rows in."""
    closed = queue.close(connection, [one.result.pair for one in prepared])
    if adopt:
        late = {one.result.pair: one.result.measure for one in prepared if one.result.pair not in closed}
        closed |= queue.adopt(connection, late)
    kept = [one for one in prepared if one.result.pair in closed]
    if not kept:
        return set()
    stored = _stored_metrics(connection, queue.dialect, [one.result.model_id for one in kept])
    measured_again = {
        one.result.model_id for one in kept if closed[one.result.pair] == "measure" and one.result.model_id in stored
    }
    _delete_replaced(connection, queue.dialect, kept, stored, measured_again)
    rows = [
        _metrics_row(one.result, stored[one.result.model_id] if one.result.model_id in measured_again else None)
        for one in kept
    ]
    connection.execute(schema.model_metrics.insert(), rows)
    write_points(connection, [one.rows for one in kept if one.rows is not None])
    trajectories = [row for one in kept for row in one.trajectories]
    queue.dialect.insert(connection, schema.trajectory_metrics, trajectories, "model_id, trajectory, position")
    note_artifacts(connection, {one.result.model_id: one.result.artifacts for one in kept})
    regions = {one.result.model_id: one.result.regions for one in kept if one.result.regions is not None}
    write_regions(connection, queue.dialect, regions)
    return set(closed)


def _metrics_row(result: Result, stored: Mapping[str, object] | None) -> dict[str, object]:
    """The row of model_metrics; over the stored one where the model was measured again."""
    columns: dict[str, object] = {column.name: None for column in schema.model_metrics.columns}
    columns.update(n_points_stored=0, engine_version=result.engine_version, device_class=result.device_class)
    columns.update(stored or {})
    columns.update({name: _plain(value) for name, value in result.metrics.items() if name != "n_points_stored"})
    if stored is not None and "test_accuracy" in result.metrics:
        # The training accuracy is the stored one; another device may take a test point at a boundary differently.
        train, test = columns["train_accuracy"], columns["test_accuracy"]
        gap = train - test if isinstance(train, float) and isinstance(test, float) else None
        columns["generalization_gap"] = gap
    columns.update(
        model_id=result.model_id,
        result_id=result.result_id,
        attempt=result.attempt,
        measured_on=result.device_class,
    )
    if result.points is not None:
        columns["n_points_stored"] = result.n_points
    return columns


def _plain(value: object) -> object:
    """A Python value the drivers take; None for a number that does not exist."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stored_metrics(
    connection: sa.Connection, dialect: Dialect, model_ids: Sequence[int]
) -> dict[int, Mapping[str, object]]:
    """The rows of model_metrics that are about to be replaced."""
    chosen = sa.text(f"model_id in ({dialect.records('model_ids', model_id='bigint')})")
    rows = connection.execute(
        sa.select(schema.model_metrics).where(chosen), {"model_ids": rows_json([key] for key in model_ids)}
    )
    return {row.model_id: dict(row._mapping) for row in rows}


def _delete_replaced(
    connection: sa.Connection,
    dialect: Dialect,
    kept: Sequence[_Prepared],
    stored: Collection[int],
    measured_again: set[int],
) -> None:
    """Take out what the new results replace: of a model that was trained again all, weights excepted."""
    old = [one.result for one in kept if one.result.model_id in stored]
    trained_again = [result.model_id for result in old if result.model_id not in measured_again]
    new_points = [result.model_id for result in old if result.points is not None]
    new_trajectories = [result.model_id for result in old if result.trajectories is not None]
    new_regions = [result.model_id for result in old if result.regions is not None]
    regions = sorted({*trained_again, *new_regions})
    for rows, model_ids in (
        ("point_metrics where", sorted({*trained_again, *new_points})),
        ("trajectory_metrics where", sorted({*trained_again, *new_trajectories})),
        ("region_slices where", regions),
        (f"artifacts where kind = '{REGIONS}' and", regions),
        ("model_metrics where", [result.model_id for result in old]),
    ):
        if model_ids:
            connection.execute(
                sa.text(f"delete from {rows} model_id in ({dialect.records('model_ids', model_id='bigint')})"),
                {"model_ids": rows_json([key] for key in model_ids)},
            )


def _with_stored_columns(queue: Queue, result: Result) -> Columns:
    """The points of a result, completed from the stored ones where a model was measured again in part.

    Read before the transaction: nobody else may replace them while the attempt is this caller's, and if it is not,
    the fence refuses the result.
    """
    assert result.points is not None
    lacking = [metric.name for metric in POINT_METRICS if metric.name not in result.points]
    if not lacking:
        return result.points

    def read(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
        table, attempts = schema.point_metrics, schema.attempts
        kind = connection.execute(
            sa.select(attempts.c.kind).where(
                attempts.c.model_id == result.model_id, attempts.c.attempt == result.attempt
            )
        ).scalar()
        if kind != "measure":
            return []
        columns = (table.c[name] for name in ("point_index", *lacking))
        return connection.execute(sa.select(*columns).where(table.c.model_id == result.model_id)).all()

    rows = inspect(queue.engine, read)
    if not rows:
        return result.points
    place = {row.point_index: number for number, row in enumerate(rows)}
    index = np.array([place.get(int(point), -1) for point in result.points["point_index"]])
    completed = dict(result.points)
    for name in lacking:
        values = np.array([getattr(row, name) for row in rows], dtype=np.float64)  # None becomes NaN
        completed[name] = np.where(index < 0, np.nan, values[index])
    return completed


def _stored_before(queue: Queue, refused: Sequence[Result]) -> set[Pair]:
    """Results the fence refused because this very result is stored: an earlier call's COMMIT went unanswered."""
    table = schema.model_metrics
    chosen = sa.text(f"model_id in ({queue.dialect.records('model_ids', model_id='bigint')})")
    rows = inspect(
        queue.engine,
        lambda connection: connection.execute(
            sa.select(table.c.model_id, table.c.result_id).where(chosen),
            {"model_ids": rows_json([result.model_id] for result in refused)},
        ).all(),
    )
    ids = {row.model_id: row.result_id for row in rows}
    return {result.pair for result in refused if ids.get(result.model_id) == result.result_id}


def _record(connection: sa.Connection, info: DatasetInfo, checksum: str, train: Values, test: Values) -> str:
    """Note checksum and labels if nobody has; returns the checksum recorded."""
    dialect = dialect_of(connection.engine)
    note_dataset(connection, info, None)
    # The row is locked from here on: of workers that start together one writes the labels.
    stored = connection.execute(
        sa.text("select checksum from datasets where dataset = :dataset"), {"dataset": info.name}
    ).scalar()
    if stored is not None:
        return str(stored)
    for split, labels in (("train", train), ("test", test)):
        given = dialect.records("labels", point_index="integer", label="integer")
        connection.execute(
            sa.text(
                "insert into dataset_points (dataset, split, point_index, label)"
                f" select cast(:dataset as text), '{split}', point_index, label from ({given}) given"
            ),
            {"dataset": info.name, "labels": rows_json(enumerate(np.asarray(labels).tolist()))},
        )
    connection.execute(
        sa.text("update datasets set checksum = :checksum where dataset = :dataset"),
        {"dataset": info.name, "checksum": checksum},
    )
    return checksum
