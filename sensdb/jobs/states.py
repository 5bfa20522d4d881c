"""The state machine of a job as one table; the queue takes the states and conditions of its SQL from here.

Rows of one event and source are tried in order, the first whose condition holds decides; what has no row is refused
and changes nothing. An attempt counts when it is claimed, and its number is never given out again: giving work back
returns budget, never the number, or a late message would fit the next owner.

A job of kind measure already has a result, so it returns to done whatever happens, with the old result untouched.
Only an imported network may have none yet; then it ends dead.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensdb.database.schema import JOB_STATES as STATES

ENDED = ("done", "dead", "cancelled")

HAS_RESULT = "exists (select 1 from model_metrics r where r.model_id = jobs.model_id)"
EXCEPTIONS_SPENT = "(:permanent or exceptions + 1 >= :exception_budget)"
LOSSES_SPENT = "losses + 1 >= :loss_budget"


@dataclass(frozen=True)
class Transition:
    """One row of the table.

    event: what happens to a job; source: the state it must be in, None where there is no job yet.
    target: the state it comes to. when: SQL over the job's columns before the event, "" for always.
    changes: columns of `jobs` that may change, `state` apart. outcome: what the attempt's row is closed with.
    """

    event: str
    source: str | None
    target: str
    when: str = ""
    changes: tuple[str, ...] = ()
    outcome: str | None = None


_ENDING = ("worker_id", "lease_until", "cancel_requested", "finished_at")
_FAILING = (*_ENDING, "exceptions", "run_after")
_REAPING = (*_ENDING, "losses", "run_after")
_ADOPTING = ("worker_id", "finished_at")
_QUEUEING = ("exceptions", "losses", "run_after", "finished_at", "held", "priority", "worker_id")
_JOINED = ("priority", "held")

TRANSITIONS: tuple[Transition, ...] = (
    # enqueue: a spec that has no job; join: one that has, wanted once more, by this sweep or another.
    Transition("enqueue", None, "queued"),
    Transition("join", "queued", "queued", changes=(*_JOINED, "measure")),
    # A running worker cannot be told to measure more; its priority and hold count once it is queued again.
    Transition("join", "running", "running", changes=_JOINED),
    Transition("join", "dead", "dead", changes=("measure",)),
    Transition("join", "cancelled", "cancelled", changes=("measure",)),
    Transition("claim", "queued", "running", changes=("attempt", "worker_id", "lease_until")),
    Transition("beat", "running", "running", changes=("lease_until",)),
    # A finish that comes before the worker obeys a cancel request wins and is kept.
    Transition("finish", "running", "done", changes=("lease_until", "cancel_requested", "finished_at"), outcome="done"),
    Transition("fail", "running", "cancelled", "cancel_requested and kind = 'train'", _FAILING, "failed"),
    Transition(
        "fail",
        "running",
        "done",
        f"(cancel_requested or {EXCEPTIONS_SPENT}) and kind = 'measure' and {HAS_RESULT}",
        _FAILING,
        "failed",
    ),
    Transition("fail", "running", "dead", f"cancel_requested or {EXCEPTIONS_SPENT}", _FAILING, "failed"),
    Transition("fail", "running", "queued", "", _FAILING, "failed"),
    # release and cancel charge no budget and keep run_after: the job is back at its old place at once.
    Transition("release", "running", "cancelled", "cancel_requested and kind = 'train'", _ENDING, "released"),
    Transition("release", "running", "done", f"cancel_requested and {HAS_RESULT}", _ENDING, "released"),
    Transition("release", "running", "dead", "cancel_requested", _ENDING, "released"),
    Transition("release", "running", "queued", "", _ENDING, "released"),
    Transition("reap", "running", "cancelled", "cancel_requested and kind = 'train'", _REAPING, "lost"),
    Transition(
        "reap",
        "running",
        "done",
        f"(cancel_requested or {LOSSES_SPENT}) and kind = 'measure' and {HAS_RESULT}",
        _REAPING,
        "lost",
    ),
    Transition("reap", "running", "dead", f"cancel_requested or {LOSSES_SPENT}", _REAPING, "lost"),
    Transition("reap", "running", "queued", "", _REAPING, "lost"),
    # Of an attempt that was lost and is still the last: its result had been kept on the lost worker's disk.
    Transition("adopt", "queued", "done", "", _ADOPTING, "done"),
    Transition("adopt", "dead", "done", "", _ADOPTING, "done"),
    Transition("cancel", "queued", "cancelled", "kind = 'train'", ("finished_at",)),
    Transition("cancel", "queued", "done", HAS_RESULT, ("finished_at",)),
    Transition("cancel", "queued", "dead", "", ("finished_at",)),
    Transition("cancel", "running", "running", "", ("cancel_requested",)),
    Transition("retry", "dead", "queued", "", _QUEUEING),
    Transition("retry", "cancelled", "queued", "", _QUEUEING),
    Transition("retrain", "done", "queued", "", (*_QUEUEING, "kind", "pack_key", "measure")),
    Transition("measure", "done", "queued", "", (*_QUEUEING, "kind", "pack_key", "measure")),
    Transition("prioritise", "queued", "queued", "", ("priority",)),
    Transition("prioritise", "running", "running", "", ("priority",)),
    Transition("pause", "queued", "queued", "", ("held",)),
    Transition("pause", "running", "running", "", ("held",)),
    Transition("resume", "queued", "queued", "", ("held",)),
    Transition("resume", "running", "running", "", ("held",)),
)

EVENTS: tuple[str, ...] = tuple(dict.fromkeys(row.event for row in TRANSITIONS))


def transitions(event: str, source: str | None = None) -> tuple[Transition, ...]:
    """The rows of an event, from one state or from all, in the order they are tried."""
    return tuple(row for row in TRANSITIONS if row.event == event and source in (None, row.source))


def sources(event: str) -> tuple[str, ...]:
    """The states an event is allowed in."""
    return tuple(dict.fromkeys(row.source for row in transitions(event) if row.source is not None))


def in_states(states: tuple[str, ...]) -> str:
    """SQL: the job is in one of these states. Literals, for a bound state cannot use the partial indexes."""
    unknown = set(states) - set(STATES)
    if unknown:
        raise ValueError(f"no such states: {sorted(unknown)}.")
    if len(states) == 1:
        return f"jobs.state = '{states[0]}'"
    return f"jobs.state in ({', '.join(repr(state) for state in states)})"


def target_sql(event: str) -> str:
    """SQL: the state a job comes to, by the columns it has before the event."""
    return _case(event, {state: f"'{state}'" for state in STATES})


def finished_sql(event: str, now: str) -> str:
    """SQL: `now` where the event ends the job, else NULL."""
    return _case(event, {state: now if state in ENDED else "null" for state in STATES})


def outcome(event: str) -> str:
    """What an ending event writes on the attempt's row."""
    (found,) = {row.outcome for row in transitions(event) if row.outcome is not None}
    return found


def _case(event: str, values: dict[str, str]) -> str:
    """SQL: the value that belongs to the state a job comes to."""
    rows = transitions(event)
    several = len(sources(event)) > 1
    branches: list[str] = []
    for row in rows:
        conditions = [f"jobs.state = '{row.source}'"] if several else []
        conditions += [f"({row.when})"] if row.when else []
        if not conditions:
            # The last of its source: nothing is left to tell apart.
            return f"case {' '.join(branches)} else {values[row.target]} end" if branches else values[row.target]
        branches.append(f"when {' and '.join(conditions)} then {values[row.target]}")
    return f"case {' '.join(branches)} end"
