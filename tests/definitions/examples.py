"""Specs and data sets for the tests of this room."""

from __future__ import annotations

from sensdb.datasets.catalogue import DatasetInfo, dataset_info
from sensdb.definitions.spec import TrainingSpec, make_spec

ROWS = DatasetInfo(f"npz:{'0' * 64}", 50, 20, 1, 12, 1, 3, "Rows of numbers, no pictures.")
WIDE = DatasetInfo(f"npz:{'1' * 64}", 50, 20, 6, 12, 1, 3, "Pictures that are not square.")

# A mapping with every required field and nothing else.
SMALLEST = {"dataset": "digits", "hidden_layers": 2, "width": 16, "learning_rate": 0.01, "batch_size": 32}


def sizes(name: str) -> DatasetInfo:
    """Sizes of the built-in data sets and of the two above."""
    return {info.name: info for info in (ROWS, WIDE)}.get(name) or dataset_info(name)


def spec(**fields: object) -> TrainingSpec:
    """A spec of SMALLEST with some fields changed."""
    return make_spec({**SMALLEST, **fields}, sizes)
