"""How an attempt ends: finish, fail and release by its worker, reap when the worker is lost, adopt after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import sqlalchemy as sa

from sensdb.database.at_once import Executor
from sensdb.jobs.dialects import Dialect, rows_json
from sensdb.jobs.records import Pair, QueueSettings, Reaped
from sensdb.jobs.states import finished_sql, in_states, outcome, sources, target_sql
from sensdb.jobs.updates import update_jobs

REAPED_AT_ONCE = 1000

# Before the first, second, ... exception is tried again: at most 30, 120, ... seconds, an hour at most. The share of
# it is drawn by the caller, evenly from 0 to 1, so that jobs that failed together do not come back together for ever.
BACKOFF = ":backoff_share * {least}(3600, 30 * (1 << (2 * {least}(exceptions, 10))))"

_LOST = (
    "exists (select 1 from attempts a where a.model_id = jobs.model_id and a.attempt = jobs.attempt"
    " and a.kind = jobs.kind and a.outcome = 'lost')"
)

_FREED = {"worker_id": "null", "lease_until": "null", "cancel_requested": "false"}


def finish(connection: Executor, dialect: Dialect, pairs: Sequence[Pair]) -> dict[Pair, str]:
    """The fence of a finish, and the end of its attempts: see `Queue.close`."""
    return _end(connection, dialect, "finish", pairs, {}, {})


def fail(
    connection: Executor,
    dialect: Dialect,
    pairs: Sequence[Pair],
    error: tuple[str, str, str],
    *,
    permanent: bool,
    exception_budget: int,
    backoff_share: float,
) -> list[Pair]:
    """End attempts in an exception; see `Queue.fail`. `error` is its type, message and traceback."""
    values = {"permanent": permanent, "exception_budget": exception_budget, "backoff_share": backoff_share}
    note = dict(zip(("error_type", "error_message", "traceback"), map(_storable, error), strict=True))
    return list(_end(connection, dialect, "fail", pairs, values, note))


def release(connection: Executor, dialect: Dialect, pairs: Sequence[Pair]) -> list[Pair]:
    """Give jobs back uncharged; see `Queue.release`."""
    return list(_end(connection, dialect, "release", pairs, {}, {}))


def reap(
    connection: sa.Connection,
    dialect: Dialect,
    settings: QueueSettings,
    workers: Sequence[str] | None = None,
    how: str = "",
) -> list[Reaped]:
    """Take back jobs whose lease is past, or all jobs of workers known to be dead, and how; see `Queue.reap`.

    Jobs in the middle of their finish are locked, and skipped.
    """
    running = in_states(sources("reap"))
    lapsed = f"{running} and jobs.lease_until < {dialect.started}"
    message = f"not heard from for {settings.lease_seconds:g} s"
    values: dict[str, object] = {"loss_budget": settings.loss_budget}
    if workers is not None:
        lapsed = f"{running} and jobs.worker_id in ({dialect.records('workers', worker_id='text')})"
        message = how
        values["workers"] = rows_json([worker] for worker in workers)
    elif dialect.name == "postgresql":
        _end_transactions_left_open(connection, lapsed, settings.lease_seconds)
    rows = connection.execute(
        sa.text(
            update_jobs(
                dialect,
                lapsed,
                {
                    **_FREED,
                    "losses": "losses + 1",
                    # No backoff: the smaller claim is what protects the others (claiming.py).
                    "run_after": dialect.now,
                    "state": target_sql("reap"),
                    "finished_at": finished_sql("reap", dialect.now),
                },
                again=lapsed,
                limit=f"limit {REAPED_AT_ONCE}",
                skip_locked=True,
            )
        ),
        values,
    ).all()
    reaped = sorted(Reaped(row.model_id, row.attempt, row.state) for row in rows)
    _close_attempts(
        connection,
        dialect,
        outcome("reap"),
        [(job.model_id, job.attempt) for job in reaped],
        {"error_type": "WorkerLost", "error_message": message},
    )
    return reaped


def _end_transactions_left_open(connection: sa.Connection, lapsed: str, lease_seconds: float) -> None:
    """Cut off workers that fell silent inside a transaction: its rows stay locked, so they would never be reaped.

    No limit of the server ends a COPY that waits for a stopped client; only this does (queue-lessons.md 5). Workers
    set application_name to their worker_id, and a role may end its own backends. Locks fall within moments: what they
    held is taken back by the next reap.
    """
    connection.execute(
        sa.text(
            "select pg_terminate_backend(a.pid) from pg_stat_activity a"
            " where a.datname = current_database() and a.usename = current_user and a.pid <> pg_backend_pid()"
            " and a.xact_start < now() - make_interval(secs => cast(:lease_seconds as double precision))"
            f" and a.application_name in (select left(jobs.worker_id, 63) from jobs where {lapsed})"
        ),
        {"lease_seconds": lease_seconds},
    ).all()


def adopt(connection: sa.Connection, dialect: Dialect, wanted: Mapping[Pair, str | None]) -> dict[Pair, str]:
    """The fence of a result whose attempt was lost: see `Queue.adopt`."""
    given = dialect.records("asked", model_id="bigint", measure="text")
    still_asked = (
        f"{_LOST} and jobs.measure ="
        f" coalesce((select asked.measure from ({given}) asked where asked.model_id = jobs.model_id), jobs.measure)"
    )
    values = {"asked": rows_json((model_id, measure) for (model_id, _), measure in wanted.items())}
    note = {"error_type": None, "error_message": None}
    return _end(connection, dialect, "adopt", list(wanted), values, note, still_asked)


def attempt_outcome(connection: sa.Connection, dialect: Dialect, pairs: Sequence[Pair]) -> dict[Pair, str | None]:
    """How attempts ended; see `Queue.attempt_outcome`."""
    given = dialect.records("pairs", model_id="bigint", attempt="integer")
    rows = connection.execute(
        sa.text(f"select model_id, attempt, outcome from attempts where (model_id, attempt) in ({given})"),
        {"pairs": rows_json(pairs)},
    )
    return {
        (row.model_id, row.attempt): row.outcome for row in sorted(rows, key=lambda row: (row.model_id, row.attempt))
    }


def _end(
    connection: Executor,
    dialect: Dialect,
    event: str,
    pairs: Sequence[Pair],
    values: Mapping[str, object],
    note: Mapping[str, str | None],
    further: str = "",
) -> dict[Pair, str]:
    """End the attempts that are still their caller's: pair -> kind of those that were.

    The fence is (model_id, attempt) and the state, and what is `further` asked of a job: a late message of an attempt
    that was reaped, ended or given to another worker matches nothing.
    """
    if not pairs:
        return {}
    at_once = dialect.name == "postgresql"
    one = len(pairs) == 1
    given = {"model_id": pairs[0][0], "attempt": pairs[0][1]} if one else {"pairs": rows_json(pairs)}
    rows = connection.execute(
        _ending(dialect, event, one, further, tuple(note) if at_once else ()),
        {**given, **values, **(note if at_once else {})},
    ).all()
    ended = {(row.model_id, row.attempt): row.kind for row in sorted(rows)}
    if not at_once:
        _close_attempts(connection, dialect, outcome(event), list(ended), note)
    return ended


@lru_cache
def _ending(dialect: Dialect, event: str, one: bool, further: str, noted: tuple[str, ...]) -> sa.TextClause:
    """The statement of `_end`; made once, for to make it takes half as long as to execute it for one job."""
    given = dialect.records("pairs", model_id="bigint", attempt="integer")
    pair = "jobs.model_id = cast(:model_id as bigint) and jobs.attempt = cast(:attempt as integer)"
    fence = f"{in_states(sources(event))} and {pair if one else f'(jobs.model_id, jobs.attempt) in ({given})'}"
    if further:
        fence += f" and {further}"
    return sa.text(
        update_jobs(
            dialect,
            fence,
            {
                **_changes(dialect, event),
                "state": target_sql(event),
                "finished_at": finished_sql(event, dialect.now),
            },
            again=fence,
            returning="model_id, attempt, kind",
            one=one,
            then=_noting(dialect, outcome(event), noted) if dialect.name == "postgresql" else "",
        )
    )


def _changes(dialect: Dialect, event: str) -> Mapping[str, str]:
    """What an ending event changes on a job beside its state and its end."""
    if event == "finish":
        return {"lease_until": "null", "cancel_requested": "false"}
    if event == "adopt":
        worker = "select a.worker_id from attempts a where a.model_id = jobs.model_id and a.attempt = jobs.attempt"
        return {"worker_id": f"({worker})"}
    if event == "fail":
        later = dialect.later(BACKOFF.format(least=dialect.least))
        return {**_FREED, "exceptions": "exceptions + 1", "run_after": later}
    return _FREED


def _noting(dialect: Dialect, how: str, noted: tuple[str, ...]) -> str:
    """PostgreSQL: what `_close_attempts` does, as part of the statement that changed the jobs."""
    notes = "".join(f", {column} = :{column}" for column in noted)
    return (
        f", noted as (update attempts set outcome = '{how}', ended_at = {dialect.now}{notes} from changed"
        " where attempts.model_id = changed.model_id and attempts.attempt = changed.attempt)"
        " select model_id, attempt, kind from changed"
    )


def _close_attempts(
    connection: Executor, dialect: Dialect, how: str, pairs: Sequence[Pair], note: Mapping[str, str | None]
) -> None:
    """Write how attempts ended on their rows, in the transaction that ended them."""
    if not pairs:
        return
    given = dialect.records("pairs", model_id="bigint", attempt="integer")
    notes = "".join(f", {column} = :{column}" for column in note)
    connection.execute(
        sa.text(
            f"update attempts set outcome = '{how}', ended_at = {dialect.now}{notes}"
            f" where (model_id, attempt) in ({given})"
        ),
        {"pairs": rows_json(pairs), **note},
    )


def _storable(text: str) -> str:
    """Text both databases take: PostgreSQL refuses NUL, and neither takes half a surrogate pair."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
