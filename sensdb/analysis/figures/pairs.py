"""Pairs of settings that differ in one factor, one side against the other (the paper's figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sensdb.analysis.figures.paper import (
    COLUMN_INCHES,
    CYCLE,
    INK,
    MANY_MARKS,
    MARKERS,
    add_caption,
    exclusions,
    mark_empty,
    name_decades,
    paper_style,
)
from sensdb.analysis.statistics.finished import Columns, IntArray, groups, reals, texts
from sensdb.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

SIDES = {
    "label_noise": ("true labels", "random labels"),
    "augmentation": ("augmented", "plain"),
    "nonlinearity": ("ReLU", "hard sigmoid"),
    "batch": ("mini-batch", "full batch"),
    "optimizer": ("mini-batch", "L-BFGS"),
}
TITLES = {"generalization_gap": "gap", "jacobian_norm": "Jacobian norm"}
LINEAR = ("generalization_gap", "train_accuracy", "test_accuracy")
MOST_METRICS = 3


def pairs_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """A row a factor, a column a metric; a point a pair, the side expected to be lower across, the other up.

    Points above the diagonal go the way the paper says (paper.md 4c); each panel says how many do.

    Args:
        columns: rows of the saved query `pairs`.
        left_out: models that are not among them, by reason.

    Raises:
        QueryError: more metrics than a column's width holds.
    """
    factors = [name for name in SIDES if name in set(texts(columns, "factor"))]
    metrics = list(dict.fromkeys(texts(columns, "metric")))
    datasets = list(dict.fromkeys(texts(columns, "dataset")))
    if len(metrics) > MOST_METRICS:
        raise QueryError(f"{len(metrics)} metrics do not fit the figure pairs.", f"-p metric=... names {MOST_METRICS}.")
    n_rows, n_columns = max(1, len(factors)), max(1, len(metrics))
    at = {(key[0], key[1]): rows for key, rows in groups(columns, ("factor", "metric"))}
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 0.9 + 1.13 * n_rows), layout="constrained")
        grid = figure.subplots(n_rows, n_columns, squeeze=False)
        for row, factor in enumerate(factors):
            for place, metric in enumerate(metrics):
                axes = grid[row, place]
                _draw(axes, columns, at.get((factor, metric), np.zeros(0, dtype=np.int64)), metric, datasets)
                if row == 0:
                    axes.set_title(TITLES.get(metric or "", (metric or "").replace("_", " ")), loc="center")
            grid[row, 0].set_ylabel(SIDES[factor][1])
            grid[row, n_columns // 2].set_xlabel(SIDES[factor][0])
        if not factors:
            mark_empty(grid[0, 0], "no pairs")
        elif len(datasets) > 1:
            handles = [
                grid[0, 0].plot([], [], MARKERS[i % len(MARKERS)], color=CYCLE[i % len(CYCLE)], ms=4, label=name)[0]
                for i, name in enumerate(datasets)
            ]
            figure.legend(handles=handles, loc="outside upper left", ncols=4, handletextpad=0.1, columnspacing=1.0)
        add_caption(figure, _caption(columns, factors, left_out or {}))
    return figure


def pairs_data(rows: pd.DataFrame) -> pd.DataFrame:
    """All pairs: each is drawn."""
    return rows


def _draw(axes: Axes, columns: Columns, at: IntArray, metric: str | None, datasets: list[str | None]) -> None:
    axes.grid(visible=False)
    axes.tick_params(labelsize=6, length=2, pad=1.5)
    axes.set_box_aspect(1)
    if len(at) == 0:
        mark_empty(axes, "no pairs")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    lower, higher = reals(columns, "value_lower"), reals(columns, "value_higher")
    dataset = np.asarray(texts(columns, "dataset"), dtype=object)[at]
    for place, name in enumerate(datasets):
        of = at[dataset == name]
        axes.plot(
            lower[of],
            higher[of],
            MARKERS[place % len(MARKERS)],
            color=CYCLE[place % len(CYCLE)],
            markersize=3.0,
            markeredgecolor="white",
            markeredgewidth=0.3,
            alpha=0.85,
            rasterized=len(at) > MANY_MARKS,
        )
    values = np.concatenate([lower[at], higher[at]])
    low, high = float(values.min()), float(values.max())
    if metric not in LINEAR and low > 0:
        axes.set(xscale="log", yscale="log")
        room = max(1.25, (high / low) ** 0.08)
        limits = (low / room, high * room)
    else:
        room = 0.08 * (high - low) or 0.01
        limits = (low - room, high + room)
    axes.set(xlim=limits, ylim=limits)
    axes.plot(limits, limits, color=INK, linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
    for axis in (axes.xaxis, axes.yaxis):
        if axes.get_xscale() == "log":
            name_decades(axis, n_ticks=2)
        else:
            axis.set_major_locator(MaxNLocator(3, steps=[1, 2, 4, 5, 10]))
    ties = np.isclose(lower[at], higher[at], rtol=1e-12, atol=0.0)
    n_above = int(np.sum((higher[at] > lower[at]) & ~ties))
    axes.text(0.96, 0.04, f"{n_above} of {len(at)}", transform=axes.transAxes, ha="right", fontsize=6, color=INK)


def _caption(columns: Columns, factors: list[str], left_out: Mapping[str, int]) -> str:
    counted = groups(columns, ("factor", "dataset"))
    pair = reals(columns, "pair")
    n_pairs: dict[str | None, list[str]] = {}
    for (factor, dataset), at in counted:
        n_pairs.setdefault(factor, []).append(f"{int(pair[at].max())} on {dataset}")
    names = {factor: f"{factor.replace('_', ' ')} {', '.join(n_pairs[factor])}" for factor in factors}
    return (
        f"Pairs: {'; '.join(names.values()) or 'none'}. A point is two settings that differ in this factor alone, each"
        " the mean over seeds; above the dashed diagonal the side named at the left is the higher one, as the paper"
        f" says, in so many of so many pairs. {exclusions(left_out)}"
    )
