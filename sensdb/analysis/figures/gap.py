"""The main figure: generalization gap against mean Jacobian norm, one point a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator

from sensdb.analysis.figures.paper import (
    BLUE,
    COLUMN_INCHES,
    INK,
    MANY_MARKS,
    PURPLE,
    VERMILLION,
    add_caption,
    exclusions,
    mark_empty,
    name_decades,
    paper_style,
)
from sensdb.analysis.statistics.factors import BoolArray
from sensdb.analysis.statistics.finished import Columns, FloatArray, reals, texts
from sensdb.definitions.metrics import POINT_METRICS

BREAK_FROM = 2.0
"""Random labels get a strip of their own where their smallest gap is so many times the largest of the others: on one
axis either the others would lie on its foot, as on digits, or a logarithm would hide that the gap is a difference."""

if TYPE_CHECKING:
    import pandas as pd

UNIT = next(metric.unit for metric in POINT_METRICS if metric.name == "jacobian_norm")

DATA = (
    "dataset", "label_noise", "n_seeds", "jacobian_norm_mean", "jacobian_norm_sd", "generalization_gap_mean",
    "generalization_gap_sd", "configuration_sha256",
)  # fmt: skip

LABELS = (("true labels", BLUE, "o"), ("part of the labels random", PURPLE, "s"), ("random labels", VERMILLION, "^"))


def gap_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """Gap against the mean over test points of the Jacobian norm, a panel for each data set (paper.md 4d).

    Args:
        columns: rows of the saved query `configurations`: dataset, label_noise, n_seeds, and mean and standard
            deviation over seeds of gap and Jacobian norm.
        left_out: models that are not among them, by reason.

    Returns:
        A figure one column wide; its caption says n, exclusions and what the bars are. A configuration without a
        positive Jacobian norm cannot stand on a logarithmic axis and is counted there.
    """
    dataset = texts(columns, "dataset")
    names = list(dict.fromkeys(dataset))
    drawn = _drawn(columns)
    n_columns = min(2, max(1, len(names)))
    n_rows = max(1, -(-len(names) // n_columns))
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 3.1 if n_columns == 1 else 0.6 + 1.85 * n_rows), layout="constrained")
        # One grid for all: where some data sets have a strip and others none, grids within cells differ in width.
        grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=(1, 3.2) * n_rows)
        for place, name in enumerate(names or [None]):
            at = drawn & np.array([each == name for each in dataset], dtype=bool)
            row, column = 2 * (place // n_columns), place % n_columns
            panels = _panels(figure, grid[row, column], grid[row + 1, column], columns, at)
            if len(names) > 1:
                panels[0].set_title(name or "", loc="left")
            if n_columns == 1 or place + n_columns >= len(names):
                panels[-1].set_xlabel(f"mean Jacobian norm\n({UNIT})" if n_columns == 1 else "mean Jacobian norm")
            if column == 0:
                panels[-1].set_ylabel("generalization gap")
        _add_legend(figure, columns, drawn)
        add_caption(figure, _caption(columns, drawn, names, left_out or {}))
    return figure


def gap_data(rows: pd.DataFrame) -> pd.DataFrame:
    """The configurations that are drawn, with their places and bars."""
    return rows[_drawn(dict(rows))][list(DATA)].reset_index(drop=True)


def _drawn(columns: Columns) -> BoolArray:
    x, gap = reals(columns, "jacobian_norm_mean"), reals(columns, "generalization_gap_mean")
    made: BoolArray = np.isfinite(x) & np.isfinite(gap) & (x > 0)
    return made


def _panels(figure: Figure, upper: SubplotSpec, lower: SubplotSpec, columns: Columns, at: Any) -> list[Axes]:
    """One data set in its two cells: one panel over both, or a strip for random labels above a panel for the others."""
    noise, gap = reals(columns, "label_noise"), reals(columns, "generalization_gap_mean")
    random, others = at & (noise == 1), at & (noise < 1)
    parted = np.any(random) and np.any(others) and gap[random].min() > max(0.0, BREAK_FROM * gap[others].max())
    if not parted:
        grid = upper.get_gridspec()
        axes = figure.add_subplot(grid[upper.rowspan.start : lower.rowspan.stop, upper.colspan.start])
        _draw(axes, columns, at)
        return [axes]
    above = figure.add_subplot(upper)
    below = figure.add_subplot(lower, sharex=above)
    _draw(above, columns, random)
    _draw(below, columns, others)
    above.margins(y=0.6)
    above.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10], min_n_ticks=1))
    above.spines["bottom"].set_visible(False)
    above.tick_params(axis="x", which="both", bottom=False, labelbottom=False)
    # Two short strokes where the axis is broken.
    stroke: Any = {"marker": [(-1, -0.6), (1, 0.6)], "markersize": 5, "linestyle": "none", "color": INK, "mew": 0.7}
    above.plot([0], [0], transform=above.transAxes, clip_on=False, **stroke)
    below.plot([0], [1], transform=below.transAxes, clip_on=False, **stroke)
    return [above, below]


def _draw(axes: Axes, columns: Columns, at: Any) -> None:
    if not np.any(at):
        mark_empty(axes, "no configuration")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    x, gap = reals(columns, "jacobian_norm_mean"), reals(columns, "generalization_gap_mean")
    x_spread, gap_spread = reals(columns, "jacobian_norm_sd"), reals(columns, "generalization_gap_sd")
    for (_, colour, marker), members in zip(LABELS, _kinds(columns), strict=True):
        rows = at & members
        if np.any(rows):
            axes.errorbar(
                x[rows],
                gap[rows],
                xerr=_bars(x_spread[rows], x[rows]),
                yerr=_bars(gap_spread[rows], np.full(int(np.sum(rows)), np.inf)),
                fmt=marker,
                color=colour,
                markersize=3.6,
                markeredgecolor="white",
                markeredgewidth=0.4,
                rasterized=int(np.sum(at)) > MANY_MARKS,
                elinewidth=0.5,
                alpha=0.9,
            )
    axes.set_xscale("log")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    name_decades(axes.xaxis)


def _kinds(columns: Columns) -> tuple[Any, Any, Any]:
    noise = reals(columns, "label_noise")
    return noise == 0, (noise > 0) & (noise < 1), noise == 1


def _bars(spread: FloatArray, room: FloatArray) -> FloatArray:
    """Half lengths of error bars [2, n]: one standard deviation, none with one seed, never down to 0 on a log axis."""
    half = np.where(np.isfinite(spread), spread, 0.0)
    return np.stack([np.minimum(half, 0.95 * room), half])


def _add_legend(figure: Figure, columns: Columns, drawn: Any) -> None:
    """Names of the kinds of labels, where there is more than one kind."""
    kinds = [label for label, members in zip(LABELS, _kinds(columns), strict=True) if np.any(drawn & members)]
    if len(kinds) < 2:
        return
    axes = figure.axes[0]
    handles = [axes.plot([], [], marker, color=colour, markersize=4, label=name)[0] for name, colour, marker in kinds]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), handletextpad=0.1, columnspacing=1.0)


def _caption(columns: Columns, drawn: Any, names: list[str | None], left_out: Mapping[str, int]) -> str:
    n_seeds = reals(columns, "n_seeds")
    n_hidden = len(n_seeds) - int(np.sum(drawn))
    dataset = np.asarray(texts(columns, "dataset"), dtype=object)
    counted = [
        f"{name}: {int(np.sum(drawn & (dataset == name)))} configurations,"
        f" {int(np.sum(n_seeds[drawn & (dataset == name)]))} models"
        for name in names
    ]
    bars = "; bars are one standard deviation over seeds" if np.any(n_seeds[drawn] > 1) else ""
    hidden = f" {n_hidden} configurations have no positive value to draw." if n_hidden else ""
    only = ", all on true labels" if np.any(drawn) and np.all(_kinds(columns)[0][drawn]) else ""
    return (
        f"{'; '.join(counted) or 'No models'}{only}. A point is a configuration's mean over seeds{bars}. The Jacobian"
        f" norm is the mean over test points.{hidden}"
        f" {exclusions(left_out)}"
    )
