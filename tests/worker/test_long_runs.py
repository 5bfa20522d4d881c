"""Long runs survive: models on their way are kept on disk, and go on in another worker to the same bits."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sensdb.datasets.prepare import load_dataset
from sensdb.definitions.stored import read_spec
from sensdb.training.checkpoint import SUFFIX
from sensdb.training.data import TrainingData
from sensdb.training.trainer import Trained, train_alone
from tests.worker.conftest import Bench
from tests.worker.prepared import MINUTES

pytestmark = pytest.mark.long

# Half a second of work or more.
LONG = {"max_steps": 15_000, "n_train": 400}
OFTEN = ("--checkpoint-every", "0.1s")
RESUMED = "go on from their checkpoints"


def checkpoints(bench: Bench) -> list[Path]:
    return list((bench.folder / "checkpoints").glob(f"*/*{SUFFIX}"))


def uninterrupted(bench: Bench) -> dict[int, Trained]:
    """Each model of the queue, trained from beginning to end in this process."""
    torch.set_num_threads(1)
    trained = {}
    for model_id, text in bench.rows("select model_id, spec from models"):
        spec = read_spec(str(text))
        data = TrainingData.build(load_dataset(spec.dataset, []), None, spec.dtype, "cpu")
        trained[int(str(model_id))] = train_alone(spec, data)  # type: ignore[arg-type]
    return trained


def assert_same_as_uninterrupted(bench: Bench) -> None:
    for model_id, trained in uninterrupted(bench).items():
        sql = f"select steps, train_loss, train_accuracy from model_metrics where model_id = {model_id}"
        assert tuple(bench.rows(sql)[0]) == (trained.steps, trained.train_loss, trained.train_accuracy)
        uri = bench.rows(f"select uri from artifacts where model_id = {model_id} and kind = 'weights'")[0][0]
        (path,) = bench.artifacts.rglob(Path(str(uri)).name)
        stored = load_file(path)
        for layer, weight in enumerate(trained.network.weights):
            assert torch.equal(stored[f"weights.{layer}"], weight[0])


# Too few units for its random labels, and digits enough: iterations that do not end soon.
LBFGS = {
    "optimizer": "lbfgs", "batch_size": "full", "max_steps": 1000, "width": 20, "label_noise": 1, "n_train": 1200,
    "dtype": "float64", "learning_rate": None,
}  # fmt: skip


@pytest.mark.parametrize("fields", [{}, LBFGS], ids=["momentum", "lbfgs"])
def test_a_released_model_goes_on_where_it_was_to_the_same_bits(bench: Bench, fields: dict[str, object]) -> None:
    bench.enqueue(2, **{**LONG, **fields})
    first = bench.start("--keep-weights", *OFTEN)
    bench.wait_until(lambda: len(checkpoints(bench)) == 2)

    first.send_signal(signal.SIGTERM)
    _out, err = first.communicate(timeout=MINUTES)
    assert first.returncode == 0, err
    assert bench.value("select count(*) from jobs where state = 'queued'") == 2, err
    code, err = bench.run("--drain", "--keep-weights")

    assert code == 0, err
    assert f"2 models {RESUMED}" in err
    assert_same_as_uninterrupted(bench)
    assert checkpoints(bench) == []


def test_a_killed_worker_costs_what_came_after_the_last_checkpoint_alone(bench: Bench) -> None:
    bench.enqueue(2, **LONG)
    doomed = bench.start("--keep-weights", *OFTEN)
    bench.wait_until(lambda: len(checkpoints(bench)) == 2)

    bench.kill(doomed)
    code, err = bench.run("--drain", "--keep-weights")

    assert code == 0, err
    assert bench.value("select count(*) from attempts where outcome = 'lost'") == 2
    assert RESUMED in err
    assert_same_as_uninterrupted(bench)


def test_models_that_train_for_less_than_the_interval_write_no_file(bench: Bench) -> None:
    bench.enqueue(3)

    _code, err = bench.run("--drain")

    assert not (bench.folder / "checkpoints").exists(), err


def test_a_checkpoint_of_another_engine_begins_anew_and_says_so(bench: Bench) -> None:
    bench.enqueue(1, **LONG)
    first = bench.start("--keep-weights", *OFTEN)
    bench.wait_until(lambda: len(checkpoints(bench)) == 1)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=MINUTES)
    (path,) = checkpoints(bench)
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), "engine_version": "0"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata)

    code, err = bench.run("--drain", "--keep-weights")

    assert code == 0, err
    assert "ignored: engine_version 0, not" in err
    assert RESUMED not in err
    assert_same_as_uninterrupted(bench)


def test_a_folder_that_cannot_be_written_to_costs_no_model(bench: Bench) -> None:
    (bench.folder / "checkpoints").write_text("a file where the folder should be")
    bench.enqueue(2, **LONG)

    code, err = bench.run("--drain", *OFTEN)

    assert code == 0, err
    assert err.count("checkpoints cannot be kept") == 1
    assert bench.value("select count(*) from jobs where state = 'done'") == 2


def test_a_cancelled_models_checkpoint_goes_with_it(bench: Bench) -> None:
    bench.enqueue(1, **{**LONG, "max_steps": 2_000_000})
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("update queue_settings set beat_seconds = 0.3")
    worker = bench.start("--drain", *OFTEN)
    bench.wait_until(lambda: len(checkpoints(bench)) == 1)

    bench.queue.cancel(sweep="small")
    worker.communicate(timeout=MINUTES)

    assert bench.value("select count(*) from jobs where state = 'cancelled'") == 1
    assert checkpoints(bench) == []


def test_a_pack_takes_more_models_from_the_queue_while_one_of_it_still_trains(bench: Bench) -> None:
    bench.enqueue(1, name="long", max_steps=15_000, n_train=100)
    bench.enqueue(12, name="short", max_steps=200, n_train=100)  # of the same pack key

    code, err = bench.run("--drain", "--pack-size", "2")

    assert code == 0, err
    order = "select max_steps from jobs j join models m on m.model_id = j.model_id order by finished_at, max_steps"
    assert [row[0] for row in bench.rows(order)] == [200] * 12 + [15_000]


def test_a_pack_leaves_work_of_higher_priority_to_the_next_claim(bench: Bench) -> None:
    bench.enqueue(12, name="many", max_steps=4_000)
    worker = bench.start("--drain", "--pack-size", "2")
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") > 0)
    bench.enqueue(1, name="urgent", width=8)
    bench.queue.prioritise("urgent", 5)
    worker.communicate(timeout=MINUTES)

    urgent = "select finished_at from jobs j join models m on m.model_id = j.model_id where m.width = 8"
    assert bench.value(f"select count(*) from jobs where finished_at > ({urgent})") >= 6


def test_one_model_larger_than_the_device_fails_for_good_with_both_sizes(bench: Bench) -> None:
    bench.enqueue(1, hidden_layers=200, width=65536)  # 7 TB
    bench.enqueue(1, name="other")

    code, err = bench.run("--drain")

    assert code == 0, err
    states = dict(
        map(tuple, bench.rows("select m.width, j.state from jobs j join models m on m.model_id = j.model_id"))
    )
    assert states == {65536: "dead", 16: "done"}
    (message,) = bench.rows("select error_message from attempts where outcome = 'failed'")[0]
    assert "a model of 64-65536-65536" in str(message)
    assert " to train alone; this device (cpu-" in str(message)
