"""Cancel, retry, pause, resume, prioritise, measure again (promises P10, P12 of the queue)."""

from __future__ import annotations

import pytest

from sensdb.definitions.measure import MeasureSettings
from sensdb.errors import NothingMatched, UsageError
from sensdb.jobs.queue import Queue
from sensdb.jobs.records import Cancelled, Remeasured
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_spec,
    claim_one,
    enqueue,
    execute,
    expire,
    job_row,
    keep_weights,
    make_due,
    pairs,
    query,
    some_specs,
    states,
)


class TestCancel:
    def test_p10_a_queued_job_is_cancelled_at_once(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))

        assert queue.cancel(model_ids=[1]) == Cancelled(n_cancelled=1, n_requested=0, n_shared=0)
        assert states(queue.engine) == ["cancelled", "queued"]

    def test_p10_a_running_job_hears_of_it_with_its_next_beat(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        queue.claim("worker", 2)

        assert queue.cancel(model_ids=[2]) == Cancelled(n_cancelled=0, n_requested=1, n_shared=0)
        assert [beat.cancel_requested for beat in queue.beat("worker")] == [False, True]

    @pytest.mark.parametrize("ending", ["fail", "release", "reap"])
    def test_p10_a_running_job_ends_cancelled_by_the_first_ending(self, queue: Queue, ending: str) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        queue.cancel(model_ids=[1])

        if ending == "fail":
            queue.fail(pairs([job]), "E", "", "")
        elif ending == "release":
            queue.release(pairs([job]))
        else:
            expire(queue.engine, 1)
            queue.reap()

        row = job_row(queue.engine, 1)
        assert (row["state"], bool(row["cancel_requested"])) == ("cancelled", False)
        assert row["finished_at"] is not None

    def test_p10_a_finish_that_comes_first_wins_and_is_kept(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        queue.cancel(model_ids=[1])

        assert store(queue, [a_result(job)]) == pairs([job])
        assert states(queue.engine) == ["done"]
        assert not job_row(queue.engine, 1)["cancel_requested"]

    def test_ended_jobs_are_left_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        store(queue, [a_result(claim_one(queue))])

        assert queue.cancel(model_ids=[1, 99]) == Cancelled(0, 0, 0)
        assert states(queue.engine) == ["done"]

    def test_a_cancelled_sweep_leaves_models_that_a_live_sweep_shares(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5), "mine")
        enqueue(queue, some_specs(2), "other")

        assert queue.cancel(sweep="mine") == Cancelled(n_cancelled=3, n_requested=0, n_shared=2)
        assert queue.cancel(sweep=["mine", "other"]) == Cancelled(n_cancelled=2, n_requested=0, n_shared=0)

    def test_a_paused_sweep_keeps_no_model_of_a_cancelled_one_alive(self, queue: Queue) -> None:
        enqueue(queue, some_specs(5), "mine")
        enqueue(queue, some_specs(2), "other")
        queue.pause("other")

        assert queue.cancel(sweep="mine").n_cancelled == 5


class TestRetry:
    @pytest.mark.parametrize("ended", ["dead", "cancelled"])
    def test_p12_dead_and_cancelled_jobs_are_queued_with_fresh_budgets_and_their_old_number(
        self, queue: Queue, ended: str
    ) -> None:
        enqueue(queue, some_specs(1))
        for _ in range(2):
            expire(queue.engine, claim_one(queue).model_id)
            queue.reap()
        queue.fail(pairs([claim_one(queue)]), "E", "", "", permanent=ended == "dead")
        queue.cancel(model_ids=[1])
        assert states(queue.engine) == [ended]

        assert queue.retry(model_ids=[1]) == 1

        row = job_row(queue.engine, 1)
        assert (row["state"], row["exceptions"], row["losses"], row["attempt"]) == ("queued", 0, 0, 3)
        assert row["finished_at"] is None
        assert claim_one(queue).attempt == 4

    def test_p12_nothing_else_is_touched_and_repeating_it_is_safe(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4))
        store(queue, [a_result(claim_one(queue))])
        claim_one(queue)
        queue.cancel(model_ids=[3])
        before = [job_row(queue.engine, model_id) for model_id in (1, 2, 4)]

        assert [queue.retry(sweep="sweep"), queue.retry(sweep="sweep")] == [1, 0]
        assert [job_row(queue.engine, model_id) for model_id in (1, 2, 4)] == before

    def test_one_state_can_be_retried_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        queue.fail(pairs([claim_one(queue)]), "E", "", "", permanent=True)
        queue.cancel(model_ids=[2])

        assert queue.retry(sweep="sweep", states=["dead"]) == 1
        assert states(queue.engine) == ["queued", "cancelled"]

    def test_a_state_that_cannot_be_retried_is_refused(self, queue: Queue) -> None:
        with pytest.raises(UsageError) as raised:
            queue.retry(model_ids=[1], states=["done"])

        assert raised.value.message == "retry: 'done' is none of dead, cancelled."
        assert raised.value.hint == "--retrain trains done models once more."

    def test_a_retried_job_follows_its_sweeps_as_they_are_now(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        queue.cancel(model_ids=[1, 2])
        queue.pause("sweep")
        queue.prioritise("sweep", 7)

        queue.retry(sweep="sweep")

        assert query(queue.engine, "select distinct held, priority from jobs") == [(True, 7)]
        assert queue.claim("worker", 2) == []

    def test_done_models_are_trained_again_on_request_and_keep_their_result_until_then(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        store(queue, [a_result(claim_one(queue))])

        assert queue.retry(sweep="sweep", retrain=True) == 1

        assert states(queue.engine) == ["queued", "queued"]
        assert query(queue.engine, "select count(*) from model_metrics") == [(1,)]
        job = claim_one(queue)
        assert (job.kind, job.attempt) == ("train", 2)

    def test_an_imported_network_cannot_be_trained_again(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1))
        store(queue, [a_result(claim_one(queue))])
        execute(queue.engine, f"update models set source_sha256 = '{'d' * 64}'")

        assert queue.retry(model_ids=[1], retrain=True) == 0


class TestPause:
    def test_jobs_of_a_paused_sweep_are_not_claimed_until_it_is_resumed(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))

        assert queue.pause("sweep") == 3
        assert queue.claim("worker", 3) == []
        assert queue.busy() == 0
        assert queue.resume("sweep") == 3
        assert len(queue.claim("worker", 3)) == 3

    def test_running_jobs_of_a_paused_sweep_hear_of_it_and_may_finish(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)

        queue.pause("sweep")

        assert [beat.held for beat in queue.beat("worker")] == [True, True]
        assert store(queue, [a_result(jobs[0])]) == pairs(jobs[:1])
        queue.release(pairs(jobs[1:]))
        assert queue.claim("worker", 1) == []

    def test_a_job_waits_only_if_all_its_sweeps_are_paused(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3), "first")
        enqueue(queue, some_specs(1), "second")

        assert queue.pause("first") == 2
        assert [job.spec.seed for job in queue.claim("worker", 3)] == [0]
        assert queue.pause("second") == 1
        assert queue.resume(["first", "second"]) == 3

    def test_pausing_twice_changes_nothing(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3))

        assert [queue.pause("sweep"), queue.pause("sweep")] == [3, 0]
        assert query(queue.engine, "select paused from sweeps") == [(True,)]


class TestPriority:
    def test_a_job_has_the_largest_priority_of_its_sweeps(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3), "first")
        enqueue(queue, some_specs(1), "second", priority=5)

        assert queue.prioritise("first", 9) == 3
        assert queue.prioritise("first", 1) == 3
        assert sorted(job["priority"] for job in queue.list_jobs()) == [1, 1, 5]

    def test_ended_jobs_keep_theirs(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        store(queue, [a_result(claim_one(queue))])

        assert queue.prioritise("sweep", 2) == 1


class TestMeasure:
    def _done(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2), measure=MeasureSettings(points=5, spectral=False))
        store(queue, [a_result(job) for job in queue.claim("worker", 2)])
        keep_weights(queue.engine, 1)

    def test_done_models_with_weights_are_queued_for_measuring_with_fresh_budgets(self, queue: Queue) -> None:
        self._done(queue)
        execute(queue.engine, "update jobs set exceptions = 1")

        answer = queue.measure(sweep="sweep", settings=MeasureSettings(points=9, spectral=False))

        assert answer == Remeasured(n_queued=1, n_without_weights=1)
        row = job_row(queue.engine, 1)
        assert (row["state"], row["kind"], row["exceptions"], row["finished_at"]) == ("queued", "measure", 0, None)
        job = claim_one(queue)
        assert job.measure == MeasureSettings(points=9, spectral=False)
        assert job.pack_key == "measure/" + queue.list_jobs(["done"])[0]["pack_key"]  # type: ignore[operator]

    def test_without_settings_they_are_measured_as_before(self, queue: Queue) -> None:
        self._done(queue)

        queue.measure(model_ids=[1])

        assert claim_one(queue).measure == MeasureSettings(points=5, spectral=False)

    def test_measuring_twice_marks_the_pack_key_once(self, queue: Queue) -> None:
        self._done(queue)
        for _ in range(2):
            queue.measure(model_ids=[1])
            job = claim_one(queue)
            store(queue, [a_result(job)])

        assert job.pack_key.count("measure/") == 1
        queue.retry(model_ids=[1], retrain=True)
        assert not claim_one(queue).pack_key.startswith("measure/")

    @pytest.mark.parametrize("how", ["cancel queued", "cancel running", "spent", "permanent", "lost"])
    def test_whatever_happens_it_returns_to_done_with_its_result_untouched(self, queue: Queue, how: str) -> None:
        self._done(queue)
        before = query(queue.engine, "select * from model_metrics order by model_id")
        queue.measure(model_ids=[1])

        _spoil(queue, how)

        assert states(queue.engine) == ["done", "done"]
        assert query(queue.engine, "select * from model_metrics order by model_id") == before

    @pytest.mark.parametrize("how", ["cancel queued", "cancel running", "spent", "permanent", "lost"])
    def test_an_imported_network_without_a_result_ends_dead(self, queue: Queue, how: str) -> None:
        enqueue(queue, some_specs(1))
        execute(queue.engine, "update jobs set kind = 'measure'")

        _spoil(queue, how)

        assert states(queue.engine) == ["dead"]

    def test_models_that_are_not_done_are_left_alone(self, queue: Queue) -> None:
        enqueue(queue, some_specs(2))
        keep_weights(queue.engine, 1)

        assert queue.measure(sweep="sweep") == Remeasured(0, 0)


class TestNames:
    def test_a_sweep_that_does_not_exist_is_named_with_the_nearest(self, queue: Queue) -> None:
        enqueue(queue, some_specs(1), "depth-and-labels")

        with pytest.raises(NothingMatched) as raised:
            queue.cancel(sweep="depth-and-label")

        assert raised.value.message == "no sweep 'depth-and-label'."
        assert raised.value.hint == "did you mean 'depth-and-labels'? sensdb status lists the sweeps."

    def test_without_any_sweep_the_hint_says_how_to_make_one(self, queue: Queue) -> None:
        with pytest.raises(NothingMatched) as raised:
            queue.pause("anything")

        assert raised.value.hint == "sensdb enqueue makes the first."

    def test_a_request_names_sweeps_or_models(self, queue: Queue) -> None:
        with pytest.raises(ValueError, match=r"give either sweeps or model_ids\."):
            queue.cancel()


class TestListing:
    def test_jobs_can_be_listed_by_state_and_sweep(self, queue: Queue) -> None:
        enqueue(queue, some_specs(3), "first")
        enqueue(queue, [a_spec(2), a_spec(7)], "second")
        claim_one(queue)

        assert [job["model_id"] for job in queue.list_jobs(["running", "dead"])] == [1]
        assert {job["seed"] for job in queue.list_jobs(sweep="second")} == {2, 7}
        assert len(queue.list_jobs(limit=2)) == 2

    def test_progress_counts_states_by_sweep(self, queue: Queue) -> None:
        enqueue(queue, some_specs(4), "first")
        store(queue, [a_result(claim_one(queue))])
        claim_one(queue)

        (progress,) = queue.progress()

        counted = {name: progress[name] for name in ("sweep", "queued", "running", "done", "dead", "n_models")}
        assert counted == {"sweep": "first", "queued": 2, "running": 1, "done": 1, "dead": 0, "n_models": 4}
        assert progress["share_done"] == 0.25


def _spoil(queue: Queue, how: str) -> None:
    """End a job of kind measure in another way than by its result."""
    if how == "cancel queued":
        queue.cancel(model_ids=[1])
        return
    for _ in range(5):
        jobs = queue.claim("worker", 1)
        if not jobs:
            return
        if how == "cancel running":
            queue.cancel(model_ids=[1])
            queue.release(pairs(jobs))
        elif how == "lost":
            expire(queue.engine, 1)
            queue.reap()
        else:
            queue.fail(pairs(jobs), "E", "", "", permanent=how == "permanent")
            make_due(queue.engine)
