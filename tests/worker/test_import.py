"""Networks trained elsewhere, by plain PyTorch: taken in, measured by any worker, like those trained here."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import sqlalchemy as sa
import torch
from torch import nn

from sensdb.datasets.npz import npz_info
from sensdb.datasets.prepare import load_dataset
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.metrics import POINT_METRICS
from sensdb.errors import ArtifactError, DataError, SensdbError, ShapeError, UsageError
from sensdb.jobs.queue import Queue
from sensdb.measurement.summary import MeasurementData, measure_models
from sensdb.mirror.sync import sync
from sensdb.operations.delete import delete_sweeps
from sensdb.operations.import_network import Imported, import_network, measure_imported, tell
from sensdb.results.artifacts import ArtifactStore
from sensdb.settings import Settings
from sensdb.training.network import StackedNetwork
from tests.datasets.written import write_npz
from tests.worker.conftest import Bench

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def digits() -> MeasurementData:
    return MeasurementData.build(load_dataset("digits", ()), None, "float32", torch.device("cpu"))


@pytest.fixture(scope="module")
def trained(digits: MeasurementData) -> nn.Sequential:
    """A biased network with two hidden layers, trained for a second by Adam."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(64, 24), nn.Hardtanh(), nn.Linear(24, 12), nn.Hardtanh(), nn.Linear(12, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    labels = digits.y_train[: len(digits.x_train)]
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(digits.x_train), labels).backward()
        optimizer.step()
    return network


def tensors_of(network: nn.Sequential) -> dict[str, torch.Tensor]:
    layers = [module for module in network if isinstance(module, nn.Linear)]
    named = {f"weights.{number}": layer.weight.detach() for number, layer in enumerate(layers)}
    return named | {f"biases.{number}": layer.bias.detach() for number, layer in enumerate(layers)}


@pytest.fixture
def file(trained: nn.Sequential, tmp_path: Path) -> Path:
    """The network as its maker would save it."""
    safetensors.torch.save_file(tensors_of(trained), tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def settings_of(bench: Bench) -> Settings:
    return Settings.resolve(database=bench.url, environment={"SENSDB_ARTIFACTS": str(bench.artifacts)})


def take_in(bench: Bench, file: Path, **changes: str) -> Imported:
    given = {"dataset": "digits", "nonlinearity": "hard_tanh"} | changes
    return import_network(bench.queue, settings_of(bench), file, **given)


def test_an_imported_network_is_measured_as_if_directly(
    bench: Bench, file: Path, trained: nn.Sequential, digits: MeasurementData
) -> None:
    taken = take_in(bench, file)
    code, err = bench.run("--drain")

    assert code == 0, err
    assert (taken.shape, taken.is_new, taken.state) == ("64-24-12-10", True, "queued")
    tensors = tensors_of(trained)
    network = StackedNetwork(
        [tensors[f"weights.{layer}"].unsqueeze(0) for layer in range(3)],
        [tensors[f"biases.{layer}"].unsqueeze(0) for layer in range(3)],
        "hard_tanh",
    )
    (direct,) = measure_models(network, digits, MeasureSettings())
    metrics = dict(bench.rows("select * from model_metrics")[0]._mapping)
    for name, value in direct.metrics.items():
        if name != "measure_seconds":
            # One thread and flushed denormals there, whatever the test's process has here.
            assert metrics[name] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value), name
    points = bench.rows("select * from point_metrics order by point_index")
    for metric in POINT_METRICS:
        stored = np.array([getattr(row, metric.name) for row in points], dtype=float)
        expected = np.where(direct.points["transitions"] < 0, np.nan, 1.0) if metric.name == "transitions" else 1.0
        np.testing.assert_allclose(stored, direct.points[metric.name] * expected, rtol=1e-4, err_msg=metric.name)


def test_what_is_stored_is_what_autograd_says_of_the_plain_network(
    bench: Bench, file: Path, trained: nn.Sequential, digits: MeasurementData
) -> None:
    take_in(bench, file)
    bench.run("--drain")

    with torch.no_grad():
        logits = trained(digits.x_test)
    jacobians = torch.func.vmap(torch.func.jacrev(lambda x: trained(x).softmax(0)))(digits.x_test[:20])
    rows = bench.rows("select predicted, loss, jacobian_norm from point_metrics order by point_index")
    assert [row.predicted for row in rows] == logits.argmax(1).tolist()
    losses = nn.functional.cross_entropy(logits, digits.y_test, reduction="none")
    np.testing.assert_allclose([row.loss for row in rows], losses, rtol=1e-3, atol=1e-6)
    norms = jacobians.flatten(1).norm(dim=1).detach()
    np.testing.assert_allclose([row.jacobian_norm for row in rows[:20]], norms, rtol=1e-2)
    accuracy = (logits.argmax(1) == digits.y_test).double().mean().item()
    assert bench.rows("select test_accuracy from model_metrics")[0][0] == pytest.approx(accuracy)


def test_nothing_is_said_of_a_training_that_nobody_saw(bench: Bench, file: Path) -> None:
    taken = take_in(bench, file, sweep="theirs")
    bench.run("--drain")

    (model,) = bench.rows("select * from v_models")
    for name in ("n_train", "optimizer", "loss", "batch_size", "full_batch", "max_steps", "stop_rule", "seed"):
        assert getattr(model, name) is None, name
    for name in ("steps", "fitted", "train_accuracy", "generalization_gap", "train_loss", "train_seconds"):
        assert getattr(model, name) is None, name
    assert (model.stop_reason, model.source_sha256) == ("imported", hashlib.sha256(file.read_bytes()).hexdigest())
    assert (model.widths, model.nonlinearity, bool(model.biases)) == ("[24,12]", "hard_tanh", True)
    progress = bench.rows("select sweep, done, n_models from v_sweep_progress")
    assert [tuple(row) for row in progress] == [("theirs", 1, 1)]
    assert [tuple(row) for row in bench.rows("select model_id, kind, outcome from attempts")] == [
        (taken.model_id, "measure", "done")
    ]
    manifest = sync(bench.url, bench.folder / "cache")
    assert sum(segment.n_rows for segment in manifest.segments) == 597


def test_the_same_file_is_one_model_and_is_measured_once(bench: Bench, file: Path) -> None:
    first = take_in(bench, file)
    again = take_in(bench, file, sweep="another")
    bench.run("--drain")
    after = take_in(bench, file)
    other = take_in(bench, file, nonlinearity="hard_sigmoid")

    assert first.model_id == again.model_id == after.model_id != other.model_id
    assert [first.is_new, again.is_new, after.is_new, other.is_new] == [True, False, False, True]
    assert (after.state, other.state) == ("done", "queued")
    assert after.test_accuracy == bench.rows("select test_accuracy from model_metrics")[0][0]
    assert bench.value("select count(*) from attempts") == 1
    assert bench.value("select count(*) from artifacts") == 2
    assert bench.value("select count(*) from sweep_models") == 3


def test_importing_again_repairs_lost_weights(bench: Bench, file: Path) -> None:
    taken = take_in(bench, file)
    (stored,) = (path for path in bench.artifacts.rglob("*") if path.is_file())
    stored.write_bytes(b"altered")
    bench.run("--drain")

    dead = take_in(bench, file)
    bench.queue.retry(model_ids=[taken.model_id])
    bench.run("--drain")

    assert dead.state == "dead"
    assert f"sha256 {stored.stem} expected" in str(dead.error)
    assert take_in(bench, file).state == "done"


def test_now_measures_this_one_and_no_other(bench: Bench, file: Path) -> None:
    bench.enqueue(2, name="imported")

    taken = measure_imported(bench.queue, settings_of(bench), take_in(bench, file))

    assert taken.state == "done"
    assert taken.test_accuracy == bench.rows("select test_accuracy from model_metrics")[0][0]
    assert bench.value("select count(*) from jobs where state = 'queued' and kind = 'train'") == 2


def test_now_says_so_where_it_cannot(bench: Bench, file: Path) -> None:
    taken = take_in(bench, file)
    (stored,) = (path for path in bench.artifacts.rglob("*") if path.is_file())
    stored.unlink()

    with pytest.raises(SensdbError) as raised:
        measure_imported(bench.queue, settings_of(bench), taken)

    assert raised.value.message.startswith(f"model {taken.model_id} could not be measured: artifact ")
    assert raised.value.hint == f"sensdb retry {taken.model_id}"
    assert [row[0] for row in bench.rows("select state from jobs")] == ["dead"]


def test_an_imported_network_can_be_measured_again_and_deleted(bench: Bench, file: Path) -> None:
    take_in(bench, file)
    bench.run("--drain")
    before = bench.rows("select result_id, test_accuracy, jacobian_norm_mean from model_metrics")[0]

    bench.queue.measure(sweep="imported")
    bench.run("--drain")
    after = bench.rows("select result_id, test_accuracy, jacobian_norm_mean from model_metrics")[0]
    delete_sweeps(bench.queue, ["imported"], artifacts=ArtifactStore(str(bench.artifacts), bench.queue.identity))

    assert after[1:] == before[1:]
    assert after[0] != before[0]
    assert [path for path in bench.artifacts.rglob("*") if path.is_file()] == []


def test_a_network_for_the_users_own_arrays_is_measured_at_them(bench: Bench, tmp_path: Path) -> None:
    points = write_npz(bench.folder / "own.npz")
    info = npz_info(points)
    network = {"weights.0": torch.eye(info.n_classes, info.input_size)}
    safetensors.torch.save_file(network, tmp_path / "own.safetensors")

    take_in(bench, tmp_path / "own.safetensors", dataset=str(points))
    code, err = bench.run("--drain")

    assert code == 0, err
    assert bench.value("select n_points_stored from model_metrics") == info.n_test
    assert [row[0] for row in bench.rows("select name from datasets")] == ["own"]


class TestRefused:
    @pytest.fixture
    def queue(self, engine: sa.Engine) -> Queue:
        return Queue(engine)

    def refuse(self, queue: Queue, file: Path, error: type[SensdbError], **changes: str) -> SensdbError:
        settings = Settings.resolve(environment={"SENSDB_ARTIFACTS": str(file.parent / "artifacts")})
        with pytest.raises(error) as raised:
            import_network(queue, settings, file, **({"dataset": "digits", "nonlinearity": "relu"} | changes))
        with queue.engine.connect() as connection:
            tables = ("models", "jobs", "sweeps", "artifacts")
            rows = [connection.execute(sa.text(f"select count(*) from {table}")).scalar() for table in tables]
        assert rows == [0, 0, 0, 0]
        return raised.value

    @pytest.fixture
    def network(self, tmp_path: Path) -> Path:
        """A network for digits."""
        file = tmp_path / "net.safetensors"
        safetensors.torch.save_file({"weights.0": torch.ones(8, 64), "weights.1": torch.ones(10, 8)}, file)
        return file

    def test_another_data_sets_network_with_the_sizes(self, queue: Queue, network: Path) -> None:
        error = self.refuse(queue, network, ShapeError, dataset="mnist")

        assert error.message == "the network takes 64 inputs, and a point of mnist has 28 x 28 x 1 = 784."

    def test_shapes_that_do_not_chain_with_the_sizes(self, queue: Queue, network: Path) -> None:
        safetensors.torch.save_file({"weights.0": torch.ones(8, 64), "weights.1": torch.ones(10, 9)}, network)

        error = self.refuse(queue, network, ShapeError)

        assert error.message == f"{network}: weights.1 is [10, 9], and weights.0 has 8 outputs."

    def test_numbers_that_are_not_finite(self, queue: Queue, network: Path) -> None:
        safetensors.torch.save_file({"weights.0": torch.full((10, 64), torch.inf)}, network)

        assert self.refuse(queue, network, ArtifactError).message == f"{network} holds numbers that are not finite."

    def test_a_file_that_is_not_there(self, queue: Queue, tmp_path: Path) -> None:
        missing = tmp_path / "none.safetensors"

        error = self.refuse(queue, missing, ArtifactError)

        assert error.message == f"{missing} cannot be read: No such file or directory."

    def test_a_sweeps_name_that_is_none(self, queue: Queue, network: Path) -> None:
        error = self.refuse(queue, network, UsageError, sweep="a b")

        assert error.message == "--name: 'a b' is not 1 to 100 letters, digits, - and _."

    def test_a_data_set_that_is_not_there(self, queue: Queue, network: Path) -> None:
        assert self.refuse(queue, network, DataError, dataset="digit").message == "no data set 'digit'."
        assert self.refuse(queue, network, DataError, dataset="x.npz").message == "--dataset: no file x.npz."


@pytest.mark.parametrize(
    ("changes", "now", "text"),
    [
        ({}, False, "imported n as model 7 (64-10) of sweep s; it waits to be measured. Next: sensdb worker --drain"),
        (
            {"is_new": False},
            False,
            "n is model 7 (64-10) already; it waits to be measured. Next: sensdb worker --drain",
        ),
        (
            {"state": "done", "test_accuracy": 0.95, "jacobian_norm_mean": 0.123456},
            True,
            "imported n as model 7 (64-10) of sweep s: test accuracy 0.95, mean Jacobian norm 0.1235.",
        ),
        (
            {"state": "done"},
            True,
            "imported n as model 7 (64-10) of sweep s: test accuracy none, mean Jacobian norm none.",
        ),
        (
            {"is_new": False, "state": "dead", "error": "It was lost."},
            False,
            "n is model 7 (64-10) already, and could not be measured: It was lost. Next: sensdb retry 7",
        ),
        (
            {"is_new": False, "state": "running"},
            False,
            "n is model 7 (64-10) already; another worker measures it, or its sweeps are paused. Next: sensdb status",
        ),
    ],
)
def test_an_import_is_told_with_the_next_command(changes: dict[str, object], now: bool, text: str) -> None:
    given = {"model_id": 7, "shape": "64-10", "is_new": True, "state": "queued", "error": None}
    given |= {"test_accuracy": None, "jacobian_norm_mean": None}

    assert tell(Path("n"), "s", Imported(**(given | changes)), now=now) == text
