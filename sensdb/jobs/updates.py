"""The frame of every UPDATE of `jobs`: rows locked in the order of their keys, then changed."""

from __future__ import annotations

from collections.abc import Mapping

from sensdb.jobs.dialects import Dialect

# Whether all sweeps of a job are paused, and the largest of their priorities, as the tables say now.
HELD = (
    "coalesce((select min(case when w.paused then 1 else 0 end) = 1 from sweep_models s"
    " join sweeps w on w.sweep_id = s.sweep_id where s.model_id = jobs.model_id), false)"
)
PRIORITY = (
    "coalesce((select max(w.priority) from sweep_models s"
    " join sweeps w on w.sweep_id = s.sweep_id where s.model_id = jobs.model_id), priority)"
)


def update_jobs(
    dialect: Dialect,
    condition: str,
    changes: Mapping[str, str],
    *,
    again: str,
    returning: str = "model_id, attempt, state",
    before: str = "",
    order: str = "model_id",
    limit: str = "",
    skip_locked: bool = False,
    one: bool = False,
    then: str = "",
) -> str:
    """SQL: lock the jobs of a condition, change them, return them.

    Locking by model_id everywhere keeps two statements over the same jobs (a beat and the cancel of a sweep) from
    deadlocking. The UPDATE repeats the state it relies on.

    Args:
        condition: which jobs; a job's state stands in it as a literal, or no partial index is used.
        changes: column -> expression over the row as it was.
        again: the condition on the state, repeated.
        before: common table expressions that `condition` reads, each ending in a comma.
        order, limit: which jobs first and how many, where not all.
        skip_locked: leave out jobs that another transaction is about to change, instead of waiting for it.
        one: `condition` names one job by its key. It is changed without being locked first: one lock has no order, and
            the server takes two thirds of the time.
        then: PostgreSQL alone: what else is done with the rows of `changed`, those returned, in the same statement: the
            way to the server and back is half the cost of a claim of one job.
    """
    lock = dialect.skip_locked if skip_locked else dialect.lock
    assignments = ", ".join(f"{column} = {value}" for column, value in changes.items())
    if one:
        change = f"update jobs set {assignments} where {condition} returning {returning}"
        return f"with changed as ({change}){then}" if then else change
    chosen = (
        f"with {before} them as materialized"
        f" (select model_id from jobs where {condition} order by {order} {limit} {lock})"
    )
    change = (
        f"update jobs set {assignments}"
        f" where {dialect.any_of('model_id', 'select model_id from them')} and {again}"
        f" returning {returning}"
    )
    return f"{chosen}, changed as ({change}){then}" if then else f"{chosen} {change}"
