"""The matched pairs of each factor one by one, where `factor_pairs` counts them. Finishes the saved query `pairs`."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensdb.analysis.statistics.factor_pairs import pair_means
from sensdb.analysis.statistics.factors import FACTORS, BoolArray, Factor, field_codes, settings
from sensdb.analysis.statistics.finished import Columns, Finished, FloatArray, IntArray, groups, reals, texts

NAMES = (
    "dataset", "factor", "expected_lower", "expected_higher", "metric", "pair", "value_lower", "value_higher",
    "hidden_layers", "widths",
)  # fmt: skip


def pairs(columns: Columns) -> Finished:
    """Both sides of every pair that `factor_pairs` compares (paper.md 2 and 4c), for figures and to find exceptions.

    Args:
        columns: as `factor_pairs` takes them.

    Returns:
        One row a data set, factor, metric and pair, numbered from 1 within them; `value_lower` is the mean of the
        side that is expected to be lower. A pair of augmentation without a rise in test accuracy is not among them.
    """
    value, accuracy = reals(columns, "value"), reals(columns, "test_accuracy")
    fields, widths = field_codes(columns), texts(columns, "widths")
    depth = reals(columns, "hidden_layers")
    by_factor = [(factor, settings(fields, factor)) for factor in FACTORS]
    made: list[tuple[Any, ...]] = []
    by_metric = groups(columns, ("dataset", "metric"))
    for dataset in dict.fromkeys(key[0] for key, _ in by_metric):
        for factor, setting in by_factor:
            for metric, at in [(key[1], at) for key, at in by_metric if key[0] == dataset]:
                lower, higher = _sides(columns, factor, at)
                sides = pair_means(value, setting, at[lower], at[higher])
                first = _first_rows(value, setting, at[lower], at[higher])
                kept = np.ones(len(sides), dtype=bool)
                if factor.name == "augmentation":
                    measured = np.where(np.isfinite(value), accuracy, np.nan)
                    test = pair_means(measured, setting, at[lower], at[higher])
                    kept = test[:, 0] > test[:, 1]
                for pair, row in enumerate(np.flatnonzero(kept), start=1):
                    of_both = (int(depth[first[row]]), widths[first[row]])
                    values = (float(sides[row, 0]), float(sides[row, 1]))
                    names = (factor.name, factor.expected_lower, factor.expected_higher, metric)
                    made.append((dataset, *names, pair, *values, *of_both))
    return Finished({name: [row[place] for row in made] for place, name in enumerate(NAMES)})


def _sides(columns: Columns, factor: Factor, at: IntArray) -> tuple[BoolArray, BoolArray]:
    return factor.lower(columns)[at], factor.higher(columns)[at]


def _first_rows(value: FloatArray, setting: IntArray, lower: IntArray, higher: IntArray) -> IntArray:
    """A row of the lower side of each pair of `pair_means`, in its order."""
    lower, higher = lower[np.isfinite(value[lower])], higher[np.isfinite(value[higher])]
    shared, place, _ = np.intersect1d(setting[lower], setting[higher], return_indices=True)
    assert len(shared) == len(place)
    return lower[place]
