"""Two functions of the queue on PostgreSQL, statement by statement, in every order in which they can meet.

A conductor lets one statement of one side through at a time. A side that waits for a lock of the other is passed over
until the other has gone on. Whatever the order, both must come to an end without an error, and the books must be in
order. Two sides whose statements are counted by a and b have (a + b)! / (a! b!) orders; of pairs with many, SOME are
drawn.
"""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, writing
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import Draws, a_result, enqueue, execute, pairs, query, some_specs
from tests.conformance.test_every_call import _check_books, _kept, _run

SOME = 4
SECONDS_UNTIL_IT_WAITS = 0.03

Act = Callable[[Queue], object]


ACTS: dict[str, Act] = {
    "claim": lambda queue: queue.claim("other", 2),
    "beat": lambda queue: queue.beat("worker"),
    "finish": lambda queue: store(queue, [a_result(pair, 1) for pair in PAIRS]),
    "adopt": lambda queue: store(queue, [a_result(pair, 1) for pair in PAIRS], adopt=True),
    "fail": lambda queue: queue.fail(PAIRS, "E", "", ""),
    "release": lambda queue: queue.release(PAIRS),
    "reap": lambda queue: queue.reap(),
    "cancel": lambda queue: queue.cancel(sweep="first"),
    "retry": lambda queue: queue.retry(sweep="first"),
    "pause": lambda queue: queue.pause("first"),
    "prioritise": lambda queue: queue.prioritise("first", 7),
    "enqueue": lambda queue: enqueue(queue, some_specs(4), "second", priority=3),
}
PAIRS: list[tuple[int, int]] = []


class Conductor:
    """Lets two threads take turns: each asks before every statement and every COMMIT."""

    def __init__(self, engines: Sequence[sa.Engine]) -> None:
        self._turn = [threading.Semaphore(0), threading.Semaphore(0)]
        self._asked = [threading.Semaphore(0), threading.Semaphore(0)]
        self._free = False
        self.steps = [0, 0]
        for side, engine in enumerate(engines):
            sa.event.listen(engine, "before_cursor_execute", self._before(side))
            sa.event.listen(engine, "commit", self._before(side))
            self._listen_to_what_commits_itself(side, engine.dialect)

    def _listen_to_what_commits_itself(self, side: int, dialect: Any) -> None:
        before, executing = self._before(side), dialect.do_execute

        def execute(cursor: Any, sql: str, parameters: Any, context: Any = None) -> None:
            if context is None:
                before()
            executing(cursor, sql, parameters, context)

        dialect.do_execute = execute

    def play(self, acts: Sequence[Callable[[], object]], order: Sequence[int] | None) -> list[Exception]:
        """Run both in this order of sides; without one, one after the other, which counts the statements."""
        self._free, self.steps = order is None, [0, 0]
        failed: list[Exception] = []
        threads = [threading.Thread(target=self._run, args=(side, act, failed)) for side, act in enumerate(acts)]
        if order is None:
            for thread in threads:
                thread.start()
                thread.join()
            return failed
        for thread in threads:
            thread.start()
        waiting = [False, False]
        for side in (*order, *itertools.islice(itertools.cycle((0, 1)), 200)):
            if not any(thread.is_alive() for thread in threads):
                break
            if not waiting[side]:
                # It may hang on a lock: then the other goes on.
                waiting[side] = self._asked[side].acquire(timeout=SECONDS_UNTIL_IT_WAITS)
            if waiting[side]:
                waiting[side] = False
                self._turn[side].release()
                self.steps[side] += 1
                waiting[side] = self._asked[side].acquire(timeout=SECONDS_UNTIL_IT_WAITS)
        self._free = True
        for side, thread in enumerate(threads):
            self._turn[side].release(50)
            thread.join(30)
            assert not thread.is_alive(), "they wait for each other"
            self._turn[side] = threading.Semaphore(0)
            self._asked[side] = threading.Semaphore(0)
        return failed

    def _run(self, side: int, act: Callable[[], object], failed: list[Exception]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001  (asserted on by the test)
            failed.append(error)
        finally:
            self._asked[side].release()

    def _before(self, side: int) -> Callable[..., None]:
        def ask(*given: Any) -> None:
            if self._free:
                self.steps[side] += 1
                return
            self._asked[side].release()
            self._turn[side].acquire()

        return ask


@pytest.fixture(scope="module")
def stage(postgresql_admin: sa.Engine, postgresql_template: str) -> Iterator[tuple[list[Queue], Conductor, list[str]]]:
    """Two queues on one database, their conductor, and the statements that bring the first act's state back."""
    name = f"sensdb_stage_{id(object())}"
    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {postgresql_template}")
    url = postgresql_admin.url.set(database=name)
    engines = [open_engine(url, pool_size=1) for _ in range(3)]
    third = Queue(engines[2])
    enqueue(third, some_specs(4), "first")
    PAIRS[:] = pairs(third.claim("worker", 2))
    execute(engines[2], "update jobs set lease_until = '2020-01-01' where state = 'running'")
    restore = _kept(engines[2])
    queues = [Queue(engine, Draws(0.0)) for engine in engines]
    for queue in queues[:2]:
        assert queue.settings.loss_budget == 5
    yield queues, Conductor(engines[:2]), restore
    for engine in engines:
        engine.dispose()
    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("one", ACTS)
def test_two_functions_side_by_side_end_well_in_whatever_order_their_statements_meet(
    stage: tuple[list[Queue], Conductor, list[str]], one: str
) -> None:
    (first, second, third), conductor, restore = stage
    others = list(ACTS)[list(ACTS).index(one) :]
    for other in others:
        acts = [lambda: ACTS[one](first), lambda other=other: ACTS[other](second)]
        _run(third.engine, restore)
        assert conductor.play(acts, None) == []
        for order in _orders(*conductor.steps, random.Random(f"{one} {other}")):
            _run(third.engine, restore)

            failed = conductor.play(acts, order)

            assert failed == [], f"{one} and {other} in the order {order}"
            _check_books(third.engine)
            twice = "select model_id from attempts where outcome = 'done' group by model_id having count(*) > 1"
            assert query(third.engine, twice) == [], f"{one} and {other} in the order {order}"


def test_the_conductor_lets_a_lost_update_happen(stage: tuple[list[Queue], Conductor, list[str]]) -> None:
    (first, second, third), conductor, restore = stage

    def read_then_write(queue: Queue) -> None:
        with writing(queue.engine) as connection:
            found = connection.exec_driver_sql("select priority from sweeps where name = 'first'").scalar_one()
            connection.exec_driver_sql(f"update sweeps set priority = {found + 1} where name = 'first'")

    sums = {}
    for order in ((0, 0, 0, 1, 1, 1), (0, 1, 0, 0, 1, 1)):
        _run(third.engine, restore)
        assert conductor.play([lambda: read_then_write(first), lambda: read_then_write(second)], order) == []
        sums[order] = query(third.engine, "select priority from sweeps where name = 'first'")

    assert list(sums.values()) == [[(2,)], [(1,)]]


def _orders(n_first: int, n_second: int, draw: random.Random) -> list[tuple[int, ...]]:
    """Every merge of two runs of statements, or SOME of them where there are more."""
    total = n_first + n_second
    if math.comb(total, n_first) <= SOME:
        places = list(itertools.combinations(range(total), n_first))
    else:
        places = [tuple(sorted(draw.sample(range(total), n_first))) for _ in range(SOME)]
    return [tuple(0 if place in chosen else 1 for place in range(total)) for chosen in places]
