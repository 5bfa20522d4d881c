"""Each function of the queue with its n-th call to the database failing, for every n, before and after COMMIT.

Instead of the n-th statement, BEGIN and COMMIT among them, the connection is lost (on SQLite the disk fails); and once
more when the n-th COMMIT has been done, or the n-th statement that commits itself, for only there a loss afterwards
differs. Then the books must be in order, and
the same call again must come to the end that it would have come to at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.database.engine import writing
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import (
    ALL_TABLES,
    Draws,
    a_result,
    a_worker,
    enqueue,
    expire,
    keep_weights,
    pairs,
    query,
    some_specs,
)

Call = Callable[[Queue], object]
RESULTS = {}


def _open(queue: Queue, name: str) -> None:
    """Six models of two sweeps: two running under "worker", one of them lapsed, two done, one dead, one queued."""
    queue.register_worker(a_worker())
    enqueue(queue, some_specs(4), "first")
    enqueue(queue, some_specs(6)[2:], "second")
    jobs = queue.claim("early", 3)
    store(queue, [a_result(job) for job in jobs[:2]])
    keep_weights(queue.engine, jobs[0].model_id)
    queue.fail(pairs(jobs[2:]), "E", "", "", permanent=True)
    expire(queue.engine, queue.claim("worker", 2)[1].model_id)
    if name == "adopt":
        queue.reap()
    elif name == "resume":
        queue.pause("second")


def _kept(engine: sa.Engine) -> list[str]:
    """Keep the rows of every table; the statements that bring them back, many times quicker than making them."""
    _run(engine, [f"create table kept_{table} as select * from {table}" for table in ALL_TABLES])
    back = [f"insert into {table} select * from kept_{table}" for table in reversed(ALL_TABLES)]
    return [*(f"delete from {table}" for table in ALL_TABLES), *back]


def _run(engine: sa.Engine, statements: list[str]) -> None:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("; ".join(statements))  # one way there and back
            return
        for statement in statements:
            connection.exec_driver_sql(statement)


def _mine(queue: Queue) -> list[tuple[int, int]]:
    rows = query(queue.engine, "select model_id, attempt from attempts where worker_id = 'worker' order by model_id")
    return [(row[0], row[1]) for row in rows]


def _finish(queue: Queue) -> object:
    # The same results at the second try: they carry their ids.
    return store(queue, [RESULTS.setdefault(pair, a_result(pair)) for pair in _mine(queue)])


def _adopt(queue: Queue) -> object:
    return store(queue, [RESULTS.setdefault(pair, a_result(pair)) for pair in _mine(queue)], adopt=True)


CALLS: dict[str, Call] = {
    "enqueue": lambda queue: enqueue(queue, some_specs(8), "first", priority=3),
    "register": lambda queue: queue.register_worker(a_worker("new")),
    "claim": lambda queue: queue.claim("worker", 5),
    "beat": lambda queue: queue.beat("worker"),
    "finish": _finish,
    "adopt": _adopt,
    "fail": lambda queue: queue.fail(_mine(queue), "E", "message", "traceback"),
    "release": lambda queue: queue.release(_mine(queue)),
    "reap": lambda queue: queue.reap(),
    "reap dead processes": lambda queue: queue.reap_dead_processes("boot", lambda pid: False, host="host"),
    "cancel": lambda queue: queue.cancel(sweep=["first", "second"]),
    "retry": lambda queue: queue.retry(sweep=["first", "second"]),
    "retrain": lambda queue: queue.retry(sweep=["first", "second"], retrain=True),
    "measure": lambda queue: queue.measure(sweep=["first", "second"]),
    "pause": lambda queue: queue.pause("second"),
    "resume": lambda queue: queue.resume("second"),
    "prioritise": lambda queue: queue.prioritise("first", 9),
    "stop": lambda queue: queue.stop_worker("worker", models_done=2),
}

AT_ONCE = {"claim", "beat", "fail", "release"}
"""One statement that commits itself, on PostgreSQL."""


@dataclass
class Saboteur:
    """Breaks the n-th call, or what follows the n-th COMMIT; fired: whether it came to it."""

    n: int
    after_commit: bool
    calls: int = 0
    commits: int = 0
    fired: bool = False


def test_every_function_of_the_queue_is_tried() -> None:
    public = {name for name in vars(Queue) if not name.startswith("_")}
    covered = {"finish": "close", "reap dead processes": "reap_dead_processes", "register": "register_worker"}
    covered |= {"stop": "stop_worker", "retrain": "retry"}

    assert {covered.get(name, name) for name in CALLS} | {"preview"} == public


@pytest.mark.parametrize("after_commit", [False, True], ids=["instead", "after COMMIT"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_breaks_anywhere_leaves_the_books_in_order_and_can_be_repeated(
    engine: sa.Engine, name: str, after_commit: bool
) -> None:
    queue = Queue(engine, Draws(0.5))
    call = CALLS[name]
    RESULTS.clear()
    _open(queue, name)
    restore = _kept(engine)
    # With the database goes back what the queue remembers of it.
    remembered = deepcopy(queue._unanswered.handed_out)
    call(queue)
    expected = _books(engine)
    at_once = name in AT_ONCE and engine.dialect.name == "postgresql"
    n = 0
    while True:
        n += 1
        _run(engine, restore)
        queue._unanswered.handed_out = deepcopy(remembered)
        saboteur = Saboteur(n, after_commit)
        with _sabotaged(engine, saboteur):
            try:
                call(queue)
                answered = True
            except (DatabaseError, sa.exc.DBAPIError):
                answered = False
        if not saboteur.fired:
            break
        _check_books(engine)
        if not answered or name == "claim":
            # A claim that broke before its COMMIT may have given nothing; one that was committed is found, not made.
            call(queue)
        assert _books(engine) == expected, f"the call to the database number {n} of {name}"
    assert n > (1 if after_commit or at_once else 2), "it makes a call and commits it"


@contextmanager
def _sabotaged(engine: sa.Engine, saboteur: Saboteur) -> Iterator[None]:
    """Let statements and commits of the engine pass by the saboteur."""

    def execute(connection: sa.Connection, *given: Any) -> None:
        saboteur.calls += 1
        if saboteur.calls == saboteur.n and not saboteur.after_commit:
            _break(engine, connection.connection.driver_connection, saboteur)

    committing, executing = engine.dialect.do_commit, engine.dialect.do_execute

    def commit(driver: Any) -> None:
        saboteur.calls += 1
        saboteur.commits += 1
        if saboteur.calls == saboteur.n and not saboteur.after_commit:
            _break(engine, driver, saboteur)
        committing(driver)
        if saboteur.commits == saboteur.n and saboteur.after_commit:
            _break(engine, driver, saboteur)

    def execute_at_once(cursor: Any, sql: str, parameters: Any, context: Any = None) -> None:
        if context is not None:  # within a transaction, and counted by `execute`
            executing(cursor, sql, parameters, context)
            return
        saboteur.calls += 1
        saboteur.commits += 1
        if saboteur.calls == saboteur.n and not saboteur.after_commit:
            _break(engine, cursor.connection, saboteur)
        executing(cursor, sql, parameters)
        if saboteur.commits == saboteur.n and saboteur.after_commit:
            _break(engine, cursor.connection, saboteur)

    sa.event.listen(engine, "before_cursor_execute", execute)
    dialect: Any = engine.dialect
    dialect.do_commit = commit
    dialect.do_execute = execute_at_once
    try:
        yield
    finally:
        del dialect.do_commit, dialect.do_execute
        sa.event.remove(engine, "before_cursor_execute", execute)


def _break(engine: sa.Engine, driver: Any, saboteur: Saboteur) -> None:
    """Lose the connection for good; on PostgreSQL the server is cut off from it too."""
    saboteur.fired = True
    if engine.dialect.name == "sqlite":
        driver.rollback()
        raise sqlite3.OperationalError("disk I/O error")
    driver.pgconn.finish()
    raise engine.dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")


def _books(engine: sa.Engine) -> list[list[tuple[Any, ...]]]:
    """Everything the calls may change but moments, random names and numbers that are given out."""
    named = "join models using (model_id) order by spec_sha256"
    return [
        query(engine, text)
        for text in (
            "select spec_sha256, state, kind, jobs.measure, held, priority, pack_key, attempt, exceptions, losses,"
            f" worker_id, cancel_requested from jobs {named}",
            f"select spec_sha256, attempt, kind, worker_id, outcome, error_type from attempts {named}, attempt",
            "select spec_sha256, s.name, s.priority, s.paused from sweeps s join sweep_models using (sweep_id)"
            f" {named}, s.name",
            f"select spec_sha256, attempt, n_points_stored from model_metrics {named}",
            f"select spec_sha256, point_index from point_metrics {named}, point_index",
            "select worker_id, models_done, case when stopped_at is null then 0 else 1 end from workers order by 1",
        )
    ]


def _check_books(engine: sa.Engine) -> None:
    """What holds at every instant, whatever has just broken."""
    counts = {
        "jobs whose number is not that of their last attempt": "select count(*) from jobs j where j.attempt <>"
        " (select coalesce(max(a.attempt), 0) from attempts a where a.model_id = j.model_id)",
        "attempts that are open though their job does not run, or the other way": "select count(*) from attempts a"
        " join jobs j on j.model_id = a.model_id"
        " where (a.outcome is null) <> (j.state = 'running' and j.attempt = a.attempt)",
        "results without all their points": "select count(*) from model_metrics m where m.n_points_stored <>"
        " (select count(*) from point_metrics p where p.model_id = m.model_id)",
        "points without a result": "select count(*) from point_metrics where model_id not in"
        " (select model_id from model_metrics)",
        "done jobs without a result": "select count(*) from jobs where state = 'done' and model_id not in"
        " (select model_id from model_metrics)",
        "models without a job": "select count(*) from models where model_id not in (select model_id from jobs)",
    }
    (found,) = query(engine, "select " + ", ".join(f"({text})" for text in counts.values()))
    assert dict(zip(counts, found, strict=True)) == dict.fromkeys(counts, 0)
