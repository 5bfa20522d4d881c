"""Claim and beat: how a worker comes to own jobs, and keeps them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sensdb.database.at_once import Executor
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.stored import read_spec
from sensdb.jobs.dialects import Dialect, rows_json
from sensdb.jobs.records import Beat, Job, Pair
from sensdb.jobs.states import in_states, sources, target_sql
from sensdb.jobs.updates import update_jobs

LARGEST_CLAIM = 2**30


@dataclass(frozen=True)
class Only:
    """The jobs a worker asks for among all that wait.

    skip: not those of these pack keys. sweep_id: of this sweep alone. model_id: this model's alone.
    pack_key: those that may join a running pack: of this key, without losses, and none while a job of a higher
        priority waits that the worker could claim instead.
    """

    skip: frozenset[str] = frozenset()
    sweep_id: int | None = None
    model_id: int | None = None
    pack_key: str | None = None

    def sql(self, dialect: Dialect) -> str:
        """SQL: ` and` the job is one of them; nothing where all are, which keeps the plan that of the bare claim."""
        condition = ""
        if self.skip:
            condition += f" and jobs.pack_key not in ({dialect.records('skip', pack_key='text')})"
        if self.sweep_id is not None:
            condition += (
                " and exists (select 1 from sweep_models s where s.model_id = jobs.model_id and s.sweep_id = :sweep_id)"
            )
        if self.model_id is not None:
            condition += " and jobs.model_id = :model_id"
        if self.pack_key is not None:
            condition += " and jobs.pack_key = :pack_key and jobs.losses = 0"
        return condition

    def values(self) -> dict[str, object]:
        """What `sql` binds."""
        bound: dict[str, object] = {
            "sweep_id": self.sweep_id,
            "model_id": self.model_id,
            "pack_key": self.pack_key,
        }
        if self.skip:
            bound["skip"] = rows_json([key] for key in sorted(self.skip))
        return {name: value for name, value in bound.items() if value is not None}


ALL = Only()

ATTEMPT = "model_id, attempt, kind, worker_id, claimed_at"
"""The columns of an attempt that has begun."""


def claimable(
    dialect: Dialect, only: Only = ALL, *, due: bool = True, states: tuple[str, ...] = sources("claim")
) -> str:
    """SQL: the job waits for a worker that asks for `only` these.

    Args:
        due: not in a backoff either.
        states: other ones, for jobs that would wait if they were queued again.
    """
    condition = f"{in_states(states)} and not jobs.held"
    if due:
        condition += f" and jobs.run_after <= {dialect.started}"
    if only.pack_key is not None:
        others = claimable(dialect, replace(only, pack_key=None), due=due, states=states)
        condition += (
            f" and jobs.priority >= (select priority from jobs where {others} order by priority desc, model_id limit 1)"
        )
    return condition + only.sql(dialect)


def probe_sql(dialect: Dialect, only: Only = ALL) -> str:
    """SQL: one row if there is something to claim. The order makes SQLite use the index instead of the table."""
    condition = claimable(dialect, only)
    return f"select 1 from jobs where {condition} order by priority desc, model_id limit 1"


def claim_sql(dialect: Dialect, only: Only = ALL) -> str:
    """SQL of a claim: the first claimable job decides the pack_key, others of it come along.

    Jobs with losses may kill their process. Each loss divides the claim by 8, and only jobs with equal losses are
    claimed together: of 512 jobs one of which is a killer, 512, 64, 8 and then 1 are tried at a time, and the others
    live. Jobs locked by another's claim are skipped, the head included, so an empty answer means that nothing is due
    or that each due job was locked just now. On PostgreSQL the attempts are noted, and the specs read, by the same
    statement.
    """
    condition = claimable(dialect, only)
    order = "priority desc, model_id"
    # LIMIT NULL is an error, hence the coalesce for an empty queue.
    n = f"{dialect.greatest}(1, cast(:n as integer) >> {dialect.least}(3 * losses, 30))"
    noted = (
        f", noted as (insert into attempts ({ATTEMPT}) select model_id, attempt, kind, cast(:worker_id as text),"
        f" {dialect.now} from changed)"
        # A subquery and no join: whatever number of rows is expected, the table is not read as a whole.
        " select changed.*, (select spec from models m where m.model_id = changed.model_id) as spec from changed"
    )
    return update_jobs(
        dialect,
        f"{condition} and jobs.pack_key = (select pack_key from head) and jobs.losses = (select losses from head)",
        {
            "state": target_sql("claim"),
            "attempt": "attempt + 1",
            "worker_id": ":worker_id",
            "lease_until": dialect.later(":lease_seconds"),
        },
        again=in_states(sources("claim")),
        returning="model_id, attempt, kind, pack_key, measure, losses",
        before=(
            f"head as materialized (select pack_key, losses from jobs where {condition}"
            f" order by {order} limit 1 {dialect.skip_locked}),"
        ),
        order=order,
        limit=f"limit coalesce((select {n} from head), 0)",
        skip_locked=True,
        then=noted if dialect.name == "postgresql" else "",
    )


@lru_cache
def _claiming(dialect: Dialect, only: Only) -> sa.TextClause:
    """The statement, made once for those who ask for the same again and again."""
    return sa.text(claim_sql(dialect, only))


def claim_jobs(
    connection: Executor,
    dialect: Dialect,
    worker_id: str,
    limit: int,
    *,
    lease_seconds: float,
    only: Only = ALL,
) -> list[Job]:
    """Claim up to `limit` jobs of one pack_key and note their attempts; see `Queue.claim`."""
    rows = connection.execute(
        _claiming(dialect, only),
        {
            "n": min(limit, LARGEST_CLAIM),
            "worker_id": worker_id,
            "lease_seconds": lease_seconds,
            **only.values(),
        },
    ).all()
    if not rows:
        return []
    if dialect.name == "postgresql":
        specs = {row.model_id: row.spec for row in rows}
    else:
        given = dialect.records("claimed", model_id="bigint", attempt="integer", kind="text")
        connection.execute(
            sa.text(
                f"insert into attempts ({ATTEMPT}) select model_id, attempt, kind, cast(:worker_id as text),"
                f" {dialect.now} from ({given}) given"
            ),
            {"claimed": rows_json((row.model_id, row.attempt, row.kind) for row in rows), "worker_id": worker_id},
        )
        specs = _specs(connection, dialect, [row.model_id for row in rows])
    return [_job(row, specs[row.model_id]) for row in sorted(rows, key=lambda row: row.model_id)]


def _job(row: Any, spec: str) -> Job:
    return Job(row.model_id, row.attempt, row.kind, row.pack_key, read_spec(spec), _measure(row.measure), row.losses)


@lru_cache(maxsize=64)
def _measure(text: str) -> MeasureSettings:
    """Read once for all jobs of a sweep, which are to be measured alike."""
    return MeasureSettings.from_canonical(text)


def running_jobs(connection: sa.Connection, worker_id: str, known: Collection[Pair]) -> list[Job]:
    """The jobs that run under a worker but for those `known`, by model_id."""
    rows = connection.execute(
        sa.text(
            "select model_id, attempt, jobs.kind, jobs.pack_key, jobs.measure, jobs.losses, models.spec from jobs"
            f" join models using (model_id) where {in_states(('running',))} and jobs.worker_id = :worker_id"
            " order by model_id"
        ),
        {"worker_id": worker_id},
    )
    return [_job(row, row.spec) for row in rows if (row.model_id, row.attempt) not in known]


def beat(
    connection: Executor,
    dialect: Dialect,
    worker_id: str,
    *,
    lease_seconds: float,
    models_done: int | None,
    model_steps_per_second: float | None,
) -> list[Beat]:
    """Renew the leases of all a worker runs; see `Queue.beat`.

    By worker and state, not by job: a worker that was stopped past its lease renews nothing of the new owner's.
    """
    running = in_states(sources("beat"))
    worker = (
        f"update workers set beat_at = {dialect.now},"
        " models_done = coalesce(cast(:models_done as bigint), models_done),"
        " model_steps_per_second = coalesce(cast(:rate as double precision), model_steps_per_second)"
        " where worker_id = :worker_id"
    )
    noted = {"worker_id": worker_id, "models_done": models_done, "rate": model_steps_per_second}
    at_once = dialect.name == "postgresql"
    returning = "model_id, attempt, cancel_requested, held"
    rows = connection.execute(
        sa.text(
            update_jobs(
                dialect,
                f"jobs.worker_id = :worker_id and {running}",
                {"lease_until": dialect.later(":lease_seconds")},
                again=f"jobs.worker_id = :worker_id and {running}",
                returning=returning,
                then=f", noted as ({worker}) select {returning} from changed" if at_once else "",
            )
        ),
        {"worker_id": worker_id, "lease_seconds": lease_seconds, **(noted if at_once else {})},
    ).all()
    if not at_once:
        connection.execute(sa.text(worker), noted)
    return [Beat(row.model_id, row.attempt, bool(row.cancel_requested), bool(row.held)) for row in sorted(rows)]


def _specs(connection: Executor, dialect: Dialect, model_ids: Sequence[int]) -> dict[int, str]:
    rows = connection.execute(
        sa.text(
            f"select model_id, spec from models where model_id in ({dialect.records('model_ids', model_id='bigint')})"
        ),
        {"model_ids": rows_json([model_id] for model_id in model_ids)},
    ).all()
    return {row.model_id: row.spec for row in rows}
