"""What keeps a lease and what ends one: beats that are not answered, claims that were not, locks left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, writing
from sensdb.jobs.queue import Pair, Queue
from sensdb.results.spool import Spool
from sensdb.worker.heartbeat import Heartbeat
from sensdb.worker.storing import Storing
from tests.conformance.factories import (
    a_result,
    claim_one,
    enqueue,
    execute,
    expire,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)
from tests.conformance.proxy import CuttingProxy

Start = Callable[..., Heartbeat]


@pytest.fixture
def start(queue: Queue, database_url: str) -> Iterator[Start]:
    """A function that starts the heartbeat of "worker", with a lease of 0.6 s and a beat of 0.1 s."""
    settings = "lease_seconds = 0.6, beat_seconds = 0.1, reap_seconds = 0.1"
    execute(queue.engine, f"update queue_settings set {settings}")
    made: list[Heartbeat] = []

    def begin(holds: Callable[[], frozenset[Pair] | None] = lambda: None) -> Heartbeat:
        made.append(Heartbeat(database_url, "worker", holds))
        made[-1].start()
        return made[-1]

    yield begin
    for heartbeat in made:
        heartbeat.end()


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 30 s"
        time.sleep(0.02)


class TestFencing:
    def test_a_worker_is_fenced_at_the_end_of_its_lease_and_free_with_the_next_beat(
        self, queue: Queue, start: Start
    ) -> None:
        enqueue(queue, some_specs(1))
        claim_one(queue)
        heartbeat = start()
        wait_until(lambda: heartbeat.heard_at > 0)
        assert not heartbeat.fenced()

        with writing(queue.engine) as connection:
            connection.exec_driver_sql("update jobs set priority = 1")  # beats wait for this row
            sent = time.monotonic()
            wait_until(heartbeat.fenced)
            waited = time.monotonic() - sent

        assert waited < 0.6 + 0.1
        wait_until(lambda: not heartbeat.fenced())
        assert states(queue.engine) == ["running"]

    @pytest.mark.parametrize("followed", [False, True], ids=["nothing followed", "another follows"])
    def test_what_is_finished_behind_the_fence_is_stored_only_if_the_attempt_is_still_its_own(
        self, queue: Queue, start: Start, tmp_path: Path, followed: bool
    ) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        heartbeat = start()
        spool = Spool(tmp_path, "worker")
        storing = Storing(queue, spool, heartbeat)
        wait_until(lambda: heartbeat.heard_at > 0)
        with writing(queue.engine) as connection:
            connection.exec_driver_sql("update jobs set priority = 1")
            wait_until(heartbeat.fenced)
            assert storing.give_in([a_result(job)]) == []
            heartbeat._ended.set()  # as if stopped: it does not renew when the row is free again
        heartbeat.join()
        expire(queue.engine, job.model_id)
        queue.reap()
        if followed:
            claim_one(queue, "other")

        assert storing.take_in(now=True) == ([] if followed else pairs([job]))
        assert states(queue.engine) == ["running" if followed else "done"]

    def test_a_spooled_result_is_tried_again_with_the_first_beat_that_goes_through(
        self, queue: Queue, start: Start, tmp_path: Path
    ) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        heartbeat = start()
        storing = Storing(queue, Spool(tmp_path, "worker"), heartbeat)
        with writing(queue.engine) as connection:
            connection.exec_driver_sql("update jobs set priority = 1")
            wait_until(heartbeat.fenced)
            storing.give_in([a_result(job)])
            assert storing.take_in() == []
        wait_until(lambda: not heartbeat.fenced())

        wait_until(lambda: storing.take_in() == pairs([job]))


class TestStrayClaims:
    def test_a_claim_nobody_holds_is_released_after_two_beats(self, queue: Queue, start: Start) -> None:
        enqueue(queue, some_specs(2))
        held, stray = queue.claim("worker", 2)

        start(lambda: frozenset(pairs([held])))

        wait_until(lambda: states(queue.engine) == ["running", "queued"])
        outcomes = queue.attempt_outcome(pairs([held, stray]))
        assert list(outcomes.values()) == [None, "released"]

    def test_nothing_is_released_while_the_worker_is_claiming(self, queue: Queue, start: Start) -> None:
        enqueue(queue, some_specs(1))
        claim_one(queue)

        heartbeat = start(lambda: None)

        begun = time.monotonic()
        wait_until(lambda: heartbeat.heard_at > begun + 0.5)
        assert states(queue.engine) == ["running"]


class TestSilentServer:
    @pytest.fixture
    def queue(self, postgresql_url: str) -> Iterator[Queue]:
        """The queue, reached directly; SQLite has no server that could fall silent."""
        engine = open_engine(postgresql_url, pool_size=5)
        yield Queue(engine)
        engine.dispose()

    @pytest.fixture
    def proxy(self, postgresql_url: str) -> Iterator[CuttingProxy]:
        """A proxy in front of the test's database."""
        url = sa.make_url(postgresql_url)
        made = CuttingProxy(url.host or "127.0.0.1", url.port or 5432)
        yield made
        made.close()

    def test_a_beat_that_is_never_answered_is_given_up_for_a_new_connection(
        self, postgresql_url: str, proxy: CuttingProxy, queue: Queue
    ) -> None:
        execute(queue.engine, "update queue_settings set lease_seconds = 60, beat_seconds = 0.1")
        through = sa.make_url(postgresql_url).set(host="127.0.0.1", port=proxy.port)
        heartbeat = Heartbeat(through.render_as_string(hide_password=False), "worker", answer_seconds=1)
        heartbeat.start()
        try:
            wait_until(lambda: heartbeat.heard_at > 0)
            assert proxy.silence() > 0
            silent_from = time.monotonic()

            # At once, where only the connection was tried out; else after a failed beat.
            wait_until(lambda: heartbeat.heard_at > silent_from + 0.2)
        finally:
            heartbeat.end()

    def test_reap_ends_transactions_that_lapsed_workers_left_open_and_no_others(
        self, postgresql_url: str, queue: Queue
    ) -> None:
        execute(queue.engine, "update queue_settings set lease_seconds = 0.5, beat_seconds = 0.1")
        enqueue(queue, some_specs(2))
        stopped, other = queue.claim("stopped", 1), queue.claim("other", 1)
        execute(queue.engine, "update jobs set lease_until = now() + interval '1 hour' where worker_id = 'other'")
        engines = [open_engine(postgresql_url, application_name=name, pool_size=1) for name in ("stopped", "other")]
        with engines[0].connect() as left_open, engines[1].connect() as kept:
            for connection, (job,) in ((left_open, stopped), (kept, other)):
                connection.exec_driver_sql(f"select * from jobs where model_id = {job.model_id} for update")
            wait_until(lambda: [job.model_id for job in queue.reap()] == [stopped[0].model_id])
            assert scalar(queue.engine, "select count(*) from pg_stat_activity where application_name = 'stopped'") == 0
            assert kept.exec_driver_sql("select 1").scalar() == 1
            left_open.invalidate()
        for engine in engines:
            engine.dispose()
        assert query(queue.engine, "select state from jobs order by model_id") == [("queued",), ("running",)]
