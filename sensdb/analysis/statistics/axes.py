"""The axes of a grid: spec fields that vary among configurations, and the means over replicas that stand on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensdb.analysis.statistics.finished import Columns, FloatArray, IntArray, coded, groups, reals, renumbered

AXES = (
    "n_train_points", "crop", "hidden_layers", "width", "nonlinearity", "biases", "weight_scale", "label_noise",
    "augmentation", "loss", "optimizer", "momentum", "learning_rate", "learning_rate_drop_epochs", "batch_size",
    "full_batch", "max_steps", "stop_rule", "stop_loss", "dtype",
)  # fmt: skip
"""Fields that may be an axis; width is the list of widths where they differ, so depth alone does not move it."""


@dataclass(frozen=True)
class Grid:
    """Configurations of one data set and metric.

    Attributes:
        axes: names of the fields that vary; one that another decides (momentum by optimizer) is none.
        levels: number of each configuration's value on each axis, [configurations, axes].
        value, gap: means over replicas, [configurations]; equal gaps are equal to the last bit.
        rows: positions of each configuration's rows in the columns.
    """

    dataset: str
    metric: str
    axes: tuple[str, ...]
    levels: IntArray
    value: FloatArray
    gap: FloatArray
    rows: tuple[IntArray, ...]
    n_models: int
    n_without: int


def grids(columns: Columns) -> Iterator[Grid]:
    """The grid of each data set and metric, in order of appearance.

    Args:
        columns: one row a model and metric: dataset, metric, configuration, value, generalization_gap and AXES. A
            row whose value or gap is missing is left out and counted.
    """
    value, gap = reals(columns, "value"), reals(columns, "generalization_gap")
    configuration = coded(columns, "configuration")[0]
    fields = np.stack([coded(columns, name)[0] for name in AXES], axis=1) if len(value) else np.zeros((0, len(AXES)))
    for (dataset, metric), at in groups(columns, ("dataset", "metric")):
        used = at[np.isfinite(value[at]) & np.isfinite(gap[at])]
        cluster, first = renumbered(configuration[used])
        n = np.bincount(cluster) if len(used) else np.zeros(0, dtype=np.int64)
        order = np.argsort(cluster, kind="stable")
        names, levels = _varying(fields[used[first]].astype(np.int64))
        yield Grid(
            str(dataset),
            str(metric),
            names,
            levels,
            np.bincount(cluster, weights=value[used]) / n if len(used) else np.zeros(0),
            # Means of multiples of 1 / n_test: equal ones must not differ in their last bit.
            np.round(np.bincount(cluster, weights=gap[used]) / n, 12) if len(used) else np.zeros(0),
            tuple(np.split(used[order], np.cumsum(n)[:-1])) if len(used) else (),
            len(used),
            len(at) - len(used),
        )


def lines(levels: IntArray, axis: int) -> IntArray:
    """The line of each configuration along one axis: equal numbers where all other axes agree, [configurations]."""
    others = np.delete(levels, axis, axis=1)
    if others.shape[1] == 0:
        return np.zeros(len(levels), dtype=np.int64)
    number: IntArray = np.unique(others, axis=0, return_inverse=True)[1].reshape(-1)
    return number


def pairs_on_lines(line: IntArray) -> tuple[IntArray, IntArray]:
    """All unordered pairs of configurations on one line, as two arrays of positions; lines of one have none."""
    order = np.argsort(line, kind="stable")
    first, second = [], []
    for members in np.split(order, np.flatnonzero(np.diff(line[order])) + 1):
        a, b = np.triu_indices(len(members), 1)
        first.append(members[a])
        second.append(members[b])
    return np.concatenate(first).astype(np.int64), np.concatenate(second).astype(np.int64)


def _varying(fields: IntArray) -> tuple[tuple[str, ...], IntArray]:
    """Names and levels of the axes among AXES; of two fields of which one decides the other, the deciding one."""
    distinct = [len(np.unique(fields[:, place])) for place in range(fields.shape[1])]
    kept: list[int] = []
    for place in sorted((each for each, n in enumerate(distinct) if n > 1), key=lambda each: -distinct[each]):
        together = [len(np.unique(fields[:, [place, other]], axis=0)) for other in kept]
        if all(n > distinct[other] for n, other in zip(together, kept, strict=True)):
            kept.append(place)
    kept.sort()
    levels = np.stack([renumbered(fields[:, place])[0] for place in kept], axis=1) if kept else fields[:, :0]
    return tuple(AXES[place] for place in kept), levels
