"""Resident steps beside stacked ones: the kernel as it is written, read by Triton's interpreter where no GPU is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.checkpoint import CheckpointFolder
from sensdb.training.packing import ENGINE_VERSION, RESIDENT_VERSION
from sensdb.training.resident import is_resident
from sensdb.training.trainer import Trained, Trainer
from tests.training.models import a_spec, made_up_data, made_up_info, same_bits

# NumPy, which interprets, says so where a diverging model overflows; a GPU does not.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
pytest.importorskip("triton", reason="Triton has no wheel for this kind of machine")

INFO = made_up_info(120, (4, 4, 1), 4)
DATA = made_up_data(INFO)
# Few steps, for two sums in different orders drift apart, and an interpreted step takes 25 ms.
FEW = {"max_steps": 14}
SHAPES = {
    "momentum": {},
    "sgd": {"optimizer": "sgd"},
    "adam": {"optimizer": "adam", "learning_rate": 0.01, "biases": True},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01, "biases": True},
    "odd sizes": {"width": [7, 33, 5], "hidden_layers": 3, "batch_size": 13, "biases": True},
    "width 1": {"width": 1, "biases": True},
    "one point a batch": {"batch_size": 1, "learning_rate": 0.01},
    "no hidden layer": {"hidden_layers": 0, "biases": True},
    "squared": {"loss": "squared", "biases": True},
    "relu6": {"nonlinearity": "relu6", "weight_scale": 8.0},
    "hard_tanh": {"nonlinearity": "hard_tanh"},
    "hard_sigmoid": {"nonlinearity": "hard_sigmoid", "biases": True, "width": 5},
    "augmentation": {"augmentation": ["translate", "flip", "rotate"]},
    "learning-rate drops": {"learning_rate_drop_epochs": 1},
}


def trained(
    specs: list[TrainingSpec], slots: int, *, seconds: float = 1.0, **kinds: bool
) -> dict[TrainingSpec, Trained]:
    """The specs trained in these slots, refilled in order, by so many seconds a call of the trainer."""
    trainer = Trainer(specs[0], slots, DATA, **kinds)
    waiting, ended = list(specs), {}
    while len(ended) < len(specs):
        for slot in trainer.free_slots[: len(waiting)]:
            trainer.put(slot, waiting.pop(0))
        for slot in trainer.run(seconds):
            one = trainer.take(slot)
            ended[one.spec] = one
    return ended


@lru_cache
def alone(spec: TrainingSpec) -> Trained:
    return trained([spec], 1, resident=True)[spec]


@pytest.mark.parametrize("shape", SHAPES)
def test_resident_steps_are_the_stacked_steps_but_for_rounding(shape: str) -> None:
    spec = a_spec(INFO, seed=3, **FEW, **SHAPES[shape])
    stacked = trained([spec], 1, resident=False)[spec]

    resident = alone(spec)

    assert (resident.steps, resident.stop_reason) == (stacked.steps, stacked.stop_reason)
    assert resident.train_loss == pytest.approx(stacked.train_loss, rel=1e-5)
    pairs = zip(numbers_of(resident), numbers_of(stacked), strict=True)
    for mine, theirs in pairs:
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", ["momentum", "augmentation"])
def test_a_resident_model_is_the_same_beside_others_that_come_and_go(shape: str) -> None:
    spec = a_spec(INFO, seed=3, **FEW, **SHAPES[shape])
    first, *others = hasty_neighbours(SHAPES[shape])

    beside = trained([first, spec, *others], 2, resident=True, seconds=0.0)

    assert same_bits(beside[spec].network, alone(spec).network)
    assert beside[spec].train_loss == alone(spec).train_loss


@pytest.mark.parametrize("shape", ["momentum", "adam", "rmsprop"])
def test_a_resident_model_goes_on_from_its_checkpoint_to_the_same_bits(shape: str, tmp_path: Path) -> None:
    spec = a_spec(INFO, seed=3, stop="fitted", **FEW, **SHAPES[shape])

    resumed = resumed_at_a_check(spec, tmp_path, resident=True)

    assert same_bits(resumed.network, alone(spec).network)


def test_a_resident_model_of_nan_harms_no_neighbour_and_diverges_where_a_stacked_one_does() -> None:
    spec = a_spec(INFO, seed=3, **FEW)
    wild = a_spec(INFO, seed=4, **FEW, learning_rate=1e18, loss="cross_entropy")
    stacked = trained([wild], 1, resident=False)[wild]

    together = trained([wild, spec], 2, resident=True)

    assert (together[wild].stop_reason, together[wild].steps) == ("diverged", stacked.steps)
    assert same_bits(together[spec].network, alone(spec).network)


def test_results_say_which_steps_they_are_of() -> None:
    small, large = a_spec(INFO, max_steps=1), a_spec(INFO, max_steps=1, width=128)

    versions = [trained([spec], 1, resident=True)[spec].engine_version for spec in (small, large)]

    assert versions == [RESIDENT_VERSION, ENGINE_VERSION]
    assert trained([small], 1, resident=False)[small].engine_version == ENGINE_VERSION


@pytest.mark.parametrize(
    "fields",
    [
        {"nonlinearity": "tanh"},
        {"dtype": "float64"},
        {"batch_size": "full"},
        {"optimizer": "lbfgs", "batch_size": "full"},
        {"width": 128},
        {"width": 64, "optimizer": "adam", "hidden_layers": 4},
    ],
)
def test_other_shapes_stay_stacked(fields: dict[str, object]) -> None:
    assert is_resident(a_spec(INFO), INFO)
    assert not is_resident(a_spec(INFO, **fields), INFO)


def hasty_neighbours(fields: dict[str, object]) -> list[TrainingSpec]:
    """Three of the same pack key that are soon done, each after another number of steps; one diverges."""
    return [
        a_spec(INFO, seed=seed, **{**fields, "learning_rate": rate, "max_steps": n_steps})
        for seed, rate, n_steps in ((0, 0.001, 4), (1, 1e30, 5), (2, 0.3, 9))
    ]


def resumed_at_a_check(spec: TrainingSpec, place: Path, **kinds: bool) -> Trained:
    """The model from its checkpoint at its first check on, in another slot of another trainer."""
    first = Trainer(spec, 2, DATA, **kinds)
    first.put(1, spec)
    first.run(seconds=0.0)
    folder = CheckpointFolder(place, "cpu")
    taken = first.checkpoint(1)
    assert taken is not None
    assert 0 < taken.steps < spec.max_steps
    folder.write(taken)
    assert folder.read(spec, ENGINE_VERSION) is None  # stacked steps do not take it up

    second = Trainer(spec, 2, DATA, **kinds)
    second.put(0, spec, folder.read(spec, second.engine_version))
    assert second.furthest_step == taken.steps
    while not second.run():
        pass
    return second.take(0)


def numbers_of(one: Trained) -> list[torch.Tensor]:
    """Weights and biases."""
    return [*one.network.weights, *(one.network.biases or [])]
