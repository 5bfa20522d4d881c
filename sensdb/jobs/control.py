"""What a person does to queued and running jobs: cancel, retry, pause, resume, prioritise, measure again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from sensdb.definitions.measure import MeasureSettings, union
from sensdb.definitions.stored import MEASURE_PREFIX
from sensdb.errors import UsageError
from sensdb.jobs.dialects import Dialect, rows_json
from sensdb.jobs.records import Cancelled, Remeasured
from sensdb.jobs.states import finished_sql, in_states, sources, target_sql
from sensdb.jobs.updates import HELD, PRIORITY, update_jobs

HAS_WEIGHTS = "exists (select 1 from artifacts a where a.model_id = jobs.model_id and a.kind = 'weights')"
IMPORTED = "exists (select 1 from models m where m.model_id = jobs.model_id and m.source_sha256 is not null)"

_UNMARKED = f"substr(pack_key, {len(MEASURE_PREFIX) + 1})"
_IS_MARKED = f"substr(pack_key, 1, {len(MEASURE_PREFIX)}) = '{MEASURE_PREFIX}'"
TRAIN_KEY = f"case when {_IS_MARKED} then {_UNMARKED} else pack_key end"
MEASURE_KEY = f"case when {_IS_MARKED} then pack_key else '{MEASURE_PREFIX}' || pack_key end"


@dataclass(frozen=True)
class Selection:
    """The jobs a request is about: those of sweeps, or those of models; keys that do not exist select nothing."""

    sweep_ids: tuple[int, ...] | None = None
    model_ids: tuple[int, ...] | None = None

    def sql(self, dialect: Dialect) -> str:
        """SQL: the job is one of them."""
        keys = dialect.records("selected", key="bigint")
        if self.model_ids is not None:
            return f"jobs.model_id in ({keys})"
        return f"jobs.model_id in (select s.model_id from sweep_models s where s.sweep_id in ({keys}))"

    def values(self) -> dict[str, object]:
        """What `sql` binds."""
        keys = self.model_ids if self.model_ids is not None else self.sweep_ids or ()
        return {"selected": rows_json([key] for key in keys)}


def cancel(connection: sa.Connection, dialect: Dialect, selection: Selection) -> Cancelled:
    """End queued jobs and ask running ones to be given up; see `Queue.cancel`."""
    condition = selection.sql(dialect)
    n_shared = 0
    if selection.model_ids is None:
        shared = (
            "exists (select 1 from sweep_models o join sweeps w on w.sweep_id = o.sweep_id"
            " where o.model_id = jobs.model_id and not w.paused"
            f" and o.sweep_id not in ({dialect.records('selected', key='bigint')}))"
        )
        n_shared = _count(connection, f"{in_states(sources('cancel'))} and {condition} and {shared}", selection)
        condition += f" and not {shared}"
    ended = end_open(connection, dialect, condition, selection.values())
    n_requested = list(ended.values()).count("running")
    return Cancelled(n_cancelled=len(ended) - n_requested, n_requested=n_requested, n_shared=n_shared)


def end_open(
    connection: sa.Connection, dialect: Dialect, condition: str, values: Mapping[str, object]
) -> dict[int, str]:
    """Cancel the queued and running jobs of a condition; model_id -> the state each came to."""
    open_jobs = in_states(sources("cancel"))
    statement = update_jobs(
        dialect,
        f"{open_jobs} and {condition}",
        {
            "cancel_requested": f"({in_states(('running',))})",
            "finished_at": finished_sql("cancel", dialect.now),
            "state": target_sql("cancel"),
        },
        again=open_jobs,
    )
    return {row.model_id: row.state for row in connection.execute(sa.text(statement), values)}


def retry(connection: sa.Connection, dialect: Dialect, selection: Selection, states: Sequence[str]) -> int:
    """Queue dead and cancelled jobs again with fresh budgets; see `Queue.retry`."""
    for state in states:
        if state not in sources("retry"):
            hint = "--retrain trains done models once more." if state == "done" else None
            raise UsageError(f"retry: '{state}' is none of {', '.join(sources('retry'))}.", hint)
    wanted = in_states(tuple(states))
    return _queue_again(connection, dialect, wanted, f"{wanted} and {selection.sql(dialect)}", {}, selection.values())


def retrain(connection: sa.Connection, dialect: Dialect, selection: Selection) -> int:
    """Queue done models for training once more; see `Queue.retry`.

    Where weights are kept, those of the new training are kept too: the old ones belong to the result it replaces.
    """
    done = in_states(sources("retrain"))
    condition = f"{done} and not {IMPORTED} and {selection.sql(dialect)}"
    changes = {"kind": "'train'", "pack_key": TRAIN_KEY}
    n_queued = 0
    for text in _distinct_measures(connection, f"{condition} and {HAS_WEIGHTS}", selection):
        keeping = replace(MeasureSettings.from_canonical(text), keep_weights=True)
        n_queued += _queue_again(
            connection,
            dialect,
            done,
            f"{condition} and {HAS_WEIGHTS} and jobs.measure = :measure_before",
            {**changes, "measure": ":measure"},
            {**selection.values(), "measure_before": text, "measure": keeping.canonical()},
        )
    return n_queued + _queue_again(connection, dialect, done, condition, changes, selection.values())


def measure(
    connection: sa.Connection, dialect: Dialect, selection: Selection, wanted: MeasureSettings | None
) -> Remeasured:
    """Queue done models whose weights are kept for measuring again; see `Queue.measure`."""
    done = in_states(sources("measure"))
    condition = f"{done} and {selection.sql(dialect)}"
    n_without_weights = _count(connection, f"{condition} and not {HAS_WEIGHTS}", selection)
    condition += f" and {HAS_WEIGHTS}"
    n_queued = 0
    for text in _distinct_measures(connection, condition, selection):
        stored = MeasureSettings.from_canonical(text)
        n_queued += queue_measuring(
            connection,
            dialect,
            f"{condition} and jobs.measure = :measure_before",
            {**selection.values(), "measure_before": text},
            stored if wanted is None else union(stored, wanted),
        )
    return Remeasured(n_queued, n_without_weights)


def queue_measuring(
    connection: sa.Connection,
    dialect: Dialect,
    condition: str,
    values: Mapping[str, object],
    settings: MeasureSettings,
) -> int:
    """Queue done models of a condition, weights among it, for measuring with these settings; returns their number."""
    changes = {"kind": "'measure'", "pack_key": MEASURE_KEY, "measure": ":measure"}
    done = in_states(sources("measure"))
    bound = {**values, "measure": settings.canonical()}
    return _queue_again(connection, dialect, done, f"{done} and {condition}", changes, bound)


def set_paused(connection: sa.Connection, dialect: Dialect, sweep_ids: Sequence[int], paused: bool) -> int:
    """Pause or resume sweeps; jobs follow if all their sweeps are paused. Returns jobs whose hold changed."""
    keys = dialect.records("selected", key="bigint")
    connection.execute(
        sa.text(f"update sweeps set paused = cast(:paused as boolean) where sweep_id in ({keys})"),
        {"selected": rows_json([key] for key in sweep_ids), "paused": paused},
    )
    return refresh(connection, dialect, Selection(sweep_ids=tuple(sweep_ids)), "held", HELD)


def prioritise(connection: sa.Connection, dialect: Dialect, sweep_ids: Sequence[int], priority: int) -> int:
    """Set the priority of sweeps; jobs take the largest of their sweeps'. Returns jobs whose priority changed."""
    keys = dialect.records("selected", key="bigint")
    connection.execute(
        sa.text(f"update sweeps set priority = :priority where sweep_id in ({keys})"),
        {"selected": rows_json([key] for key in sweep_ids), "priority": priority},
    )
    return refresh(connection, dialect, Selection(sweep_ids=tuple(sweep_ids)), "priority", PRIORITY)


def refresh(connection: sa.Connection, dialect: Dialect, selection: Selection, column: str, value: str) -> int:
    """Set `held` or `priority` of queued and running jobs to what their sweeps say; returns the jobs changed.

    In two statements: a transaction that had these rows may have added them to a sweep, and PostgreSQL shows what it
    committed only to a statement that begins after the locks are there.
    """
    condition = f"{in_states(sources('prioritise'))} and {selection.sql(dialect)}"
    lock_jobs(connection, dialect, condition, selection)
    changed = connection.execute(
        sa.text(f"update jobs set {column} = {value} where {condition} and {column} <> {value} returning model_id"),
        selection.values(),
    ).all()
    return len(changed)


def lock_jobs(connection: sa.Connection, dialect: Dialect, condition: str, selection: Selection) -> None:
    """Hold jobs until the transaction ends, in the order of their keys."""
    connection.execute(
        sa.text(
            "select count(*) from"
            f" (select model_id from jobs where {condition} order by model_id {dialect.lock}) locked"
        ),
        selection.values(),
    ).all()


def hold_sweeps(connection: sa.Connection, dialect: Dialect) -> None:
    """Keep every sweep's `paused` and `priority` as they are until the transaction ends.

    A job that becomes queued takes both from its sweeps; a pause that ran beside would not see the job, nor the job
    the pause. Sweeps are few, and only pause, resume and prioritise wait.
    """
    connection.execute(
        sa.text(f"select count(*) from (select sweep_id from sweeps order by sweep_id {dialect.share}) locked")
    ).all()


def _queue_again(
    connection: sa.Connection,
    dialect: Dialect,
    again: str,
    condition: str,
    changes: Mapping[str, str],
    values: Mapping[str, object],
) -> int:
    """Queue ended jobs once more, budgets fresh, their age and the number of their last attempt kept."""
    hold_sweeps(connection, dialect)
    statement = update_jobs(
        dialect,
        condition,
        {
            "state": "'queued'",
            "exceptions": "0",
            "losses": "0",
            "run_after": dialect.now,
            "finished_at": "null",
            "worker_id": "null",
            "held": HELD,
            "priority": PRIORITY,
            **changes,
        },
        again=again,
    )
    return len(connection.execute(sa.text(statement), values).all())


def _count(connection: sa.Connection, condition: str, selection: Selection) -> int:
    found = connection.execute(sa.text(f"select count(*) from jobs where {condition}"), selection.values())
    return int(found.scalar_one())


def _distinct_measures(connection: sa.Connection, condition: str, selection: Selection) -> list[str]:
    rows = connection.execute(
        sa.text(f"select distinct measure from jobs where {condition} order by measure"), selection.values()
    )
    return list(rows.scalars().all())
