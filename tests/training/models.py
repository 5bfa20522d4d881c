"""Specs and training points for the tests: small made-up data sets of any shape, and ways to train on them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec, make_spec
from sensdb.training.data import DTYPES, TrainingData
from sensdb.training.layout import aligned
from sensdb.training.network import StackedNetwork
from sensdb.training.trainer import Trained, Trainer

MADE_UP = "npz:" + "0" * 64


def made_up_info(n: int = 120, shape: tuple[int, int, int] = (4, 4, 1), n_classes: int = 4) -> DatasetInfo:
    """The sizes of a data set that exists nowhere."""
    return DatasetInfo(MADE_UP, n, 10, *shape, n_classes, "made up")


def made_up_data(info: DatasetInfo, dtype: str = "float32") -> TrainingData:
    """Standardised normal points with labels that a linear map of them mostly gives, so that they can be learnt."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(info.n_train, info.input_size, generator=generator, dtype=torch.float64)
    if info.input_size > 1:
        x = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True, correction=0)
    teacher = torch.randn(info.input_size, info.n_classes, generator=generator, dtype=torch.float64)
    rows = torch.zeros(info.n_train, aligned(info.input_size), dtype=DTYPES[dtype])
    rows[:, : info.input_size] = x
    return TrainingData(info, rows, (x @ teacher).argmax(1), (info.height, info.width, info.channels))


def a_spec(info: DatasetInfo, **fields: object) -> TrainingSpec:
    """A spec on a made-up data set: two hidden layers of 9, momentum, batches of 16, 60 steps, but for `fields`."""
    chosen: dict[str, object] = {
        "dataset": info.name,
        "hidden_layers": 2,
        "width": 9,
        "batch_size": 16,
        "max_steps": 60,
        "learning_rate": 0.05,
        **fields,
    }
    if chosen.get("optimizer") == "lbfgs":
        del chosen["learning_rate"]
    return make_spec(chosen, lambda _: info)


def train_pack(specs: Sequence[TrainingSpec], data: TrainingData, slots: int | None = None) -> list[Trained]:
    """Train specs as one pack, refilling its slots in order; results in the order of the specs."""
    trainer = Trainer(specs[0], slots or len(specs), data)
    waiting = list(enumerate(specs))
    placed: dict[int, int] = {}
    results: dict[int, Trained] = {}
    while waiting or placed:
        for slot in trainer.free_slots:
            if waiting:
                position, spec = waiting.pop(0)
                trainer.put(slot, spec)
                placed[slot] = position
        for slot in trainer.run():
            results[placed.pop(slot)] = trainer.take(slot)
    return [results[position] for position in range(len(specs))]


def same_bits(a: StackedNetwork, b: StackedNetwork) -> bool:
    """Whether two networks of M = 1 are equal to the last bit, weights and biases."""
    pairs = zip([*a.weights, *(a.biases or [])], [*b.weights, *(b.biases or [])], strict=True)
    return all(torch.equal(one, other) for one, other in pairs)
