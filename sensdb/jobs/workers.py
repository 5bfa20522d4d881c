"""The rows of table `workers`: a process at its start, and at its end in good order."""

from __future__ import annotations

import sqlalchemy as sa

from sensdb.jobs.dialects import Dialect
from sensdb.jobs.records import WorkerRecord


def register(connection: sa.Connection, worker: WorkerRecord) -> None:
    """Note a worker at its start; see `Queue.register_worker`."""
    columns = worker.__dict__
    connection.execute(
        sa.text(
            f"insert into workers ({', '.join(columns)}) values (:{', :'.join(columns)})"
            " on conflict (worker_id) do nothing"
        ),
        columns,
    )


def stop(connection: sa.Connection, dialect: Dialect, worker_id: str, models_done: int | None) -> None:
    """Note that a worker has stopped in good order; see `Queue.stop_worker`."""
    connection.execute(
        sa.text(
            f"update workers set stopped_at = {dialect.now}, beat_at = {dialect.now},"
            " models_done = coalesce(cast(:models_done as bigint), models_done) where worker_id = :worker_id"
        ),
        {"worker_id": worker_id, "models_done": models_done},
    )
