"""What a step asks of the device it runs on, shown on torch's meta device, whose tensors hold no numbers."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from sensdb.training.gradient_pack import GradientPack
from sensdb.training.slots import Model
from sensdb.training.trainer import TrainingData
from tests.training.models import a_spec, made_up_data, made_up_info

INFO = made_up_info()


def without_numbers() -> TrainingData:
    data = made_up_data(INFO)
    return dataclasses.replace(data, rows=data.rows.to("meta"), labels=data.labels.to("meta"))


def entered(pack: GradientPack, data: TrainingData, n_models: int) -> list[Model]:
    models = [Model.begin(row, pack.spec, data) for row in range(n_models)]
    for row, model in enumerate(models):
        pack.enter(row, model)
    return models


@pytest.mark.parametrize(
    ("optimizer", "batch", "loss", "augmentation"),
    [
        ("sgd", 16, "cross_entropy", None),
        ("momentum", 16, "squared", ["translate", "flip"]),
        ("adam", "full", "cross_entropy", ["rotate"]),
        ("rmsprop", "full", "squared", None),
    ],
)
def test_no_step_reads_a_number_back_from_the_device(
    optimizer: str, batch: int | str, loss: str, augmentation: list[str] | None
) -> None:
    data = without_numbers()
    fields = {"optimizer": optimizer, "batch_size": batch, "loss": loss, "augmentation": augmentation}
    pack = GradientPack(a_spec(INFO, biases=True, label_noise=0.5, **fields), 3, data)
    with torch.no_grad():
        models = entered(pack, data, 2)
        pack.advance(models, 3, float("inf"))  # raises where a number is asked for
        pack.move(1, 0)
        pack.leave(1)
        pack.advance(models[:1], 1, float("inf"))
    assert models[0].steps == 4


def test_looking_for_losses_that_are_not_finite_does_read_numbers() -> None:
    data = without_numbers()
    pack = GradientPack(a_spec(INFO), 1, data)
    with torch.no_grad():
        models = entered(pack, data, 1)
        pack.advance(models, 1, float("inf"))
        with pytest.raises(RuntimeError, match="meta"):
            pack.look(0, models[0])
