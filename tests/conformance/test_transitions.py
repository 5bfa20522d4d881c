"""The table of `jobs/states.py` against both databases: each event in each state does what its row says or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.database.engine import reading
from sensdb.definitions.measure import MeasureSettings
from sensdb.jobs.queue import Pair, Queue
from sensdb.jobs.states import EVENTS, STATES, transitions
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_spec,
    claim_one,
    clear,
    enqueue,
    execute,
    expire,
    job_row,
    keep_weights,
    query,
    some_specs,
)

LAST_WAS_LOST = (
    "exists (select 1 from attempts a where a.model_id = jobs.model_id and a.attempt = jobs.attempt"
    " and a.outcome = 'lost')"
)
LITTLE = MeasureSettings(points=0, spectral=False)


def _queued(queue: Queue) -> None:
    enqueue(queue, some_specs(1), measure=LITTLE)


def _running(queue: Queue) -> None:
    _queued(queue)
    claim_one(queue)


def _running_on_its_last_chance(queue: Queue) -> None:
    _running(queue)
    execute(queue.engine, "update jobs set attempt = 9, exceptions = 2, losses = 4")
    execute(queue.engine, "update attempts set attempt = 9")


def _asked_to_stop(queue: Queue) -> None:
    _running(queue)
    queue.cancel(model_ids=[_id(queue)])


def _lost(queue: Queue) -> None:
    _running(queue)
    expire(queue.engine, _id(queue))
    queue.reap()


def _dead_by_losses(queue: Queue) -> None:
    _running_on_its_last_chance(queue)
    expire(queue.engine, _id(queue))
    queue.reap()


def _measuring_lost(queue: Queue) -> None:
    _measuring(queue)
    expire(queue.engine, _id(queue))
    queue.reap()


def _done(queue: Queue) -> None:
    _running(queue)
    store(queue, [a_result((_id(queue), 1))])
    keep_weights(queue.engine, _id(queue))


def _dead(queue: Queue) -> None:
    _running(queue)
    queue.fail([(_id(queue), 1)], "E", "", "", permanent=True)


def _cancelled(queue: Queue) -> None:
    _queued(queue)
    queue.cancel(model_ids=[_id(queue)])


def _measuring_queued(queue: Queue) -> None:
    _done(queue)
    queue.measure(model_ids=[_id(queue)])


def _measuring(queue: Queue) -> None:
    _measuring_queued(queue)
    claim_one(queue)


def _measuring_on_its_last_chance(queue: Queue) -> None:
    _measuring(queue)
    execute(queue.engine, "update attempts set attempt = 9 where outcome is null")
    execute(queue.engine, "update jobs set attempt = 9, exceptions = 2, losses = 4")


def _measuring_asked_to_stop(queue: Queue) -> None:
    _measuring(queue)
    queue.cancel(model_ids=[_id(queue)])


def _imported_queued(queue: Queue) -> None:
    _queued(queue)
    execute(queue.engine, "update jobs set kind = 'measure'")


def _imported_on_its_last_chance(queue: Queue) -> None:
    _running_on_its_last_chance(queue)
    execute(queue.engine, "update jobs set kind = 'measure'")


def _imported_asked_to_stop(queue: Queue) -> None:
    _asked_to_stop(queue)
    execute(queue.engine, "update jobs set kind = 'measure'")


def _nothing(queue: Queue) -> None:
    pass


SITUATIONS: tuple[Callable[[Queue], None], ...] = (
    _nothing,
    _queued,
    _running,
    _running_on_its_last_chance,
    _asked_to_stop,
    _lost,
    _dead_by_losses,
    _done,
    _dead,
    _cancelled,
    _measuring_queued,
    _measuring,
    _measuring_on_its_last_chance,
    _measuring_asked_to_stop,
    _measuring_lost,
    _imported_queued,
    _imported_on_its_last_chance,
    _imported_asked_to_stop,
)

HAPPEN: dict[str, Callable[[Queue, Pair], object]] = {
    "enqueue": lambda queue, pair: enqueue(queue, [a_spec(5)], "sweep"),
    "join": lambda queue, pair: enqueue(queue, some_specs(1), "second", priority=8, measure=replace(LITTLE, points=9)),
    "claim": lambda queue, pair: queue.claim("another", 5),
    "beat": lambda queue, pair: queue.beat("worker"),
    "finish": lambda queue, pair: store(queue, [a_result(pair)]),
    "fail": lambda queue, pair: queue.fail([pair], "E", "", ""),
    "release": lambda queue, pair: queue.release([pair]),
    "reap": lambda queue, pair: queue.reap(),
    "adopt": lambda queue, pair: store(queue, [a_result(pair)], adopt=True),
    "cancel": lambda queue, pair: queue.cancel(model_ids=[pair[0]]),
    "retry": lambda queue, pair: queue.retry(model_ids=[pair[0]]),
    "retrain": lambda queue, pair: queue.retry(model_ids=[pair[0]], retrain=True),
    "measure": lambda queue, pair: queue.measure(model_ids=[pair[0]], settings=replace(LITTLE, points=7)),
    "prioritise": lambda queue, pair: queue.prioritise("sweep", 6),
    "pause": lambda queue, pair: queue.pause("sweep"),
    "resume": lambda queue, pair: queue.resume("sweep"),
}


def test_every_event_of_the_table_is_tried_and_every_state_is_reached(queue: Queue) -> None:
    reached = set()
    for situation in SITUATIONS[1:]:
        clear(queue.engine)
        situation(queue)
        reached.add(job_row(queue.engine, _id(queue))["state"])

    assert set(HAPPEN) == set(EVENTS)
    assert reached == set(STATES)


@pytest.mark.parametrize("event", [event for event in EVENTS if event not in ("enqueue", "join")])
def test_an_event_does_what_the_table_says_or_nothing(queue: Queue, event: str) -> None:
    for situation in SITUATIONS[1:]:
        clear(queue.engine)
        situation(queue)
        if event == "resume":
            queue.pause("sweep")
        _check(queue, event, situation.__name__)


def test_joining_does_what_the_table_says_or_nothing(queue: Queue) -> None:
    # Done models with weights that lack a measurement are the one exception: joining then is the event measure.
    for situation in SITUATIONS[1:]:
        clear(queue.engine)
        situation(queue)
        execute(queue.engine, "delete from artifacts")
        _check(queue, "join", situation.__name__)


def test_a_spec_without_a_job_is_queued_whatever_else_there_is(queue: Queue) -> None:
    for situation in SITUATIONS:
        clear(queue.engine)
        situation(queue)
        known = query(queue.engine, "select * from jobs")

        HAPPEN["enqueue"](queue, (0, 0))

        rows = query(queue.engine, "select * from jobs order by model_id")
        assert set(known) < set(rows)
        (new,) = set(rows) - set(known)
        row = job_row(queue.engine, new[0])
        counts = [row[name] for name in ("attempt", "exceptions", "losses", "priority")]
        assert (row["state"], row["kind"], counts) == ("queued", "train", [0, 0, 0, 0])
        assert not row["held"]


def _check(queue: Queue, event: str, situation: str) -> None:
    model_id = _id(queue)
    before = job_row(queue.engine, model_id)
    attempts_before = query(queue.engine, "select attempt, outcome from attempts order by attempt")
    expected = _expected(queue, event, before)
    if event == "reap" and before["state"] == "running":
        expire(queue.engine, model_id)

    HAPPEN[event](queue, (model_id, before["attempt"]))

    after = job_row(queue.engine, model_id)
    attempts = query(queue.engine, "select attempt, outcome from attempts order by attempt")
    changed = {name for name in after if after[name] != before[name]}
    told = f"{event} in {situation}: {sorted(changed)}"
    if expected is None:
        assert changed == set(), told
        assert attempts == attempts_before, told
        return
    assert after["state"] == expected.target, told
    assert changed <= {"state", *expected.changes}, told
    if expected.outcome is not None:
        assert attempts == [*attempts_before[:-1], (before["attempt"], expected.outcome)], told
    if event in ("claim", "retrain", "measure", "prioritise", "pause", "resume"):
        assert changed, told


def _expected(queue: Queue, event: str, row: dict[str, Any]) -> Any:
    """The row of the table that decides, its condition asked of the database; None if there is none."""
    if event == "adopt" and row["state"] == "running":
        # Asked to adopt what still runs, a store finishes it.
        return _expected(queue, "finish", row)
    if event == "adopt" and not _holds(queue.engine, LAST_WAS_LOST, row["model_id"]):
        return None
    for transition in transitions(event, row["state"]):
        if not transition.when or _holds(queue.engine, transition.when, row["model_id"]):
            return transition
    return None


def _holds(engine: sa.Engine, condition: str, model_id: int) -> bool:
    values = {"permanent": False, "exception_budget": 3, "loss_budget": 5, "model_id": model_id}
    text = sa.text(f"select count(*) from jobs where model_id = :model_id and ({condition})")
    with reading(engine) as connection:
        return bool(connection.execute(text, values).scalar_one())


def _id(queue: Queue) -> int:
    return int(query(queue.engine, "select min(model_id) from jobs")[0][0])
