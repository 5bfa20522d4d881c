"""What `sensdb status` and `sensdb jobs` say: sweeps with time left, workers, failures by reason, jobs with errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sensdb.database.schema import attempts, jobs, sweep_models
from sensdb.jobs.reader import QueueReader
from sensdb.jobs.transactions import inspect
from sensdb.worker.progress import duration_text

SWEEP_COLUMNS = (
    "sweep",
    "queued",
    "running",
    "done",
    "dead",
    "cancelled",
    "n_models",
    "share_done",
    "paused",
    "priority",
    "time_left_seconds",
)
WORKER_COLUMNS = (
    "worker_id",
    "condition",
    "device",
    "device_name",
    "n_running",
    "models_done",
    "models_per_minute",
    "model_steps_per_second",
    "silent_seconds",
    "started_at",
    "beat_at",
)
FAILURE_COLUMNS = ("n_jobs", "error_type", "error_message", "example_model_id")
JOB_COLUMNS = (
    *("model_id", "state", "kind", "attempt", "exceptions", "losses", "error_type", "error_message", "host"),
    *("dataset", "hidden_layers", "width", "nonlinearity", "label_noise", "seed"),
    *("priority", "held", "cancel_requested", "worker_id", "last_worker_id", "lease_until", "run_after", "finished_at"),
    *("pack_key", "traceback"),
)
MOST_WORKERS_NAMED = 3
MOST_MODELS_NAMED = 10
SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Status:
    """The queue at one moment: rows of SWEEP_COLUMNS, WORKER_COLUMNS and FAILURE_COLUMNS."""

    sweeps: list[dict[str, object]]
    workers: list[dict[str, object]]
    failures: list[dict[str, object]]


def read_status(queue: QueueReader) -> Status:
    """Ask how things stand.

    Time left of a sweep is that of its own queued and running models at the rate of all workers that are heard
    from, as if none worked for another sweep; None before one of them has finished a model, and for paused sweeps.
    """
    workers: list[dict[str, Any]] = [{**worker, "models_per_minute": _rate(worker)} for worker in queue.workers()]
    rate = sum(worker["models_per_minute"] or 0.0 for worker in workers if worker["condition"] == "running")
    sweeps = [{**row, "time_left_seconds": _time_left(row, rate)} for row in queue.progress()]
    return Status(sweeps, workers, inspect(queue.engine, _failures))


def table_of(status: Status, part: str | None) -> tuple[list[dict[str, object]], Sequence[str]]:
    """Rows and columns of one part: "workers", "failures", or None for the sweeps."""
    if part == "workers":
        return status.workers, WORKER_COLUMNS
    if part == "failures":
        return status.failures, FAILURE_COLUMNS
    return status.sweeps, SWEEP_COLUMNS


def summary(status: Status) -> list[str]:
    """Workers and failures in words, for stderr beside the table of sweeps."""
    lines = []
    n_running = sum(worker["condition"] == "running" for worker in status.workers)
    lost = [worker for worker in status.workers if worker["condition"] == "lost" and _is_news(worker)]
    lines.append(f"workers: {n_running} running" + (f", {len(lost)} lost" if lost else ""))
    for worker in lost[:MOST_WORKERS_NAMED]:
        silent = duration_text(float(str(worker["silent_seconds"])))
        lines.append(f"  {worker['worker_id']}: not heard from for {silent}, held {worker['n_running']} jobs")
    if len(lost) > MOST_WORKERS_NAMED:
        lines.append(f"  and {len(lost) - MOST_WORKERS_NAMED} more: sensdb status --workers")
    if status.failures:
        n_dead = sum(int(str(row["n_jobs"])) for row in status.failures)
        first = status.failures[0]
        lines.append(f"dead: {n_dead} jobs, most often {first['error_type']}: {first['error_message']}")
        lines.append("  sensdb status --failures counts the reasons, sensdb jobs --state dead shows each")
    return lines


def find_jobs(
    queue: QueueReader, states: Collection[str], sweep: str | None, limit: int | None
) -> tuple[list[dict[str, object]], int]:
    """Jobs by model_id with their last error, `limit` at most, and how many there are without it.

    Raises:
        NothingMatched: there is no such sweep.
    """
    listed = queue.list_jobs(states, sweep, limit)
    if limit is None or len(listed) < limit:
        return listed, len(listed)
    query = sa.select(sa.func.count()).select_from(jobs)
    if states:
        query = query.where(jobs.c.state.in_(sorted(states)))
    if sweep is not None:
        members = sa.select(sweep_models.c.model_id).where(sweep_models.c.sweep_id == queue.sweep_id(sweep))
        query = query.where(jobs.c.model_id.in_(members))
    return listed, inspect(queue.engine, lambda connection: int(connection.execute(query).scalar_one()))


def errors_in_words(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The last errors of jobs with their tracebacks, for people; jobs that ended alike are told once, in their order.

    Args:
        listed: rows of JOB_COLUMNS.
    """
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in listed:
        place = row["host"] or "an unknown host"
        alike.setdefault((place, row["error_type"], row["error_message"], row["traceback"]), []).append(row)
    lines = []
    for (place, error_type, message, traceback), rows in alike.items():
        first, n_more = rows[0], len(rows) - MOST_MODELS_NAMED
        models = ", ".join(str(row["model_id"]) for row in rows[:MOST_MODELS_NAMED])
        models += f" and {n_more} more" if n_more > 0 else ""
        what = f"model {models}" if len(rows) == 1 else f"models {models}"
        error = ": ".join(part for part in (error_type, message) if part) or "no error was noted"
        budgets = f"exceptions {first['exceptions']}, losses {first['losses']}"
        lines += ["", f"{what}, attempt {first['attempt']} on {place} ({budgets})", f"  {error}"]
        lines += [f"    {line}" for line in (traceback or "").rstrip().split("\n") if traceback]
    return lines


def _is_news(worker: Mapping[str, Any]) -> bool:
    """Whether a lost worker still matters: it holds jobs, or was heard from within a day."""
    return bool(worker["n_running"]) or worker["silent_seconds"] < SECONDS_A_DAY


def _rate(worker: Mapping[str, Any]) -> float | None:
    """Models a minute from a worker's start to its last beat; None before its first model."""
    if not worker["models_done"]:
        return None
    minutes = (worker["beat_at"] - worker["started_at"]).total_seconds() / 60
    return float(worker["models_done"] / minutes) if minutes > 0 else None


def _time_left(sweep: Mapping[str, Any], models_per_minute: float) -> float | None:
    unfinished = sweep["queued"] + sweep["running"]
    if unfinished == 0:
        return 0.0
    if sweep["paused"] or models_per_minute == 0:
        return None
    return float(60 * unfinished / models_per_minute)


def _failures(connection: sa.Connection) -> list[dict[str, object]]:
    """Dead jobs counted by the error of their last attempt, the most frequent first."""
    n_jobs, example = sa.func.count(), sa.func.min(jobs.c.model_id)
    last = sa.and_(attempts.c.model_id == jobs.c.model_id, attempts.c.attempt == jobs.c.attempt)
    query = (
        sa.select(n_jobs, attempts.c.error_type, attempts.c.error_message, example)
        .select_from(jobs.outerjoin(attempts, last))
        .where(jobs.c.state == "dead")
        .group_by(attempts.c.error_type, attempts.c.error_message)
        .order_by(n_jobs.desc(), example)
    )
    rows = []
    for n, error_type, message, model_id in connection.execute(query):
        reason = (error_type or "lost", message or "its workers were not heard from again")
        rows.append(dict(zip(FAILURE_COLUMNS, (n, *reason, model_id), strict=True)))
    return rows
