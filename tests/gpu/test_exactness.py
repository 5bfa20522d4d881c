"""The promise of equal bits on a GPU: at a fixed number of slots, idle ones computed, whatever the others hold."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.training import gradient_pack
from sensdb.training.data import TrainingData
from sensdb.training.packing import FUSED_VERSION, RESIDENT_VERSION
from sensdb.training.trainer import Trained, Trainer
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits
from tests.training.reference import train_reference
from tests.training.test_bits import neighbours

SLOTS = 16
INFO = made_up_info(400, (8, 8, 1), 10)
SHAPES = {
    "momentum": {"width": 50, "batch_size": 32},
    "adam": {"optimizer": "adam", "learning_rate": 0.01, "width": 50, "batch_size": 32},
    "rmsprop with biases": {"optimizer": "rmsprop", "learning_rate": 0.01, "biases": True},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13},
    "float64": {"dtype": "float64"},
    "full batch": {"batch_size": "full"},
    "lbfgs": {"optimizer": "lbfgs", "batch_size": "full", "max_steps": 25},
    "augmentation": {"augmentation": ["translate", "flip", "rotate"]},
}


def on(device: torch.device, dtype: str) -> TrainingData:
    data = made_up_data(INFO, dtype)
    return dataclasses.replace(data, rows=data.rows.to(device), labels=data.labels.to(device))


def trained_in(
    slot: int,
    spec: TrainingSpec,
    others: list[TrainingSpec],
    data: TrainingData,
    *,
    slots: int = SLOTS,
    **kinds: bool,
) -> Trained:
    """The model of `spec`, trained in this slot while `others` come and go in the remaining ones."""
    trainer = Trainer(spec, slots, data, device=data.rows.device, **kinds)
    trainer.put(slot, spec)
    waiting = list(others)
    while True:
        for free in trainer.free_slots[: len(waiting)]:
            trainer.put(free, waiting.pop())
        ended = trainer.run()
        if slot in ended:
            return trainer.take(slot)
        for other in ended:
            trainer.drop(other)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_among_idle_slots_equals_the_model_among_others(shape: str, device: torch.device) -> None:
    spec = a_spec(INFO, seed=3, **SHAPES[shape])
    data = on(device, spec.dtype)
    alone = trained_in(0, spec, [], data)

    for slot, n_others in ((0, 3), (1, SLOTS - 1), (SLOTS - 1, 2 * SLOTS)):
        beside = trained_in(slot, spec, neighbours(spec, INFO, n_others), data)

        assert same_bits(beside.network, alone.network), (slot, n_others)
        assert (beside.steps, beside.train_loss) == (alone.steps, alone.train_loss)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_model_goes_on_from_its_checkpoint_to_the_same_bits(shape: str, device: torch.device) -> None:
    spec = a_spec(INFO, seed=3, **SHAPES[shape])
    data = on(device, spec.dtype)
    alone = trained_in(0, spec, [], data)
    first = Trainer(spec, SLOTS, data, device=device)
    first.put(2, spec)
    for _ in range(7):
        first.run(seconds=0.0)
    checkpoint = first.checkpoint(2)

    second = Trainer(spec, SLOTS, data, device=device)
    second.put(5, spec, checkpoint)
    while not second.run():
        pass

    assert same_bits(second.take(5).network, alone.network)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "rmsprop"])
def test_a_thousand_steps_in_float64_agree_with_torch_optim(optimizer: str, device: torch.device) -> None:
    rate = 0.01 if optimizer in ("sgd", "momentum") else 0.001
    spec = a_spec(INFO, optimizer=optimizer, learning_rate=rate, dtype="float64", max_steps=1000, seed=1)
    reference = train_reference(spec, made_up_data(INFO, "float64"))

    trained = trained_in(0, spec, [], on(device, "float64"))

    for weight, expected in zip(trained.network.weights, reference, strict=True):
        torch.testing.assert_close(weight[0], expected, rtol=1e-10, atol=1e-10)


RESIDENT = {
    "momentum": {"width": 50, "batch_size": 32},
    "adam with biases": {"optimizer": "adam", "learning_rate": 0.01, "width": 50, "batch_size": 32, "biases": True},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "sgd, squared": {"optimizer": "sgd", "loss": "squared"},
    "hard_sigmoid": {"nonlinearity": "hard_sigmoid", "biases": True},
    "augmentation": {"augmentation": ["translate", "flip", "rotate"]},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13},
}
FUSED = {
    "momentum": {"width": 50, "batch_size": 32},
    "adam with biases": {"optimizer": "adam", "learning_rate": 0.01, "width": 100, "batch_size": 32, "biases": True},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "tanh": {"optimizer": "sgd", "nonlinearity": "tanh"},
    "tiles": {"width": [70, 130], "batch_size": 40, "biases": True},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13},
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # where these tests are tried on the host, NumPy interprets
@pytest.mark.parametrize("shape", RESIDENT)
def test_a_resident_model_is_the_same_in_any_pack_and_the_stacked_one_but_for_rounding(
    shape: str, device: torch.device
) -> None:
    spec = a_spec(INFO, seed=3, max_steps=40, **RESIDENT[shape])
    data = on(device, spec.dtype)
    alone = trained_in(0, spec, [], data, slots=1, resident=True)

    for slots, slot, n_others in ((2, 1, 1), (SLOTS, SLOTS - 1, 2 * SLOTS)):
        beside = trained_in(slot, spec, neighbours(spec, INFO, n_others), data, slots=slots, resident=True)

        assert same_bits(beside.network, alone.network), (slots, slot)
    assert alone.engine_version == RESIDENT_VERSION
    assert_near(alone, trained_in(0, spec, [], data))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", FUSED)
def test_a_fused_model_is_the_same_in_any_slot_and_the_stacked_one_but_for_rounding(
    shape: str, device: torch.device
) -> None:
    spec = a_spec(INFO, seed=3, max_steps=40, **FUSED[shape])
    data = on(device, spec.dtype)
    alone = trained_in(0, spec, [], data, slots=4, fused=True)

    for slot, n_others in ((1, 1), (3, 8)):
        beside = trained_in(slot, spec, neighbours(spec, INFO, n_others), data, slots=4, fused=True)

        assert same_bits(beside.network, alone.network), slot
    assert alone.engine_version == FUSED_VERSION
    assert_near(alone, trained_in(0, spec, [], data))


def assert_near(one: Trained, other: Trained) -> None:
    """Equal weights but for what sums in another order come to after some dozen steps."""
    for mine, theirs in zip(one.network.weights, other.network.weights, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("fused", "max_steps"), [(False, 500), (True, 40)])
def test_recorded_steps_give_the_bits_of_steps_run_one_by_one(
    fused: bool, max_steps: int, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = a_spec(INFO, seed=3, width=50, batch_size=32, max_steps=max_steps)
    data = on(device, spec.dtype)
    repeated = trained_in(0, spec, neighbours(spec, INFO, 3), data, fused=fused)
    monkeypatch.setattr(gradient_pack, "record_on", lambda device: None)

    run = trained_in(0, spec, neighbours(spec, INFO, 3), data, fused=fused)

    assert same_bits(repeated.network, run.network)
    assert (repeated.steps, repeated.train_loss) == (run.steps, run.train_loss)
