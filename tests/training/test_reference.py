"""The engine against nn.Sequential, autograd and torch.optim on the same batches, in float64."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec, n_train_points
from sensdb.training.data import TrainingData
from sensdb.training.network import StackedNetwork
from sensdb.training.random import initial_weights, noisy_labels, permutation
from sensdb.training.trainer import Trained
from tests.training.models import a_spec, made_up_data, made_up_info, train_pack

INFO = made_up_info(200)


class HardSigmoid(nn.Module):
    """The paper's: slope 1, kinks at -1/2 and 1/2."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.clamp(z + 0.5, 0.0, 1.0)


MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "tanh": nn.Tanh,
    "hard_tanh": nn.Hardtanh,
    "hard_sigmoid": HardSigmoid,
}


def train_reference(spec: TrainingSpec, data: TrainingData) -> list[Tensor]:
    """A plain loop, as anyone would write it; its final parameters, each layer's weight and then its bias."""
    n = n_train_points(spec, data.info)
    x, y = data.x[:n], noisy_labels(spec.seed, spec.label_noise, data.labels[:n], data.info.n_classes)
    model = reference_model(spec, data.info)
    optimizer = reference_optimizer(spec, model)
    batch = spec.batch_rows(n)
    an_epoch = n // batch
    for step in range(spec.max_steps):
        if (
            spec.learning_rate_drop_epochs is not None
            and step
            and step % (spec.learning_rate_drop_epochs * an_epoch) == 0
        ):
            for group in optimizer.param_groups:
                group["lr"] *= 0.1
        epoch, place = divmod(step, an_epoch)
        rows = torch.arange(n) if spec.full_batch else permutation(spec.seed, epoch, n)[place * batch :][:batch]
        optimizer.zero_grad()
        reference_loss(spec, model(x[rows]), y[rows]).backward()
        optimizer.step()
    return [parameter.detach() for parameter in model.parameters()]


def reference_model(spec: TrainingSpec, info: DatasetInfo) -> nn.Sequential:
    sizes = (info.input_size, *spec.widths, info.n_classes)
    layers: list[nn.Module] = []
    weights = initial_weights(spec.seed, spec.weight_scale, spec.nonlinearity, sizes)
    for (fan_in, fan_out), weight in zip(itertools.pairwise(sizes), weights, strict=True):
        layer = nn.Linear(fan_in, fan_out, bias=spec.biases, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(weight)
            if spec.biases:
                layer.bias.zero_()
        layers += [layer, MODULES[spec.nonlinearity]()]
    return nn.Sequential(*layers[:-1])


def reference_optimizer(spec: TrainingSpec, model: nn.Module) -> torch.optim.Optimizer:
    rate = spec.learning_rate
    assert rate is not None
    if spec.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), rate, betas=(0.9, 0.999), eps=1e-8)
    if spec.optimizer == "rmsprop":
        return torch.optim.RMSprop(model.parameters(), rate, alpha=0.9, eps=1e-8)
    return torch.optim.SGD(model.parameters(), rate, momentum=spec.momentum or 0.0)


def reference_loss(spec: TrainingSpec, logits: Tensor, labels: Tensor) -> Tensor:
    if spec.loss == "cross_entropy":
        return nn.functional.cross_entropy(logits, labels)
    one_hot = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return (logits - one_hot).square().sum(1).mean() / 2


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
    ],
    ids=str,
)
def test_batches_depths_and_drops_equal_the_plain_loop(fields: dict[str, object]) -> None:
    fields = {"dtype": "float64", **fields}
    spec = a_spec(INFO, **fields, seed=1, max_steps=400)
    data = made_up_data(INFO, "float64")

    trained = train_pack([spec], data)[0]

    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


def test_a_full_batch_in_chunks_equals_one_gradient_over_all_points() -> None:
    info = made_up_info(1300)
    spec = a_spec(info, batch_size="full", dtype="float64", max_steps=50)
    data = made_up_data(info, "float64")

    trained = train_pack([spec, a_spec(info, batch_size="full", dtype="float64", seed=1, max_steps=50)], data)[0]

    assert greatest_difference(trained.network, train_reference(spec, data)) < 1e-10


def test_float32_follows_the_plain_loop_for_a_hundred_steps() -> None:
    """Longer, two roundings of one model part ways by design of the problem."""
    spec = a_spec(INFO, width=50, learning_rate=0.02, max_steps=100)

    trained = train_pack([spec], made_up_data(INFO))[0]

    reference = train_reference(spec, made_up_data(INFO, "float64"))
    assert greatest_difference(trained.network, [parameter.float() for parameter in reference]) < 1e-5
