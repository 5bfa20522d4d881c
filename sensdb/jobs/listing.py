"""What the queue says of itself: jobs, sweeps, workers, counts. Reads alone; no write lock, no long snapshot."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.at_once import Executor
from sensdb.database.columns import Flag, UtcTimestamp
from sensdb.database.views import VIEWS
from sensdb.errors import NothingMatched, did_you_mean
from sensdb.jobs.claiming import Only, claimable
from sensdb.jobs.dialects import Dialect
from sensdb.jobs.records import QueueSettings
from sensdb.jobs.states import in_states

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "integer": sa.BigInteger(),
    "real": sa.Double(),
    "boolean": Flag(),
    "timestamp": UtcTimestamp(),
}


def read_settings(connection: sa.Connection) -> QueueSettings:
    """The one row of `queue_settings`."""
    table = schema.queue_settings
    row = connection.execute(sa.select(*(table.c[name] for name in QueueSettings.__dataclass_fields__))).one()
    return QueueSettings(**row._mapping)


def find_sweeps(connection: sa.Connection, names: Sequence[str]) -> list[int]:
    """Keys of sweeps by name.

    Raises:
        NothingMatched: one of them does not exist; with the nearest that does.
    """
    known = {row.name: int(row.sweep_id) for row in connection.execute(sa.text("select name, sweep_id from sweeps"))}
    for name in names:
        if name not in known:
            otherwise = "sensdb status lists the sweeps." if known else "sensdb enqueue makes the first."
            raise NothingMatched(f"no sweep '{name}'.", did_you_mean(name, known, otherwise))
    return [known[name] for name in names]


def list_jobs(
    connection: sa.Connection, states: Collection[str], sweep_id: int | None, limit: int | None
) -> list[dict[str, object]]:
    """Jobs by model_id; see `Queue.list_jobs`."""
    view = _view("v_jobs")
    attempts, workers = schema.attempts, schema.workers
    query = (
        sa.select(*view.columns, attempts.c.traceback, attempts.c.worker_id.label("last_worker_id"), workers.c.host)
        .select_from(view)
        .outerjoin(attempts, sa.and_(attempts.c.model_id == view.c.model_id, attempts.c.attempt == view.c.attempt))
        .outerjoin(workers, workers.c.worker_id == attempts.c.worker_id)
        .order_by(view.c.model_id)
        .limit(limit)
    )
    if states:
        query = query.where(view.c.state.in_(sorted(states)))
    if sweep_id is not None:
        members = sa.select(schema.sweep_models.c.model_id).where(schema.sweep_models.c.sweep_id == sweep_id)
        query = query.where(view.c.model_id.in_(members))
    return [dict(row._mapping) for row in connection.execute(query)]


def list_progress(connection: sa.Connection) -> list[dict[str, object]]:
    """The rows of v_sweep_progress, by sweep name."""
    view = _view("v_sweep_progress")
    return [dict(row._mapping) for row in connection.execute(sa.select(*view.columns).order_by(view.c.sweep))]


def list_workers(
    connection: sa.Connection, dialect: Dialect, lease_seconds: float, *, stopped: bool
) -> list[dict[str, object]]:
    """Workers, the one heard from last first; see `Queue.workers`."""
    view = _view("v_workers")
    now = sa.literal_column(dialect.now, UtcTimestamp()).label("now")
    query = sa.select(*view.columns, now).order_by(view.c.beat_at.desc(), view.c.worker_id)
    if not stopped:
        query = query.where(view.c.stopped_at.is_(None))
    listed = []
    for row in connection.execute(query):
        worker = dict(row._mapping)
        silent_seconds = max(0.0, (worker.pop("now") - worker["beat_at"]).total_seconds())
        condition = "stopped" if worker["stopped_at"] else "running" if silent_seconds <= lease_seconds else "lost"
        listed.append({**worker, "condition": condition, "silent_seconds": silent_seconds})
    return listed


def fair_share(connection: Executor, dialect: Dialect, sweep_id: int | None, at_most: int, lease_seconds: float) -> int:
    """What one of the workers alive may hold of the jobs queued or running; see `QueueReader.fair_share`."""
    only = Only(sweep_id=sweep_id)
    # Counted up to what matters, each by its own partial index.
    counts = (
        f"(select count(*) from (select 1 from jobs where {claimable(dialect, only, due=False, states=(state,))}"
        " limit (select cast(:at_most as integer) * n from alive)) counted)"
        for state in ("queued", "running")
    )
    sql = (
        f"with alive as (select {dialect.greatest}(1, count(*)) as n from workers"
        f" where stopped_at is null and beat_at > {dialect.earlier(':seconds')})"
        f" select n as n_workers, {' + '.join(counts)} as n_jobs from alive"
    )
    given = {"at_most": at_most, "seconds": lease_seconds, **only.values()}
    (found,) = connection.execute(sa.text(sql), given).all()
    return min(at_most, -(-int(found.n_jobs) // int(found.n_workers)))


def count_unfinished(connection: Executor, dialect: Dialect, sweep_id: int | None, skip: Collection[str] = ()) -> int:
    """Jobs that are queued or running, those of paused sweeps and of skipped pack keys left out."""
    only = Only(frozenset(skip), sweep_id)
    counts = (claimable(dialect, only, due=False, states=(state,)) for state in ("queued", "running"))
    # Each by its own partial index, which one condition over both states could not use.
    total = " + ".join(f"(select count(*) from jobs where {condition})" for condition in counts)
    return int(connection.execute(sa.text(f"select {total}"), only.values()).scalar_one())


def unstopped_workers(connection: Executor, host: str, boot_id: str | None) -> list[tuple[str, int]]:
    """(worker_id, pid) of workers of one start of one host that hold jobs and have not stopped in good order."""
    holds_jobs = f"exists (select 1 from jobs where jobs.worker_id = w.worker_id and {in_states(('running',))})"
    rows = connection.execute(
        sa.text(
            "select w.worker_id, w.pid from workers w where w.host = :host and w.boot_id = :boot_id"
            f" and w.stopped_at is null and {holds_jobs}"
        ),
        {"host": host, "boot_id": boot_id},
    ).all()
    return [(row.worker_id, row.pid) for row in rows]


def _view(name: str) -> sa.TableClause:
    """A view as something to select from, with types that read alike from both databases."""
    columns = (sa.column(column.name, _TYPES[column.data_type]) for column in VIEWS[name].columns)
    return sa.table(name, *columns)
