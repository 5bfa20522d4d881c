"""The factors whose effect the study claims, and how settings that differ in one factor alone are paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensdb.analysis.statistics.finished import Columns, IntArray, codes, texts

SPEC_FIELDS = (
    "n_train_points", "crop", "hidden_layers", "widths", "nonlinearity", "biases", "weight_scale", "label_noise",
    "augmentation", "loss", "optimizer", "momentum", "learning_rate", "learning_rate_drop_epochs", "batch_size",
    "full_batch", "max_steps", "stop_rule", "stop_loss", "dtype",
)  # fmt: skip
"""Columns that hold a spec without its data set and seed; pairs agree in all of them but their factor's own."""

BoolArray = np.typing.NDArray[np.bool_]


@dataclass(frozen=True)
class Factor:
    """A binary choice, with the side that the paper expects to generalize better (paper.md 4c).

    Attributes:
        name: as it stands in the column `factor`.
        expected_lower, expected_higher: the two sides, by the metric's expected value.
        fields: spec fields in which a pair may differ: the factor itself, and what goes with it.
        lower, higher: which rows are on each side.
    """

    name: str
    expected_lower: str
    expected_higher: str
    fields: tuple[str, ...]
    lower: Callable[[Columns], BoolArray]
    higher: Callable[[Columns], BoolArray]


def _is(field: str, value: Any) -> Callable[[Columns], BoolArray]:
    return lambda columns: np.asarray([given == value for given in columns[field]], dtype=bool)


def _first_order_mini_batch(columns: Columns) -> BoolArray:
    return ~_is("optimizer", "lbfgs")(columns) & _is("full_batch", False)(columns)


FACTORS = (
    Factor("label_noise", "0", "1", ("label_noise",), _is("label_noise", 0), _is("label_noise", 1)),
    Factor(
        "augmentation",
        "augmented",
        "none",
        ("augmentation",),
        lambda columns: ~_is("augmentation", "none")(columns),
        _is("augmentation", "none"),
    ),
    Factor(
        "nonlinearity",
        "relu",
        "hard_sigmoid",
        ("nonlinearity",),
        _is("nonlinearity", "relu"),
        _is("nonlinearity", "hard_sigmoid"),
    ),
    Factor("batch", "mini", "full", ("batch_size", "full_batch"), _is("full_batch", False), _is("full_batch", True)),
    # The paper's own contrast: batch and optimizer change together, and with them rate, momentum and step budget.
    Factor(
        "optimizer",
        "mini-batch",
        "lbfgs",
        (
            *("optimizer", "momentum", "learning_rate", "learning_rate_drop_epochs"),
            *("batch_size", "full_batch", "max_steps"),
        ),
        _first_order_mini_batch,
        _is("optimizer", "lbfgs"),
    ),
)


def field_codes(columns: Columns) -> dict[str, IntArray]:
    """Each spec field, and the data set, as whole numbers that agree where the values do; missing equals missing."""
    return {name: codes(texts(columns, name)) for name in ("dataset", *SPEC_FIELDS)}


def settings(fields: dict[str, IntArray], factor: Factor) -> IntArray:
    """The setting of each row: a number that rows share when they agree in everything but the factor, [n]."""
    kept = np.stack([code for name, code in fields.items() if name not in factor.fields], axis=1)  # [n, fields]
    if len(kept) == 0:
        return np.zeros(0, dtype=np.int64)
    setting: IntArray = np.unique(kept, axis=0, return_inverse=True)[1].reshape(-1)
    return setting
