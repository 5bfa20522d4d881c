"""A COMMIT whose answer is lost is looked up, never repeated blindly (queue-lessons.md 5).

PostgreSQL alone: SQLite has no connection to lose.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Queue
from sensdb.jobs.transactions import CommitUnknown, transact
from sensdb.results.rows import prepare_points, write_points
from sensdb.results.writer import store
from tests.conformance.factories import a_result, all_points, claim_one, enqueue, pairs, query, some_specs, states
from tests.conformance.proxy import Cut, CuttingProxy

CUTS: tuple[Cut, ...] = ("before", "after")


@pytest.fixture
def direct(postgresql_url: str) -> Iterator[Queue]:
    """The queue, reached without the proxy."""
    engine = open_engine(postgresql_url)
    yield Queue(engine)
    engine.dispose()


@pytest.fixture
def proxy(postgresql_url: str) -> Iterator[CuttingProxy]:
    """A proxy in front of the test's database."""
    url = sa.make_url(postgresql_url)
    made = CuttingProxy(url.host or "127.0.0.1", url.port or 5432)
    yield made
    made.close()


@pytest.fixture
def queue(postgresql_url: str, proxy: CuttingProxy) -> Iterator[Queue]:
    """The queue, reached through the proxy."""
    url = sa.make_url(postgresql_url).set(host="127.0.0.1", port=proxy.port)
    engine = open_engine(url.render_as_string(hide_password=False), pool_size=1)
    made = Queue(engine)
    assert made.settings.lease_seconds == 120
    yield made
    engine.dispose()


@pytest.mark.parametrize("cut", CUTS)
def test_the_end_of_a_cut_commit_is_unknown(queue: Queue, proxy: CuttingProxy, direct: Queue, cut: Cut) -> None:
    proxy.arm(cut)

    with pytest.raises(CommitUnknown, match=r"the connection broke during COMMIT\.$"):
        enqueue(queue, [], "sweep")

    assert len(query(direct.engine, "select * from sweeps")) == (1 if cut == "after" else 0)


@pytest.mark.parametrize("cut", CUTS)
def test_a_finish_is_stored_once_and_counts_as_accepted(
    queue: Queue, proxy: CuttingProxy, direct: Queue, cut: Cut
) -> None:
    enqueue(queue, some_specs(3))
    results = [a_result(job) for job in queue.claim("worker", 3)]
    proxy.arm(cut)

    accepted = store(queue, results)

    assert accepted == [result.pair for result in results]
    assert states(direct.engine) == ["done"] * 3
    assert query(direct.engine, "select count(*), count(distinct result_id) from model_metrics") == [(3, 3)]
    assert query(direct.engine, "select count(*) from point_metrics") == [(9,)]


@pytest.mark.parametrize("cut", CUTS)
def test_a_claim_is_known_or_was_not_made(queue: Queue, proxy: CuttingProxy, direct: Queue, cut: Cut) -> None:
    enqueue(queue, some_specs(3))
    proxy.arm(cut)

    claimed = queue.claim("worker", 2)

    assert len(claimed) == (2 if cut == "after" else 0)
    assert [beat[:2] for beat in direct.beat("worker")] == pairs(claimed)


def test_a_claim_that_is_committed_late_is_found_by_the_next(queue: Queue, proxy: CuttingProxy, direct: Queue) -> None:
    enqueue(queue, some_specs(3))
    queue.engine.dispose()
    proxy.arm("late")

    assert queue.claim("worker", 2) == []
    queue.engine.dispose()
    proxy.let_through()
    claimed = queue.claim("worker", 2)

    assert len(claimed) == 2
    assert [beat[:2] for beat in direct.beat("worker")] == pairs(claimed)
    assert len(queue.claim("worker", 2)) == 1


def test_a_claim_whose_answer_is_lost_finds_its_own_jobs_among_those_that_run(
    queue: Queue, proxy: CuttingProxy
) -> None:
    enqueue(queue, some_specs(5))
    before = queue.claim("worker", 2)
    proxy.arm("after")

    claimed = queue.claim("worker", 2)

    assert pairs(before + claimed) == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert all(job.spec in some_specs(5) for job in claimed)


def test_jobs_of_two_lost_claims_are_found_by_one_pack_key_at_a_time(
    queue: Queue, proxy: CuttingProxy, direct: Queue
) -> None:
    enqueue(queue, some_specs(2, width=8))
    enqueue(queue, some_specs(2, width=16), "other")
    proxy.arm("after")
    first = direct.claim("worker", 2)
    claimed = queue.claim("worker", 2)

    found = queue.claim("worker", 2)

    assert [job.spec.width for job in claimed] == [8, 8]
    assert (pairs(claimed), [job.spec.width for job in found]) == (pairs(first), [16, 16])


@pytest.mark.parametrize("cut", CUTS)
def test_a_repeated_release_ends_as_one(queue: Queue, proxy: CuttingProxy, direct: Queue, cut: Cut) -> None:
    enqueue(queue, some_specs(1))
    job = claim_one(queue)
    proxy.arm(cut)

    with pytest.raises(DatabaseError):
        queue.release(pairs([job]))
    queue.release(pairs([job]))

    assert direct.attempt_outcome(pairs([job])) == {(1, 1): "released"}
    assert states(direct.engine) == ["queued"]


def test_a_connection_cut_in_the_middle_of_a_copy_stores_nothing(direct: Queue, queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    job = claim_one(queue)
    rows = prepare_points("postgresql", job.model_id, all_points(1000))

    def cut(connection: sa.Connection) -> None:
        queue.close(connection, pairs([job]))
        backend = connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
        query(direct.engine, "select pg_terminate_backend(:pid, 5000)", pid=backend)
        write_points(connection, [rows])

    with pytest.raises(DatabaseError):
        transact(queue.engine, cut)

    assert states(direct.engine) == ["running"]
    assert store(queue, [a_result(job)]) == pairs([job])
