"""The promise that a model's bits depend on nothing but its spec: not on pack, slot, neighbours, refill or calls."""

from __future__ import annotations

import itertools
from functools import lru_cache

import pytest
import torch

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec
from sensdb.training.data import TrainingData
from sensdb.training.layout import Parameters
from sensdb.training.trainer import Trained, Trainer, train_alone
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits, train_pack

# What a model of the pack may have been given; n_train is below the data set's 120 points.
SHAPES = {
    "the default": {},
    "wide": {"width": 64},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13},
    "width 1": {"width": 1},
    "width 2": {"width": 2, "hidden_layers": 4},
    "one point a batch": {"batch_size": 1},
    "no hidden layer": {"hidden_layers": 0},
    "biases": {"biases": True, "width": 16},
    "float64": {"dtype": "float64"},
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "adam with biases, float64": {"optimizer": "adam", "learning_rate": 0.01, "biases": True, "dtype": "float64"},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "squared": {"loss": "squared"},
    "tanh": {"nonlinearity": "tanh", "width": 13},
    "relu6": {"nonlinearity": "relu6"},
    "hard_tanh": {"nonlinearity": "hard_tanh"},
    "hard_sigmoid": {"nonlinearity": "hard_sigmoid", "width": 5},
    "full batch": {"batch_size": "full", "n_train": 77},
    "lbfgs": {"optimizer": "lbfgs", "batch_size": "full", "n_train": 60, "max_steps": 25},
    "lbfgs with biases": {"optimizer": "lbfgs", "batch_size": "full", "biases": True, "width": 5, "max_steps": 25},
    "augmentation": {"augmentation": ["translate", "flip", "rotate"]},
    "full batch with augmentation": {"batch_size": "full", "augmentation": ["translate"], "n_train": 50},
    "learning-rate drops": {"learning_rate_drop_epochs": 1},
}
# Sizes of the pack, and places in it: first, second, last.
ALL_PLACES = [(2, 0), (2, 1), (7, 0), (7, 1), (7, 6), (16, 0), (16, 1), (16, 15)]
TELLING_PLACES = [(2, 1), (7, 1), (16, 15)]


@lru_cache
def data_of(info: DatasetInfo, dtype: str) -> TrainingData:
    return made_up_data(info, dtype)


def neighbours(spec: TrainingSpec, info: DatasetInfo, n: int) -> list[TrainingSpec]:
    """n specs of the same pack key that differ in all that may differ."""
    fields: dict[str, object] = {name: getattr(spec, name) for name in spec.__dataclass_fields__ if name != "dataset"}
    fields["width"] = list(spec.widths) or None
    variations = zip(
        itertools.count(100),
        itertools.cycle([0.001, 0.3, 1e30, 0.02]),
        itertools.cycle([0.0, 1.0, 0.5]),
        itertools.cycle([1.0, 8.0]),
        itertools.cycle([spec.n_train if spec.full_batch else 90, spec.n_train]),
        itertools.cycle([25, 60, 75]),
        strict=False,
    )
    made = []
    for seed, rate, noise, scale, n_train, max_steps in itertools.islice(variations, n):
        changed = {
            "seed": seed,
            "learning_rate": rate,
            "label_noise": noise,
            "weight_scale": scale,
            "n_train": n_train,
            "max_steps": max_steps,
        }
        made.append(a_spec(info, **{**fields, **changed}))
    return made


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_in_a_pack_equals_the_model_alone_whatever_its_place(shape: str) -> None:
    info = made_up_info()
    spec = a_spec(info, seed=3, **SHAPES[shape])
    data = data_of(info, spec.dtype)
    alone = train_alone(spec, data)

    for size, slot in ALL_PLACES if shape == "the default" else TELLING_PLACES:
        specs = neighbours(spec, info, size - 1)
        specs.insert(slot, spec)
        packed = train_pack(specs, data)[slot]

        assert same_bits(packed.network, alone.network), (size, slot)
        assert outcome(packed) == outcome(alone), (size, slot)


@pytest.mark.parametrize("shape", SHAPES)
def test_refill_changes_no_model(shape: str) -> None:
    info = made_up_info()
    spec = a_spec(info, seed=3, **SHAPES[shape])
    data = data_of(info, spec.dtype)
    specs = [*neighbours(spec, info, 8), spec, *neighbours(spec, info, 11)[8:]]

    refilled = train_pack(specs, data, slots=3)

    for trained in refilled:
        alone = train_alone(trained.spec, data)
        assert outcome(trained) == outcome(alone)
        if trained.stop_reason != "diverged":
            assert same_bits(trained.network, alone.network)


@pytest.mark.parametrize("steps", [63, 64, 65, 128])
@pytest.mark.parametrize("batch_size", [16, "full"])
def test_a_model_may_enter_wherever_the_window_of_prepared_steps_stands(steps: int, batch_size: object) -> None:
    info = made_up_info()
    data = data_of(info, "float32")
    first, second, third = (
        a_spec(info, seed=seed, max_steps=n, batch_size=batch_size) for seed, n in enumerate([steps, 300, 70])
    )

    trained = train_pack([first, second, third], data, slots=2)

    for one in trained:
        assert same_bits(one.network, train_alone(one.spec, data).network)


@pytest.mark.parametrize(
    ("shape", "n_classes"), [((8, 8, 1), 10), ((28, 28, 1), 10), ((5, 7, 3), 3), ((1, 31, 1), 2), ((1, 1, 1), 5)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_and_classes_of_any_number_keep_the_promise(
    shape: tuple[int, int, int], n_classes: int, dtype: str
) -> None:
    info = made_up_info(100, shape, n_classes)
    specs = [a_spec(info, seed=seed, dtype=dtype, width=50, batch_size=32) for seed in range(16)]
    data = data_of(info, dtype)

    packed = train_pack(specs, data)

    for spec, trained in zip(specs, packed, strict=True):
        assert same_bits(trained.network, train_alone(spec, data).network)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_a_full_batch_of_several_chunks_keeps_the_promise(loss: str) -> None:
    info = made_up_info(1025)  # a last chunk of one point
    fields = {"batch_size": "full", "loss": loss, "max_steps": 15, "width": 33, "learning_rate": 0.01}
    specs = [a_spec(info, **fields, seed=seed) for seed in range(6)]
    diverging = a_spec(info, **{**fields, "learning_rate": 1e30})
    data = data_of(info, "float32")

    packed = train_pack([specs[0], diverging, *specs[1:]], data)

    assert packed.pop(1).stop_reason == "diverged"
    for spec, trained in zip(specs, packed, strict=True):
        alone = train_alone(spec, data)
        assert same_bits(trained.network, alone.network)
        assert outcome(trained) == outcome(alone)


def test_how_often_run_is_called_changes_nothing() -> None:
    info = made_up_info()
    spec, other = a_spec(info, seed=1), a_spec(info, seed=2)
    data = data_of(info, "float32")
    trainer = Trainer(spec, 2, data)
    trainer.put(0, other)
    trainer.put(1, spec)
    ended: set[int] = set()
    n_calls = 0

    while 1 not in ended:
        ended.update(trainer.run(seconds=0.0))
        n_calls += 1

    assert n_calls > 30
    assert same_bits(trainer.take(1).network, train_alone(spec, data).network)


def test_a_model_put_beside_a_half_trained_one_equals_the_model_alone() -> None:
    info = made_up_info()
    first, late = a_spec(info, seed=1, max_steps=150), a_spec(info, seed=2, max_steps=150)
    data = data_of(info, "float32")
    trainer = Trainer(first, 2, data)
    trainer.put(1, first)
    for _ in range(23):
        trainer.run(seconds=0.0)

    trainer.put(0, late)
    ended: list[int] = []
    while len(ended) < 2:
        ended += trainer.run()

    assert same_bits(trainer.take(0).network, train_alone(late, data).network)
    assert same_bits(trainer.take(1).network, train_alone(first, data).network)


def test_dropping_a_neighbour_changes_nothing() -> None:
    info = made_up_info()
    specs = [a_spec(info, seed=seed, max_steps=150) for seed in range(3)]
    data = data_of(info, "float32")
    trainer = Trainer(specs[0], 3, data)
    for slot, spec in enumerate(specs):
        trainer.put(slot, spec)
    for _ in range(40):
        trainer.run(seconds=0.0)

    trainer.drop(0)
    ended: list[int] = []
    while len(ended) < 2:
        ended += trainer.run()

    assert trainer.free_slots == [0]
    for slot in (1, 2):
        assert same_bits(trainer.take(slot).network, train_alone(specs[slot], data).network)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_neighbour_of_nan_or_infinite_weights_changes_nothing(value: float, optimizer: str) -> None:
    info = made_up_info()
    specs = [a_spec(info, seed=seed, optimizer=optimizer) for seed in range(4)]
    data = data_of(info, "float32")
    trainer = Trainer(specs[0], 4, data)
    for slot, spec in enumerate(specs):
        trainer.put(slot, spec)
    trainer.run(seconds=0.0)

    parameters: Parameters = trainer._pack.parameters
    for block in parameters.blocks:
        block[1].fill_(value)
    ended: list[int] = []
    while len(ended) < 4:
        ended += trainer.run()

    for slot in (0, 2, 3):
        assert same_bits(trainer.take(slot).network, train_alone(specs[slot], data).network)
    assert trainer.take(1).stop_reason == "diverged"


@pytest.mark.parametrize("n_models", [1, 2, 3, 16])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_block_of_every_model_starts_at_64_bytes(n_models: int, biases: bool, dtype: torch.dtype) -> None:
    parameters = Parameters.zeros(n_models, (64, 50, 3, 10), biases, dtype, torch.device("cpu"))

    views = [*parameters.weights, *(parameters.biases or [])]
    addresses = [view[model].data_ptr() for view in views for model in range(n_models)]

    assert len(views) == (6 if biases else 3)
    assert all(address % 64 == 0 for address in addresses)


def outcome(trained: Trained) -> tuple[object, ...]:
    """What is stored of a model, its times apart."""
    return trained.steps, trained.stop_reason, trained.train_loss, trained.train_accuracy, trained.fitted
