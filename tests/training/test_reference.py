"""The engine against nn.Sequential, autograd and torch.optim on the same batches, in float64."""

from __future__ import annotations

import itertools

import pytest
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.data import TrainingData
from sensdb.training.network import StackedNetwork
from sensdb.training.trainer import Trained
from tests.training.models import a_spec, made_up_data, made_up_info, train_pack
from tests.training.reference import MODULES, train_reference

INFO = made_up_info(200)


def greatest_difference(network: StackedNetwork, parameters: list[Tensor]) -> float:
    ours = network.weights
    if network.biases is not None:
        ours = list(itertools.chain(*zip(network.weights, network.biases, strict=True)))
    return max(float((one[0] - other).abs().max()) for one, other in zip(ours, parameters, strict=True))


def trained_with_neighbours(spec: TrainingSpec, data: TrainingData, **fields: object) -> Trained:
    """The spec trained in a pack of 3 between models with other seeds and learning rates."""
    others = [a_spec(INFO, **{**fields, "seed": seed, "max_steps": 30}) for seed in (8, 9)]
    return train_pack([others[0], spec, others[1]], data)[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "momentum", "learning_rate": 0.02},
        {"optimizer": "momentum", "momentum": 0.0, "learning_rate": 0.1},
        {"optimizer": "momentum", "momentum": 0.5, "learning_rate": 0.05},
        {"optimizer": "adam", "learning_rate": 0.003},
        {"optimizer": "rmsprop", "learning_rate": 0.0005},
    ],
    ids=lambda fields: "-".join(str(value) for value in fields.values()),
)
@pytest.mark.parametrize("biases", [False, True], ids=["no biases", "biases"])
def test_optimizers_equal_torch_optim_over_a_thousand_steps(fields: dict[str, object], biases: bool) -> None:
    fields = {**fields, "dtype": "float64", "biases": biases, "label_noise": 0.2, "width": 20}
    spec = a_spec(INFO, **fields, seed=2, max_steps=1000)
    data = made_up_data(INFO, "float64")

    trained = trained_with_neighbours(spec, data, **fields)

    assert trained.steps == 1000
    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


@pytest.mark.parametrize("nonlinearity", MODULES)
@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_nonlinearities_and_losses_equal_autograd_over_a_thousand_steps(nonlinearity: str, loss: str) -> None:
    fields = {"nonlinearity": nonlinearity, "loss": loss, "dtype": "float64", "weight_scale": 2.0, "width": [20, 11]}
    spec = a_spec(INFO, **fields, learning_rate=0.005, seed=1, max_steps=1000)
    data = made_up_data(INFO, "float64")

    trained = trained_with_neighbours(spec, data, **fields)

    assert trained.steps == 1000
    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


@pytest.mark.parametrize(
    "fields",
    [
        {"batch_size": "full", "n_train": 150},
        {"hidden_layers": 0, "width": None},
        {"hidden_layers": 5, "width": 8, "weight_scale": 1.5, "learning_rate": 0.005},
        {"learning_rate_drop_epochs": 3},
        {"n_train": 61, "batch_size": 20},
        {"batch_size": 1, "learning_rate": 0.005},
        {"augmentation": ["translate", "flip", "rotate"], "learning_rate": 0.01},
    ],
    ids=str,
)
def test_batches_depths_and_drops_equal_the_plain_loop(fields: dict[str, object]) -> None:
    fields = {"dtype": "float64", **fields}
    spec = a_spec(INFO, **fields, seed=1, max_steps=400)
    data = made_up_data(INFO, "float64")

    trained = train_pack([spec], data)[0]

    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


@pytest.mark.parametrize("kinds", [None, ["translate", "flip"]], ids=["plain", "augmented"])
def test_a_full_batch_in_chunks_equals_one_gradient_over_all_points(kinds: list[str] | None) -> None:
    info = made_up_info(1300)
    fields = {"batch_size": "full", "dtype": "float64", "augmentation": kinds, "max_steps": 50}
    spec = a_spec(info, **fields)
    data = made_up_data(info, "float64")

    trained = train_pack([spec, a_spec(info, **fields, seed=1)], data)[0]

    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


def test_float32_follows_the_plain_loop_for_a_hundred_steps() -> None:
    """Longer, two roundings of one model part ways by design of the problem."""
    spec = a_spec(INFO, width=50, learning_rate=0.02, max_steps=100)

    trained = train_pack([spec], made_up_data(INFO))[0]

    reference = train_reference(spec, made_up_data(INFO, "float64"))
    assert greatest_difference(trained.network, [parameter.float() for parameter in reference]) < 1e-5
