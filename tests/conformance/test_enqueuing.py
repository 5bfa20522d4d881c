"""Enqueue: each spec once, whoever enqueues it how often (promise P11 of the queue)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.stored import model_columns
from sensdb.errors import QueueError
from sensdb.jobs import enqueuing
from sensdb.jobs.queue import Queue
from sensdb.jobs.records import Enqueued
from sensdb.results.writer import store
from tests.conformance.factories import (
    INFOS,
    a_result,
    a_spec,
    a_sweep,
    claim_one,
    enqueue,
    job_row,
    keep_weights,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)
from tests.conformance.processes import enqueue_the_same, enqueue_under_own_name, in_processes

LESS = MeasureSettings(points=0, spectral=False, transitions_points=0)
MORE = MeasureSettings(points=100, spectral=True, transitions_points=50)


class TestIdempotent:
    def test_p11_the_same_specs_again_add_nothing(self, queue: Queue) -> None:
        first = enqueue(queue, some_specs(5))
        before = query(queue.engine, "select * from jobs order by model_id")

        again = enqueue(queue, some_specs(5))

        assert first == Enqueued(n_specs=5, n_new=5)
        assert again == Enqueued(n_specs=5, n_queued_already=5)
        assert query(queue.engine, "select * from jobs order by model_id") == before

    def test_p11_four_processes_at_once_give_one_model_and_one_job_a_spec(
        self, queue: Queue, database_url: str
    ) -> None:
        counted = in_processes(enqueue_the_same, 4, database_url, 300)

        assert sum(one.n_new for one in counted) == 300
        assert scalar(queue.engine, "select count(*) from models") == 300
        assert states(queue.engine) == ["queued"] * 300
        assert scalar(queue.engine, "select count(*) from sweep_models") == 300

    def test_p11_processes_with_sweeps_of_their_own_share_the_models(self, queue: Queue, database_url: str) -> None:
        counted = in_processes(enqueue_under_own_name, 4, database_url, 100)

        assert sum(one.n_new for one in counted) == 100
        assert sum(one.n_joined for one in counted) == 300
        assert scalar(queue.engine, "select count(*) from models") == 100
        assert scalar(queue.engine, "select count(*) from sweep_models") == 400
        assert query(queue.engine, "select distinct priority from jobs") == [(3,)]

    def test_p11_after_a_kill_in_the_middle_the_same_call_completes_the_rest(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(enqueuing, "BATCH", 10)

        def killed(n_specs: int) -> None:
            if n_specs == 20:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            queue.enqueue(some_specs(35), sweep=a_sweep(), measure=LESS, infos=INFOS, progress=killed)

        assert len(states(queue.engine)) == 20
        assert enqueue(queue, some_specs(35), measure=LESS) == Enqueued(n_specs=35, n_new=15, n_queued_already=20)

    def test_a_spec_given_twice_counts_once_and_is_measured_as_both_want(self, queue: Queue) -> None:
        spec = a_spec()

        counted = enqueue(queue, [spec, spec], measure=[LESS, MORE])

        assert counted == Enqueued(n_specs=1, n_new=1)
        assert claim_one(queue).measure == MORE

    def test_finished_specs_are_not_queued_again(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        store(queue, [a_result(claim_one(queue))])

        assert enqueue(queue, some_specs(3)) == Enqueued(n_specs=3, n_new=1, n_queued_already=1, n_done_already=1)
        assert sorted(states(queue.engine)) == ["done", "queued", "queued"]

    def test_dead_and_cancelled_specs_are_counted_and_left(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))
        queue.fail(pairs([claim_one(queue)]), "E", "", "", permanent=True)
        queue.cancel(model_ids=[2])

        assert enqueue(queue, some_specs(3)) == Enqueued(n_specs=3, n_queued_already=1, n_dead=1, n_cancelled=1)
        assert states(queue.engine) == ["dead", "cancelled", "queued"]


class TestRows:
    def test_a_model_has_every_column_that_follows_from_its_spec(self, queue: Queue) -> None:
        spec = a_spec(3, hidden_layers=2, width=[3, 5], learning_rate=0.1 + 0.2, batch_size="full", label_noise=1)
        enqueue(queue, [spec])

        expected = model_columns(spec, INFOS["digits"])
        (row,) = query(queue.engine, f"select {', '.join(expected)} from models")
        assert dict(zip(expected, row, strict=True)) == expected

    def test_every_text_of_a_sweep_is_kept(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2), text="first")
        enqueue(queue, some_specs(3), text="second")
        enqueue(queue, some_specs(3), text="second")

        kept = query(queue.engine, "select definition, n_models from sweep_definitions order by n_models")
        assert kept == [("name: sweep\nfirst", 2), ("name: sweep\nsecond", 3)]

    def test_data_sets_are_noted_with_the_path_last_seen(self, queue: Queue) -> None:
        name = "npz:" + "c" * 64
        info = replace(INFOS["digits"], name=name)
        spec = replace(a_spec(), dataset=name)

        for path in (Path("/data/first.npz"), Path("/data/second.npz"), None):
            paths = {} if path is None else {name: path}
            queue.enqueue([spec], sweep=a_sweep(), measure=LESS, infos={name: info}, npz_paths=paths)

        assert query(queue.engine, "select dataset, name from datasets") == [(name, "second")]
        assert queue.dataset_path(name) == "/data/second.npz"
        assert queue.dataset_path("digits") is None

    def test_texts_with_quotes_newlines_and_emoji_are_bound_not_formatted(self, queue: Queue) -> None:
        odd = "'; drop table jobs; -- \" \n % %s :name ? 💥"

        queue.enqueue(some_specs(1), sweep=replace(a_sweep(odd), description=odd), measure=LESS, infos=INFOS)

        assert query(queue.engine, "select name, description from sweeps") == [(odd, odd)]
        assert queue.sweep_id(odd) == 1


class TestJoining:
    def test_a_second_sweep_raises_the_priority_and_never_lowers_it(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2), "first", priority=5)
        enqueue(queue, some_specs(1), "second", priority=9)
        enqueue(queue, some_specs(2), "third", priority=-3)

        assert [job["priority"] for job in queue.list_jobs(sweep="second")] == [9]
        assert sorted(job["priority"] for job in queue.list_jobs()) == [5, 9]

    def test_enqueued_again_with_a_larger_priority_all_of_the_sweep_follows(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        enqueue(queue, [a_spec(1)], priority=4, text="edited")
        enqueue(queue, [a_spec(1)], priority=2, text="edited")

        assert query(queue.engine, "select distinct priority from jobs") == [(4,)]
        assert query(queue.engine, "select priority from sweeps") == [(4,)]

    def test_what_is_measured_is_the_union_of_what_the_sweeps_want(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1), "first", measure=replace(LESS, points=7))
        enqueue(queue, some_specs(1), "second", measure=replace(LESS, spectral=True))

        assert claim_one(queue).measure == replace(LESS, points=7, spectral=True)

    def test_a_running_job_keeps_what_it_was_claimed_with_and_that_is_said(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1), measure=LESS)
        job = claim_one(queue)

        counted = enqueue(queue, some_specs(1), "second", measure=MORE)

        assert (counted.n_queued_already, counted.n_running_with_less) == (1, 1)
        assert job_row(queue.engine, job.model_id)["measure"] == LESS.canonical()

    def test_dead_and_cancelled_jobs_are_measured_for_both_once_retried(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1), measure=LESS)
        queue.cancel(model_ids=[1])
        enqueue(queue, some_specs(1), "second", priority=3, measure=MORE)

        queue.retry(model_ids=[1])

        assert claim_one(queue).measure == MORE
        assert job_row(queue.engine, 1)["priority"] == 3

    def test_a_done_model_with_weights_is_queued_for_what_it_lacks(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2), measure=LESS)
        store(queue, [a_result(job) for job in queue.claim("worker", 2)])
        keep_weights(queue.engine, 1)

        counted = enqueue(queue, some_specs(2), "second", measure=MORE)

        assert (counted.n_done_already, counted.n_measured_again, counted.n_without_weights) == (2, 1, 1)
        assert states(queue.engine) == ["queued", "done"]
        job = claim_one(queue)
        assert (job.kind, job.attempt, job.measure) == ("measure", 2, MORE)
        assert job.pack_key.startswith("measure/digits/")

    def test_a_done_model_that_lacks_nothing_stays_done(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1), measure=MORE)
        store(queue, [a_result(claim_one(queue))])
        keep_weights(queue.engine, 1)

        counted = enqueue(queue, some_specs(1), "second", measure=replace(LESS, keep_weights=True))

        assert counted == Enqueued(n_specs=1, n_done_already=1, n_joined=1)
        assert states(queue.engine) == ["done"]

    def test_models_of_earlier_texts_are_counted(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5), text="first")

        counted = enqueue(queue, [a_spec(3), a_spec(4), a_spec(5)], text="second")

        assert (counted.n_new, counted.n_queued_already, counted.n_earlier) == (1, 2, 3)

    def test_models_of_a_paused_sweep_wait_and_are_counted(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        queue.pause("sweep")

        counted = enqueue(queue, some_specs(3))

        assert (counted.n_new, counted.n_held) == (2, 2)
        assert queue.claim("worker", 5) == []

    def test_a_sweep_that_is_not_paused_frees_the_models_it_joins(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3), "paused")
        queue.pause("paused")

        enqueue(queue, some_specs(2), "running")

        assert len(queue.claim("worker", 5)) == 2


class TestPreview:
    @pytest.mark.parametrize("sweep", ["sweep", "new"])
    def test_it_counts_what_enqueue_then_does_and_writes_nothing(self, queue: Queue, sweep: str) -> None:
        enqueue(queue, some_specs(6), measure=LESS)
        store(queue, [a_result(job) for job in queue.claim("worker", 2)])
        keep_weights(queue.engine, 1)
        queue.fail(pairs([claim_one(queue)]), "E", "", "", permanent=True)
        queue.cancel(model_ids=[4])
        wanted = [a_spec(seed) for seed in (0, 1, 2, 3, 4, 5, 8, 8)]
        before = query(queue.engine, "select * from jobs order by model_id")

        foreseen = queue.preview(wanted, sweep=sweep, measure=MORE)

        assert query(queue.engine, "select * from jobs order by model_id") == before
        assert foreseen == enqueue(queue, wanted, sweep, measure=MORE)

    def test_of_a_paused_sweep_it_says_what_would_wait(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        queue.pause("sweep")

        assert queue.preview([a_spec(1), a_spec(2)], sweep="sweep", measure=LESS) == Enqueued(
            n_specs=2, n_new=1, n_queued_already=1, n_held=1, n_earlier=1
        )


class TestDeletedMeanwhile:
    def test_a_sweep_deleted_in_the_meantime_is_an_error_that_says_so(self, queue: Queue) -> None:
        nothing = enqueuing.make_ready(queue.engine, queue.dialect, [], INFOS)
        with pytest.raises(QueueError) as raised, queue.engine.connect() as connection:
            enqueuing.enqueue_batch(connection, queue.dialect, 99, nothing, INFOS)

        assert raised.value.message == "the sweep was deleted while its models were enqueued."
        assert raised.value.hint == "enqueue it again."
