"""Delete: sweeps and models go with all that hangs on them, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensdb.database.engine import writing
from sensdb.errors import NothingMatched, QueueError
from sensdb.jobs.queue import Queue
from sensdb.operations import delete
from sensdb.operations.delete import Deleted, delete_models, delete_sweeps
from sensdb.results.artifacts import ArtifactStore, note_artifacts
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_spec,
    claim_one,
    enqueue,
    execute,
    keep_weights,
    query,
    scalar,
    some_specs,
    states,
)
from tests.conformance.processes import enqueue_and_delete, in_processes

TABLES = ("sweeps", "sweep_definitions", "sweep_models", "models", "jobs", "attempts", "model_metrics", "point_metrics")


def _counts(queue: Queue) -> dict[str, int]:
    return {table: scalar(queue.engine, f"select count(*) from {table}") for table in (*TABLES, "artifacts")}


def test_a_sweep_goes_with_its_models_results_and_artifacts(queue: Queue) -> None:
    enqueue(queue, some_specs(3))
    store(queue, [a_result(claim_one(queue), n_points=4)])
    keep_weights(queue.engine, 1)
    execute(
        queue.engine, "insert into trajectory_metrics (model_id, trajectory, position, kind) values (1, 0, 0, 'random')"
    )

    deleted = delete_sweeps(queue, ["sweep"])

    assert deleted == Deleted(n_sweeps=1, n_models=3, n_results=1, n_points=4, artifact_uris=("weights/1",))
    assert set(_counts(queue).values()) == {0}
    assert scalar(queue.engine, "select count(*) from trajectory_metrics") == 0


def test_files_go_after_their_rows_and_those_that_cannot_are_told(queue: Queue, tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    artifacts = ArtifactStore(str(folder), queue.identity)
    enqueue(queue, some_specs(3), "mine")
    enqueue(queue, [a_spec(2)], "other")
    files = {model_id: artifacts.put("weights", bytes([model_id]), "safetensors") for model_id in (1, 2, 3)}
    shared = artifacts.put("regions", b"seen by two", "npz")
    with writing(queue.engine) as connection:
        note_artifacts(connection, {model_id: [file, shared] for model_id, file in files.items()})
    keep_weights(queue.engine, scalar(queue.engine, "select model_id from models where seed = 1"))

    deleted = delete_sweeps(queue, ["mine"], artifacts=artifacts)

    kept = scalar(queue.engine, "select uri from artifacts where kind = 'weights'")
    gone = {file.uri for file in files.values()} - {kept}
    assert (deleted.n_models, deleted.n_kept) == (2, 1)
    assert set(deleted.artifact_uris) == {*gone, "weights/1"}
    assert deleted.files_left == ("weights/1: not a file of this database.",)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {kept, shared.uri}


def test_models_that_another_sweep_holds_stay_with_their_results(queue: Queue) -> None:
    enqueue(queue, some_specs(3), "mine")
    enqueue(queue, [a_spec(1), a_spec(7)], "other")
    for job in queue.claim("worker", 5):
        store(queue, [a_result(job)])

    deleted = delete_sweeps(queue, ["mine"])

    assert (deleted.n_models, deleted.n_kept) == (2, 1)
    assert sorted(query(queue.engine, "select seed from models")) == [(1,), (7,)]
    assert [row["sweep"] for row in queue.progress()] == ["other"]
    assert _counts(queue)["model_metrics"] == 2


def test_two_sweeps_together_take_the_models_they_share(queue: Queue) -> None:
    enqueue(queue, some_specs(3), "first")
    enqueue(queue, some_specs(3), "second")

    assert delete_sweeps(queue, ["first", "second", "first"]) == Deleted(n_sweeps=2, n_models=3)


def test_many_models_go_by_parts_and_each_part_is_told(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "MODELS_AT_ONCE", 4)
    enqueue(queue, some_specs(10))
    told: list[int] = []

    delete_sweeps(queue, ["sweep"], told.append)

    assert told == [4, 8, 10]


def test_after_a_kill_in_the_middle_the_same_call_deletes_the_rest(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delete, "MODELS_AT_ONCE", 4)
    enqueue(queue, some_specs(10))

    def killed(n_models: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delete_sweeps(queue, ["sweep"], killed)

    assert _counts(queue)["models"] == _counts(queue)["jobs"] == 6
    assert delete_sweeps(queue, ["sweep"]).n_models == 6
    assert set(_counts(queue).values()) == {0}


def test_nothing_is_deleted_while_models_run(queue: Queue) -> None:
    enqueue(queue, some_specs(3))
    queue.claim("worker", 2)

    with pytest.raises(QueueError) as raised:
        delete_sweeps(queue, ["sweep"])

    assert raised.value.message == "2 models of sweep 'sweep' are running; nothing was deleted."
    assert raised.value.hint == "sensdb cancel ends them with their workers' next beat."
    assert states(queue.engine) == ["running", "running", "queued"]


def test_running_models_that_another_sweep_holds_do_not_matter(queue: Queue) -> None:
    enqueue(queue, [a_spec(0)], "other")
    claim_one(queue)
    enqueue(queue, some_specs(2), "mine")

    assert delete_sweeps(queue, ["mine"]) == Deleted(n_sweeps=1, n_models=1, n_kept=1)


def test_a_sweep_without_models_goes_too(queue: Queue) -> None:
    enqueue(queue, [])

    assert delete_sweeps(queue, ["sweep"]) == Deleted(n_sweeps=1)


def test_a_sweep_that_does_not_exist_is_an_error(queue: Queue) -> None:
    with pytest.raises(NothingMatched, match=r"^no sweep 'sweep'\.$"):
        delete_sweeps(queue, ["sweep"])


def test_models_can_be_deleted_by_number_and_leave_their_sweeps(queue: Queue) -> None:
    enqueue(queue, some_specs(3), "first")
    enqueue(queue, some_specs(3), "second")

    deleted = delete_models(queue, [1, 3, 99])

    assert deleted == Deleted(n_models=2)
    assert [row["n_models"] for row in queue.progress()] == [1, 1]


def test_deleting_no_model_is_an_error(queue: Queue) -> None:
    with pytest.raises(NothingMatched) as raised:
        delete_models(queue, [5])

    assert raised.value.message == "none of these models exists."
    assert raised.value.hint == "sensdb jobs lists models with their numbers."


def test_a_deleted_spec_can_be_enqueued_again_under_a_new_number(queue: Queue) -> None:
    enqueue(queue, some_specs(1))
    delete_sweeps(queue, ["sweep"])

    assert enqueue(queue, some_specs(1)).n_new == 1
    assert claim_one(queue).model_id == 2


def test_enqueue_and_delete_side_by_side_leave_every_model_whole_or_gone(queue: Queue, database_url: str) -> None:
    told = in_processes(enqueue_and_delete, 4, database_url, 12)

    assert all(told)
    models = scalar(queue.engine, "select count(*) from models")
    assert _counts(queue)["jobs"] == models
    assert scalar(queue.engine, "select count(distinct model_id) from sweep_models") == models
