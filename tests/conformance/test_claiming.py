"""Claim: who gets what, in which order, and at which cost (promises P1, P2, P13 of the queue)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.jobs.claiming import Only, claim_sql, probe_sql
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_spec,
    a_worker,
    claim_one,
    enqueue,
    execute,
    expire,
    job_row,
    make_due,
    many_models,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)
from tests.conformance.processes import claim_everything, claim_once_and_die, in_processes

pytestmark = pytest.mark.long


class TestOneOwner:
    @pytest.mark.parametrize("limit", [1, 7])
    def test_p1_eight_processes_share_a_queue_and_no_job_is_handed_out_twice(
        self, queue: Queue, database_url: str, limit: int
    ) -> None:
        enqueue(queue, some_specs(200))

        claimed = in_processes(claim_everything, 8, database_url, limit)

        handed_out = [pair for pairs_of_one in claimed for pair in pairs_of_one]
        assert sorted(handed_out) == [
            (model_id, 1) for (model_id,) in query(queue.engine, "select model_id from jobs order by 1")
        ]
        assert scalar(queue.engine, "select count(*) from attempts where outcome is null") == 200

    def test_p1_a_running_job_is_not_claimed_by_another(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        queue.claim("first", 2)

        jobs = queue.claim("second", 3)

        assert len(jobs) == 1
        assert queue.claim("third", 3) == []

    def test_a_lapsed_lease_alone_gives_the_job_to_nobody_else(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        expire(queue.engine, claim_one(queue).model_id)

        assert queue.claim("second", 1) == []


class TestCountedAtClaim:
    def test_p2_a_claim_adds_one_to_the_attempt_and_notes_it_at_once(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))

        job = claim_one(queue)

        assert job.attempt == 1
        assert job_row(queue.engine, job.model_id)["attempt"] == 1
        assert query(queue.engine, "select model_id, attempt, kind, worker_id, outcome from attempts") == [
            (job.model_id, 1, "train", "worker", None)
        ]

    def test_p2_a_worker_killed_right_after_its_claim_has_used_the_attempt(
        self, queue: Queue, database_url: str
    ) -> None:
        enqueue(queue, some_specs(1))

        in_processes(claim_once_and_die, 1, database_url)

        (model_id,) = query(queue.engine, "select model_id from jobs")[0]
        expire(queue.engine, model_id)
        queue.reap()
        assert claim_one(queue).attempt == 2

    def test_p2_a_number_is_never_given_out_again(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        seen = []
        for end in (queue.release, lambda given: queue.fail(given, "E", "", ""), queue.release):
            job = claim_one(queue)
            end(pairs([job]))
            make_due(queue.engine)
            seen.append(job.attempt)

        assert [*seen, claim_one(queue).attempt] == [1, 2, 3, 4]


class TestOrder:
    def test_higher_priority_comes_first_then_the_older_model(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        enqueue(queue, [a_spec(10), a_spec(11)], "urgent", priority=5)
        urgent = [row[0] for row in query(queue.engine, "select model_id from jobs where priority = 5 order by 1")]
        others = [row[0] for row in query(queue.engine, "select model_id from jobs where priority = 0 order by 1")]

        claimed = [claim_one(queue).model_id for _ in range(4)]

        assert claimed == urgent + others

    def test_jobs_of_one_claim_have_the_pack_key_of_the_first(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3, width=8))
        enqueue(queue, some_specs(3, width=16), "urgent", priority=1)

        jobs = queue.claim("worker", 10)

        assert {job.spec.width for job in jobs} == {16}
        assert len(jobs) == 3
        assert {job.spec.width for job in queue.claim("worker", 10)} == {8}

    def test_a_claim_takes_no_more_than_its_limit(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5))

        assert len(queue.claim("worker", 3)) == 3

    def test_an_empty_queue_gives_nothing(self, queue: Queue) -> None:
        assert queue.claim("worker", 64) == []

    def test_a_job_carries_its_spec_and_what_to_measure(self, queue: Queue) -> None:
        spec = a_spec(7, width=[3, 5], hidden_layers=2)
        enqueue(queue, [spec])

        assert claim_one(queue).spec == spec


class TestFilters:
    def test_pack_keys_on_the_skip_list_are_passed_over(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2, width=8), priority=9)
        enqueue(queue, some_specs(2, width=16), "other")
        skipped = claim_one(queue)
        queue.release(pairs([skipped]))

        jobs = queue.claim("worker", 10, skip=frozenset({skipped.pack_key}))

        assert {job.spec.width for job in jobs} == {16}
        assert queue.busy(skip={skipped.pack_key, jobs[0].pack_key}) == 0
        assert queue.busy() == 4

    def test_a_worker_of_one_sweep_gets_jobs_of_that_sweep_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4), priority=9)
        enqueue(queue, [a_spec(3), a_spec(4)], "mine")

        jobs = queue.claim("worker", 10, sweep_id=queue.sweep_id("mine"))

        assert {job.spec.seed for job in jobs} == {3, 4}

    def test_one_models_job_can_be_claimed_before_all_others(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4))

        assert pairs(queue.claim("worker", 10, model_id=3)) == [(3, 1)]
        assert queue.claim("worker", 10, model_id=3) == []

    def test_a_running_pack_gets_more_jobs_of_its_own_key_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2, width=8))
        enqueue(queue, some_specs(5, width=16), "other")
        pack = queue.claim("worker", 1, sweep_id=queue.sweep_id("other"))

        more = queue.claim("worker", 3, pack_key=pack[0].pack_key)

        assert [job.spec.width for job in more] == [16, 16, 16]
        assert len(queue.claim("worker", 9, pack_key=pack[0].pack_key)) == 1
        assert queue.claim("worker", 9, pack_key=pack[0].pack_key) == []
        assert {job.spec.width for job in queue.claim("worker", 9)} == {8}

    def test_a_running_pack_gets_no_more_while_a_job_of_a_higher_priority_waits(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5, width=16))
        pack_key = claim_one(queue).pack_key
        enqueue(queue, some_specs(1, width=8), "urgent", priority=5)

        held_back = queue.claim("worker", 9, pack_key=pack_key)
        of_the_sweep = queue.claim("worker", 1, pack_key=pack_key, sweep_id=queue.sweep_id("sweep"))
        urgent = claim_one(queue)

        assert held_back == []
        assert len(of_the_sweep) == 1
        assert urgent.spec.width == 8
        assert len(queue.claim("worker", 9, pack_key=pack_key)) == 3

    def test_work_that_a_worker_skips_keeps_none_from_its_pack_whatever_its_priority(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3, width=16))
        pack_key = claim_one(queue).pack_key
        enqueue(queue, some_specs(1, width=8), "impossible here", priority=5)
        skipped = claim_one(queue)
        queue.release(pairs([skipped]))

        more = queue.claim("worker", 9, pack_key=pack_key, skip={skipped.pack_key})

        assert len(more) == 2

    def test_a_share_counts_what_is_queued_or_running_up_to_where_asked(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5))
        enqueue(queue, [a_spec(3), a_spec(14)], "mine")
        queue.claim("worker", 2)

        assert queue.fair_share(at_most=3) == 3
        assert queue.fair_share(at_most=100) == 6
        assert queue.fair_share(queue.sweep_id("mine"), at_most=100) == 2
        assert queue.count_unfinished(queue.sweep_id("mine")) == 2

    def test_a_share_is_even_among_the_workers_alive(self, queue: Queue) -> None:
        enqueue(queue, some_specs(7))
        for number in range(3):
            queue.register_worker(a_worker(f"worker-{number}"))
        assert queue.fair_share(at_most=100) == 3
        assert queue.fair_share(at_most=2) == 2

        queue.stop_worker("worker-0")
        assert queue.fair_share(at_most=100) == 4
        sql = "update workers set beat_at = '2020-01-01 00:00:00.000000' where worker_id = 'worker-1'"
        execute(queue.engine, sql)
        assert queue.fair_share(at_most=100) == 7

    def test_nothing_is_shared_of_an_empty_queue(self, queue: Queue) -> None:
        assert queue.fair_share(at_most=100) == 0


class TestBisection:
    def test_p8_a_killer_costs_others_two_losses_at_most_and_dies_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(100))
        sizes = []
        while jobs := queue.claim("worker", 100):
            if jobs[0].model_id == 1:
                sizes.append(len(jobs))
                expire(queue.engine, *(job.model_id for job in jobs))
                queue.reap()
            else:
                store(queue, [a_result(job, 0) for job in jobs])

        assert sizes == [100, 12, 1, 1, 1]
        assert states(queue.engine) == ["dead"] + 99 * ["done"]
        assert scalar(queue.engine, "select max(losses) from jobs where state = 'done'") == 2

    def test_jobs_with_losses_are_not_claimed_beside_jobs_without(self, queue: Queue) -> None:
        enqueue(queue, some_specs(10))
        first = claim_one(queue)
        expire(queue.engine, first.model_id)
        queue.reap()

        suspects, others = queue.claim("worker", 10), queue.claim("worker", 10)

        assert pairs(suspects) == [(first.model_id, 2)]
        assert [job.losses for job in suspects] == [1]
        assert len(others) == 9

    def test_a_job_with_losses_joins_no_running_pack(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        first = claim_one(queue)
        expire(queue.engine, first.model_id)
        queue.reap()

        more = queue.claim("worker", 10, pack_key=first.pack_key)

        assert first.model_id not in [job.model_id for job in more]
        assert [job.losses for job in more] == [0, 0]


class TestCost:
    @pytest.mark.parametrize("n_packs", [1, 10])
    @pytest.mark.parametrize("n", [1_000, 20_000])
    def test_p13_a_claim_reads_index_entries_of_its_own_size(self, queue: Queue, n: int, n_packs: int) -> None:
        enqueue(queue, some_specs(1))
        many_models(queue.engine, n)
        execute(queue.engine, "update jobs set pack_key = pack_key || cast(model_id % :n as text)", n=n_packs)
        execute(queue.engine, "analyze")

        if queue.engine.dialect.name == "sqlite":
            plan = _sqlite_plan(queue, claim_sql(queue.dialect))
            assert "SCAN jobs USING INDEX ix_jobs_queued " in plan
            assert "SEARCH jobs USING INDEX ix_jobs_queued_pack" in plan or n_packs == 1
            assert "SEARCH jobs USING INTEGER PRIMARY KEY" in plan
            assert plan.count(" jobs ") == 3
            assert "TEMP B-TREE" not in plan
        else:
            assert queue.engine.dialect.name == "postgresql"
            nodes = _postgresql_scans(queue, claim_sql(queue.dialect))
            used = {node.get("Index Name") for node in nodes}
            # With one pack key either index is as good.
            assert used == {"ix_jobs_queued", "pk_jobs"} | ({"ix_jobs_queued_pack"} if n_packs > 1 else set())
            assert all(node["Node Type"] != "Seq Scan" for node in nodes)
            assert sum(_rows(node) for node in nodes) <= 4 * 64

    @pytest.mark.parametrize("n", [1_000, 20_000])
    def test_p13_a_claim_for_a_running_pack_reads_index_entries_of_its_own_size(self, queue: Queue, n: int) -> None:
        enqueue(queue, some_specs(1))
        many_models(queue.engine, n)
        execute(queue.engine, "update jobs set pack_key = cast(model_id % 10 as text)")
        execute(queue.engine, "analyze")
        only = Only(pack_key="7")

        if queue.engine.dialect.name == "sqlite":
            plan = _sqlite_plan(queue, claim_sql(queue.dialect, only), **only.values())
            assert plan.count("SEARCH jobs USING INDEX ix_jobs_queued_pack (pack_key=? AND priority>?) ") == 2
            assert plan.count("SCAN jobs USING INDEX ix_jobs_queued ") == 2
            assert plan.count(" jobs ") == 5
            assert "TEMP B-TREE" not in plan
        else:
            assert queue.engine.dialect.name == "postgresql"
            nodes = _postgresql_scans(queue, claim_sql(queue.dialect, only), **only.values())
            assert {node.get("Index Name") for node in nodes} == {"ix_jobs_queued", "ix_jobs_queued_pack", "pk_jobs"}
            assert sum(_rows(node) for node in nodes) <= 4 * 64

    def test_p13_the_probe_of_an_idle_worker_uses_the_index(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        many_models(queue.engine, 2_000)
        execute(queue.engine, "analyze")

        sql = probe_sql(queue.dialect)
        if queue.engine.dialect.name == "sqlite":
            assert "ix_jobs_queued" in _sqlite_plan(queue, sql)
        else:
            assert queue.engine.dialect.name == "postgresql"
            assert {node.get("Index Name") for node in _postgresql_scans(queue, sql)} == {"ix_jobs_queued"}


_CLAIM = {"n": 64, "worker_id": "worker", "lease_seconds": 120.0}


def _sqlite_plan(queue: Queue, sql: str, **values: object) -> str:
    with queue.engine.connect() as connection:
        rows = connection.execute(sa.text(f"explain query plan {sql}"), _CLAIM | values).all()
    return "\n".join(str(row.detail) + " " for row in rows)


def _postgresql_scans(queue: Queue, sql: str, **values: object) -> list[dict[str, Any]]:
    """The nodes that read `jobs`, with the rows they read; the statement is rolled back."""
    with queue.engine.connect() as connection:
        text = connection.execute(sa.text(f"explain (analyze, format json) {sql}"), _CLAIM | values).scalar_one()
        connection.rollback()
    plan = text if isinstance(text, list) else json.loads(text)
    return [
        node for node in _nodes(plan[0]["Plan"]) if node.get("Relation Name") == "jobs" and "Scan" in node["Node Type"]
    ]


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in _nodes(part))]


def _rows(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"]) * float(node["Actual Loops"]) + float(node.get("Rows Removed by Filter", 0))
