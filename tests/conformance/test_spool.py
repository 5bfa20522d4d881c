"""Results that wait on disk: what is stored of them, what is kept aside (promise P16 of the queue)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sensdb.errors import ArtifactError, DatabaseError, WorkerFault
from sensdb.jobs.queue import Queue
from sensdb.results.artifacts import Artifact
from sensdb.results.spool import REFUSED, Spool
from sensdb.results.spooled import read_result, result_bytes
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    claim_one,
    enqueue,
    expire,
    forbid_points,
    job_row,
    pairs,
    query,
    scalar,
    some_specs,
    states,
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool of the worker that claims."""
    return Spool(tmp_path / "spool", "worker")


def _lose(queue: Queue, *model_ids: int) -> None:
    expire(queue.engine, *model_ids)
    assert [job.model_id for job in queue.reap()] == list(model_ids)


def _kept_aside(spool: Spool) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in (spool._folder / REFUSED).glob("*"))


class TestTakingIn:
    def test_p16_a_result_whose_attempt_still_runs_is_stored(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        for job in jobs:
            spool.put(a_result(job))
        assert spool.waiting == set(pairs(jobs))

        taken = spool.take_in(queue)

        assert (taken.stored, taken.refused) == (pairs(jobs), [])
        assert states(queue.engine) == ["done", "done"]
        assert scalar(queue.engine, "select count(*) from point_metrics") == 6
        assert spool.waiting == set()

    def test_p16_a_lost_attempt_that_nothing_followed_is_adopted(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        spool.put(a_result(job))
        _lose(queue, job.model_id)

        assert spool.take_in(queue).stored == pairs([job])

        row = job_row(queue.engine, job.model_id)
        assert (row["state"], row["losses"], row["worker_id"]) == ("done", 1, "worker")
        assert query(queue.engine, "select attempt, outcome, error_type from attempts") == [(1, "done", None)]
        assert query(queue.engine, "select attempt, n_points_stored from model_metrics") == [(1, 3)]

    def test_p16_a_job_that_died_of_its_losses_is_adopted(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(1))
        for _ in range(5):
            job = claim_one(queue)
            _lose(queue, job.model_id)
        assert states(queue.engine) == ["dead"]
        spool.put(a_result(job))

        assert spool.take_in(queue).stored == [(job.model_id, 5)]
        assert states(queue.engine) == ["done"]

    @pytest.mark.parametrize("how", ["claimed again", "done elsewhere", "cancelled", "released", "failed"])
    def test_p16_what_another_attempt_or_a_person_has_overtaken_is_kept_aside(
        self, queue: Queue, spool: Spool, how: str
    ) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        spool.put(a_result(job))
        if how == "released":
            queue.release(pairs([job]))
        elif how == "failed":
            queue.fail(pairs([job]), "E", "", "")
        else:
            _lose(queue, job.model_id)
        if how == "cancelled":
            queue.cancel(model_ids=[job.model_id])
        elif how in ("claimed again", "done elsewhere"):
            again = claim_one(queue, "other")
            if how == "done elsewhere":
                store(queue, [a_result(again)])
        before = [query(queue.engine, f"select * from {table}") for table in ("jobs", "attempts", "model_metrics")]

        taken = spool.take_in(queue)

        assert (taken.stored, taken.refused) == ([], pairs([job]))
        after = [query(queue.engine, f"select * from {table}") for table in ("jobs", "attempts", "model_metrics")]
        assert after == before
        assert _kept_aside(spool) == ["1-1"]
        assert spool.take_in(queue).refused == []

    def test_a_job_asked_to_measure_more_meanwhile_is_not_adopted(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        for job in jobs:
            spool.put(a_result(job, measure=job.measure.canonical()))
        _lose(queue, *(job.model_id for job in jobs))
        enqueue(queue, [jobs[0].spec], measure=dataclasses.replace(jobs[0].measure, trajectories=3))

        assert spool.take_in(queue).stored == pairs(jobs[1:])
        assert states(queue.engine) == ["queued", "done"]

    def test_p16_storing_what_is_stored_already_takes_the_file_away(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(1))
        result = a_result(claim_one(queue))
        spool.put(result)
        store(queue, [result])  # a kill between COMMIT and the removal of the file

        assert spool.take_in(queue).stored == [result.pair]
        assert query(queue.engine, "select result_id from model_metrics") == [(result.result_id,)]

    def test_p16_what_the_database_refuses_today_stays_for_tomorrow(self, queue: Queue, spool: Spool) -> None:
        if queue.engine.dialect.name == "sqlite":
            pytest.skip("a trigger of SQLite cannot say that the disk is full")
        enqueue(queue, some_specs(1))
        spool.put(a_result(claim_one(queue)))
        forbid_points(queue.engine, 2)

        with pytest.raises(DatabaseError, match="no space left"):
            spool.take_in(queue)

        assert spool.waiting == {(1, 1)}
        assert states(queue.engine) == ["running"]

    def test_a_result_that_no_database_takes_does_not_keep_the_others_out(self, queue: Queue, spool: Spool) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        spool.put(a_result(jobs[0], metrics={"stop_reason": "weary"}))
        spool.put(a_result(jobs[1]))

        taken = spool.take_in(queue)

        assert (taken.stored, taken.refused) == (pairs(jobs[1:]), pairs(jobs[:1]))
        assert states(queue.engine) == ["running", "done"]


class TestLeftBehind:
    def test_p16_a_worker_takes_in_what_a_dead_one_left(self, queue: Queue, spool: Spool, tmp_path: Path) -> None:
        enqueue(queue, some_specs(1))
        job = claim_one(queue)
        spool.put(a_result(job))
        spool.close()  # as the system does for a process that is killed
        _lose(queue, job.model_id)

        assert Spool(tmp_path / "spool", "another").take_in(queue).stored == pairs([job])
        assert list((tmp_path / "spool").iterdir()) == []

    def test_what_a_living_one_keeps_is_left_to_it(self, queue: Queue, spool: Spool, tmp_path: Path) -> None:
        enqueue(queue, some_specs(1))
        spool.put(a_result(claim_one(queue)))

        assert Spool(tmp_path / "spool", "another").take_in(queue).stored == []
        assert spool.take_in(queue).stored == [(1, 1)]

    @pytest.mark.parametrize("cut", [1, 100, 5000])
    def test_p16_a_torn_file_is_kept_aside_and_the_others_are_stored(
        self, queue: Queue, spool: Spool, tmp_path: Path, cut: int
    ) -> None:
        enqueue(queue, some_specs(2))
        jobs = queue.claim("worker", 2)
        for job in jobs:
            spool.put(a_result(job))
        torn = tmp_path / "spool" / "worker" / "1-1.result"
        torn.write_bytes(torn.read_bytes()[:-cut])

        assert spool.take_in(queue).stored == pairs(jobs[1:])
        assert _kept_aside(spool) == ["1-1"]


class TestPlace:
    def test_p16_a_full_spool_says_so_and_takes_nothing(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path, "worker", bytes_at_most=50_000)
        spool.put(a_result((1, 1), n_points=200))

        with pytest.raises(WorkerFault, match=r"is full: 5e-05 GB of results wait in it\.$"):
            spool.put(a_result((2, 1), n_points=2000))

        assert spool.waiting == {(1, 1)}

    def test_p16_the_bound_is_of_all_workers_of_the_host_together(self, tmp_path: Path) -> None:
        Spool(tmp_path, "one").put(a_result((1, 1), n_points=200))

        with pytest.raises(WorkerFault, match="is full"):
            Spool(tmp_path, "two", bytes_at_most=20_000).put(a_result((2, 1), n_points=200))

    def test_a_folder_that_cannot_be_made_is_a_fault_of_the_worker(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")

        with pytest.raises(WorkerFault, match=r"Not a directory\.$"):
            Spool(tmp_path / "file" / "spool", "worker").put(a_result((1, 1)))

    def test_a_worker_with_nothing_to_spool_leaves_nothing(self, queue: Queue, spool: Spool, tmp_path: Path) -> None:
        spool.take_in(queue)
        spool.close()

        assert not (tmp_path / "spool").exists()


class TestFile:
    def test_everything_comes_back_to_the_last_bit(self) -> None:
        text = np.array(["random", "same_class"], dtype=object)
        result = a_result(
            (7, 3),
            n_points=5,
            metrics={
                "train_loss": 0.1 + 0.2,
                "test_loss": float("nan"),
                "steps": np.int64(7),
                "fitted": np.bool_(True),
            },
            trajectories={"trajectory": np.zeros(2, int), "position": np.arange(2), "kind": text, "angle": np.ones(2)},
            regions=[{"slice": 0, "moment": "before", "n_regions": 4, "density_mean": None}],
            artifacts=[Artifact("weights", "identity/weights/00/x.safetensors", "0" * 64, 10)],
            measure="{}",
        )

        read = read_result(result_bytes(result), "a file")

        assert read.points is not None
        assert result.points is not None
        for name, values in result.points.items():
            np.testing.assert_array_equal(read.points[name], values)
        assert read.trajectories is not None
        assert read.trajectories["kind"].tolist() == text.tolist()
        assert repr(read.metrics) == "{'train_loss': 0.30000000000000004, 'test_loss': nan, 'steps': 7, 'fitted': True}"
        same = ("model_id", "attempt", "result_id", "measure", "regions", "artifacts", "engine_version", "device_class")
        assert [getattr(read, name) for name in same] == [getattr(result, name) for name in same]

    def test_nothing_in_a_file_is_unpickled(self) -> None:
        from hashlib import sha256
        from io import BytesIO

        buffer = BytesIO()
        np.savez(buffer, header=np.array([{"model_id": 1}], dtype=object))
        data = buffer.getvalue()
        forged = b"sensdb result 1 " + sha256(data).hexdigest().encode() + b"\n" + data

        with pytest.raises(ArtifactError, match="is no result that this version wrote"):
            read_result(forged, "forged")
