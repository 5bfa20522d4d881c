"""Random histories of a queue against a dictionary that says what each call must do."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sensdb.jobs.queue import Pair, Queue
from sensdb.results.writer import store
from tests.conformance.factories import (
    Draws,
    a_result,
    a_spec,
    clear,
    enqueue,
    expire,
    keep_weights,
    make_due,
    pairs,
    query,
)

pytestmark = pytest.mark.long

SWEEPS = ("first", "second")
WORKERS = ("ann", "bob")
SPECS = [a_spec(seed) for seed in range(12)]
EXCEPTION_BUDGET, LOSS_BUDGET = 3, 5


@dataclass
class Expected:
    """What a job should look like."""

    sweeps: set[str]
    state: str = "queued"
    attempt: int = 0
    exceptions: int = 0
    losses: int = 0
    due: bool = True
    cancel_requested: bool = False
    worker: str | None = None
    stored_by: int | None = None
    outcomes: dict[int, str | None] = field(default_factory=dict)
    kind: str = "train"
    kinds: dict[int, str] = field(default_factory=dict)
    has_weights: bool = False

    def end_attempt(self, outcome: str, state: str) -> None:
        """Leave the worker."""
        self.outcomes[self.attempt] = outcome
        self.state = "cancelled" if self.cancel_requested and outcome != "done" else state
        if self.kind == "measure" and self.state in ("cancelled", "dead"):
            self.state = "done"  # with the result it has
        self.cancel_requested = False


class History(RuleBasedStateMachine):
    """One queue, up to twelve specs, two sweeps, two workers; every pair ever handed out may come back late."""

    engine: sa.Engine

    def __init__(self) -> None:
        super().__init__()
        # Backoffs of 30 s and more: none passes by itself in the middle of a history.
        self.queue = Queue(self.engine, Draws(1.0))
        self.jobs: dict[int, Expected] = {}
        self.paused: set[str] = set()
        self.handed_out: list[Pair] = []
        # Few a history: always possible, they would leave nothing to work on.
        self.cancels_left = 3
        self.pauses_left = 3
        self.measures_left = 2

    @initialize(n_shared=st.integers(0, 4))
    def start_with_two_sweeps(self, n_shared: int) -> None:
        clear(self.engine)
        self.enqueue(SWEEPS[0], set(range(6)))
        self.enqueue(SWEEPS[1], set(range(6 - n_shared, 8)))

    @rule(sweep=st.sampled_from(SWEEPS), chosen=st.sets(st.sampled_from(range(12)), min_size=1, max_size=6))
    def enqueue(self, sweep: str, chosen: set[int]) -> None:
        enqueue(self.queue, [SPECS[number] for number in sorted(chosen)], sweep)

        seeds = dict(query(self.engine, "select seed, model_id from models"))
        for number in chosen:
            self.jobs.setdefault(seeds[number], Expected(set())).sweeps.add(sweep)

    @precondition(lambda self: self.any_in("queued"))
    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 20))
    def claim(self, worker: str, limit: int) -> None:
        claimed = pairs(self.queue.claim(worker, limit))

        waiting = [
            model_id
            for model_id, job in sorted(self.jobs.items())
            if job.state == "queued" and job.due and not self.held(job)
        ]
        losses, kind = (self.jobs[waiting[0]].losses, self.jobs[waiting[0]].kind) if waiting else (0, "train")
        alike = [
            model_id for model_id in waiting if (self.jobs[model_id].losses, self.jobs[model_id].kind) == (losses, kind)
        ]
        expected = alike[: max(1, limit >> 3 * losses)]
        for model_id in expected:
            job = self.jobs[model_id]
            job.state, job.attempt, job.worker = "running", job.attempt + 1, worker
            job.outcomes[job.attempt] = None
            job.kinds[job.attempt] = job.kind
        assert claimed == [(model_id, self.jobs[model_id].attempt) for model_id in expected]
        self.handed_out += claimed

    @precondition(lambda self: self.any_in("running"))
    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        beats = [tuple(beat) for beat in self.queue.beat(worker)]

        assert beats == [
            (model_id, job.attempt, job.cancel_requested, self.held(job))
            for model_id, job in sorted(self.jobs.items())
            if job.state == "running" and job.worker == worker
        ]

    @precondition(lambda self: self.any_in("running"))
    @rule(data=st.data())
    def lose_workers(self, data: st.DataObject) -> None:
        running = [model_id for model_id, job in self.jobs.items() if job.state == "running"]
        lost = data.draw(st.sets(st.sampled_from(running), min_size=1, max_size=4))
        expire(self.engine, *lost)

        assert [job.model_id for job in self.queue.reap()] == sorted(lost)

        for model_id in lost:
            job = self.jobs[model_id]
            job.losses += 1
            job.due = True
            job.end_attempt("lost", "dead" if job.losses >= LOSS_BUDGET else "queued")

    @precondition(lambda self: bool(self.handed_out))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        chosen = self.some_handed_out(data)

        accepted = store(self.queue, [a_result(pair, 1) for pair in chosen])

        assert accepted == [pair for pair in chosen if self.owned(pair)]
        for model_id, attempt in accepted:
            job = self.jobs[model_id]
            job.end_attempt("done", "done")
            job.stored_by = attempt

    @precondition(lambda self: any("lost" in job.outcomes.values() for job in self.jobs.values()))
    @rule(data=st.data())
    def adopt(self, data: st.DataObject) -> None:
        chosen = self.some_handed_out(data)

        accepted = store(self.queue, [a_result(pair, 1) for pair in chosen], adopt=True)

        taken = [pair for pair in chosen if self.owned(pair) or self.lost_last(pair)]
        assert accepted == taken
        for model_id, attempt in accepted:
            job = self.jobs[model_id]
            job.end_attempt("done", "done")
            job.stored_by = attempt

    @precondition(lambda self: self.measures_left and self.any_in("done"))
    @rule(sweep=st.sampled_from(SWEEPS))
    def measure(self, sweep: str) -> None:
        for model_id, job in self.jobs.items():
            if job.state == "done" and not job.has_weights:
                keep_weights(self.engine, model_id)
                job.has_weights = True

        found = self.queue.measure(sweep=sweep)

        again = [job for job in self.jobs.values() if job.state == "done" and sweep in job.sweeps]
        assert (found.n_queued, found.n_without_weights) == (len(again), 0)
        self.measures_left -= 1
        for job in again:
            job.state, job.kind, job.exceptions, job.losses, job.due = "queued", "measure", 0, 0, True

    @precondition(lambda self: bool(self.handed_out))
    @rule(data=st.data(), permanent=st.booleans())
    def fail(self, data: st.DataObject, permanent: bool) -> None:
        chosen = self.some_handed_out(data)

        accepted = self.queue.fail(chosen, "E", "", "", permanent=permanent)

        assert accepted == sorted(pair for pair in chosen if self.owned(pair))
        for model_id, _ in accepted:
            job = self.jobs[model_id]
            job.exceptions += 1
            job.due = False
            job.end_attempt("failed", "dead" if permanent or job.exceptions >= EXCEPTION_BUDGET else "queued")

    @precondition(lambda self: bool(self.handed_out))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        chosen = self.some_handed_out(data)

        accepted = self.queue.release(chosen)

        assert accepted == sorted(pair for pair in chosen if self.owned(pair))
        for model_id, _ in accepted:
            self.jobs[model_id].end_attempt("released", "queued")

    @precondition(lambda self: self.cancels_left and self.any_in("queued", "running"))
    @rule(data=st.data())
    def cancel_models(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.jobs)), min_size=1, max_size=3))

        self.queue.cancel(model_ids=sorted(chosen))

        self.expect_cancelled([self.jobs[model_id] for model_id in chosen])

    @precondition(lambda self: self.cancels_left and self.any_in("queued", "running"))
    @rule(sweep=st.sampled_from(SWEEPS))
    def cancel_sweep(self, sweep: str) -> None:
        self.queue.cancel(sweep=sweep)

        live = set(SWEEPS) - {sweep} - self.paused
        self.expect_cancelled([job for job in self.jobs.values() if sweep in job.sweeps and not job.sweeps & live])

    @precondition(lambda self: self.pauses_left and len(self.paused) < 2)
    @rule(sweep=st.sampled_from(SWEEPS))
    def pause(self, sweep: str) -> None:
        self.queue.pause(sweep)
        self.paused.add(sweep)
        self.pauses_left -= 1

    @precondition(lambda self: bool(self.paused))
    @rule(sweep=st.sampled_from(SWEEPS))
    def resume(self, sweep: str) -> None:
        self.queue.resume(sweep)
        self.paused.discard(sweep)

    @precondition(lambda self: self.any_in("done", "dead", "cancelled"))
    @rule(sweep=st.sampled_from(SWEEPS), retrain=st.booleans())
    def retry(self, sweep: str, retrain: bool) -> None:
        n_queued = self.queue.retry(sweep=sweep, retrain=retrain)

        ended = {"done"} if retrain else {"dead", "cancelled"}
        again = [job for job in self.jobs.values() if job.state in ended and sweep in job.sweeps]
        assert n_queued == len(again)
        for job in again:
            job.state, job.exceptions, job.losses, job.due = "queued", 0, 0, True
            job.kind = "train" if retrain else job.kind

    @precondition(lambda self: any(not job.due for job in self.jobs.values()))
    @rule()
    def let_backoffs_pass(self) -> None:
        make_due(self.engine)
        for job in self.jobs.values():
            job.due = True

    @invariant()
    def every_job_is_as_expected(self) -> None:
        rows = query(
            self.engine,
            "select model_id, state, attempt, exceptions, losses, cancel_requested from jobs order by model_id",
        )
        expected = [
            (model_id, job.state, job.attempt, job.exceptions, job.losses, job.cancel_requested)
            for model_id, job in sorted(self.jobs.items())
        ]
        assert rows == expected

    @invariant()
    def open_jobs_are_held_by_their_sweeps(self) -> None:
        rows = query(self.engine, "select model_id, held from jobs where state in ('queued', 'running') order by 1")
        assert [(model_id, bool(held)) for model_id, held in rows] == [
            (model_id, self.held(job))
            for model_id, job in sorted(self.jobs.items())
            if job.state in ("queued", "running")
        ]

    @invariant()
    def every_attempt_ended_once_and_as_expected(self) -> None:
        rows = query(self.engine, "select model_id, attempt, outcome from attempts order by model_id, attempt")
        assert rows == [
            (model_id, attempt, outcome)
            for model_id, job in sorted(self.jobs.items())
            for attempt, outcome in job.outcomes.items()
        ]

    @invariant()
    def exactly_the_accepted_results_are_there(self) -> None:
        rows = query(
            self.engine,
            "select m.model_id, m.attempt, count(p.point_index) from model_metrics m left join point_metrics p"
            " on p.model_id = m.model_id and p.loss = m.attempt group by m.model_id, m.attempt order by m.model_id",
        )
        assert rows == [
            (model_id, job.stored_by, 1) for model_id, job in sorted(self.jobs.items()) if job.stored_by is not None
        ]

    def held(self, job: Expected) -> bool:
        """Whether all its sweeps are paused."""
        return job.sweeps <= self.paused

    def owned(self, pair: Pair) -> bool:
        """Whether this attempt still runs."""
        job = self.jobs[pair[0]]
        return job.state == "running" and job.attempt == pair[1]

    def lost_last(self, pair: Pair) -> bool:
        """Whether this attempt was lost, of what is to be done now, and nothing has followed it."""
        job = self.jobs[pair[0]]
        last = job.attempt == pair[1] and job.outcomes.get(pair[1]) == "lost"
        return last and job.state in ("queued", "dead") and job.kinds[pair[1]] == job.kind

    def any_in(self, *states: str) -> bool:
        """Whether a job is in one of these states."""
        return any(job.state in states for job in self.jobs.values())

    def some_handed_out(self, data: st.DataObject) -> list[Pair]:
        """Attempts handed out at any time, those that still run more often than not."""
        owned = [pair for pair in self.handed_out if self.owned(pair)]
        pool = owned if owned and data.draw(st.integers(0, 3)) else self.handed_out
        return data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=5, unique_by=lambda pair: pair[0]))

    def expect_cancelled(self, jobs: list[Expected]) -> None:
        """Queued ones end, running ones are asked."""
        self.cancels_left -= 1
        for job in jobs:
            if job.state == "queued":
                job.state = "cancelled" if job.kind == "train" else "done"
            elif job.state == "running":
                job.cancel_requested = True


def test_random_histories_agree_with_a_dictionary(engine: sa.Engine) -> None:
    machine = type("HistoryOfThisDatabase", (History,), {"engine": engine})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
