"""Fused steps beside stacked ones: the kernel as it is written, read by Triton's interpreter where no GPU is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.fused import is_fused
from sensdb.training.gradient_pack import GradientPack
from sensdb.training.packing import ENGINE_VERSION, FUSED_VERSION, RESIDENT_VERSION
from sensdb.training.trainer import Trained
from tests.training.models import a_spec, same_bits
from tests.training.test_resident import (
    DATA,
    FEW,
    INFO,
    SHAPES,
    hasty_neighbours,
    numbers_of,
    resumed_at_a_check,
    trained,
)

# NumPy, which interprets, says so where a diverging model overflows; a GPU does not.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
pytest.importorskip("triton", reason="Triton has no wheel for this kind of machine")

# Beyond those of resident steps: several tiles a layer, several loads of points a batch, and a smooth nonlinearity.
MORE = {
    "tiles": {"width": [70, 130], "batch_size": 40, "biases": True, "max_steps": 5},
    "half a load of points": {"batch_size": 100, "optimizer": "adam", "learning_rate": 0.01},
    "tanh": {"nonlinearity": "tanh"},
}


@lru_cache
def alone(spec: TrainingSpec) -> Trained:
    return trained([spec], 1, fused=True)[spec]


@pytest.mark.parametrize("shape", [*SHAPES, *MORE])
def test_fused_steps_are_the_stacked_steps_but_for_rounding(shape: str) -> None:
    spec = a_spec(INFO, seed=3, **{**FEW, **{**SHAPES, **MORE}[shape]})
    stacked = trained([spec], 1)[spec]

    fused = alone(spec)

    assert (fused.steps, fused.stop_reason) == (stacked.steps, stacked.stop_reason)
    assert fused.train_loss == pytest.approx(stacked.train_loss, rel=1e-5)
    for mine, theirs in zip(numbers_of(fused), numbers_of(stacked), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_a_fused_model_is_the_same_beside_others_that_come_and_go() -> None:
    fields = {"optimizer": "adam", "hidden_layers": 1, "biases": True}
    spec = a_spec(INFO, seed=3, learning_rate=0.01, max_steps=12, **fields)
    first, *others = hasty_neighbours(fields)

    beside = trained([first, spec, *others], 2, seconds=0.0, fused=True)

    assert same_bits(beside[spec].network, alone(spec).network)
    assert beside[spec].train_loss == alone(spec).train_loss


@pytest.mark.parametrize("shape", ["momentum", "adam"])
def test_a_fused_model_goes_on_from_its_checkpoint_to_the_same_bits(shape: str, tmp_path: Path) -> None:
    spec = a_spec(INFO, seed=3, stop="fitted", **FEW, **SHAPES[shape])

    resumed = resumed_at_a_check(spec, tmp_path, fused=True)

    assert same_bits(resumed.network, alone(spec).network)


def test_a_fused_model_of_nan_harms_no_neighbour_and_diverges_where_a_stacked_one_does() -> None:
    # Loads of 16 points reach past these 13, into the neighbour behind.
    fields = {"batch_size": 13, "width": 16, **FEW}
    spec = a_spec(INFO, seed=3, **fields)
    wild = a_spec(INFO, seed=4, learning_rate=1e18, **fields)
    stacked = trained([wild], 1)[wild]

    together = trained([spec, wild], 2, fused=True)

    assert (together[wild].stop_reason, together[wild].steps) == ("diverged", stacked.steps)
    assert same_bits(together[spec].network, alone(spec).network)


def test_results_say_that_steps_were_fused_unless_they_were_resident() -> None:
    small, large = a_spec(INFO, max_steps=1), a_spec(INFO, max_steps=1, width=128)
    full = a_spec(INFO, max_steps=1, batch_size="full")

    versions = [trained([spec], 1, resident=True, fused=True)[spec].engine_version for spec in (small, large, full)]

    assert versions == [RESIDENT_VERSION, FUSED_VERSION, ENGINE_VERSION]


@pytest.mark.parametrize(
    "fields", [{"dtype": "float64"}, {"batch_size": "full"}, {"optimizer": "lbfgs", "batch_size": "full"}]
)
def test_other_specs_stay_stacked(fields: dict[str, object]) -> None:
    assert is_fused(a_spec(INFO))
    assert not is_fused(a_spec(INFO, **fields))


def test_a_fused_pack_holds_no_gradient() -> None:
    spec = a_spec(INFO, optimizer="adam")

    assert GradientPack(spec, 2, DATA, fused=True).gradient is None
    assert GradientPack(spec, 2, DATA).gradient is not None
