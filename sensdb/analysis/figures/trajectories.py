"""Sensitivity along closed curves: Jacobian norm and transitions against the angle (the paper's figure 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from sensdb.analysis.figures.paper import (
    BLUE,
    COLUMN_INCHES,
    GREEN,
    INK,
    VERMILLION,
    add_caption,
    exclusions,
    mark_empty,
    name_decades,
    paper_style,
)
from sensdb.analysis.statistics.finished import Columns, groups, reals

if TYPE_CHECKING:
    import pandas as pd

KINDS = {
    "random": ("random ellipse", VERMILLION, ":"),
    "different_classes": ("three classes", BLUE, "-"),
    "same_class": ("one class", GREEN, "--"),
}
ANCHORS = (math.pi / 3, math.pi, 5 * math.pi / 3)
TICKS = {0.0: "0", math.pi / 3: "π/3", math.pi: "π", 5 * math.pi / 3: "5π/3", 2 * math.pi: "2π"}


def trajectories_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """Jacobian norm and transitions against the angle, a line for each kind of ellipse (paper.md 4a).

    One data set has the norm above and the transitions below; several have a row each, the norm on the left.

    Args:
        columns: rows of the saved query `trajectory_profile`.
        left_out: models that are not among them, by reason.
    """
    by_dataset = groups(columns, ("dataset",))
    several = len(by_dataset) > 1
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 1.0 + 1.4 * len(by_dataset) if several else 3.8), layout="constrained")
        grid = (
            figure.subplots(max(1, len(by_dataset)), 2, sharex=True, squeeze=False)
            if several
            else (figure.subplots(2, 1, sharex=True, squeeze=False).T)
        )
        for place, ((name,), at) in enumerate(by_dataset):
            norms, transitions = grid[place]
            _draw(norms, columns, at, "log10_jacobian_norm", 10.0)
            _draw(transitions, columns, at, "transitions", None)
            norms.set_yscale("log")
            name_decades(norms.yaxis)
            transitions.set_ylim(bottom=0)
            if several:
                norms.set_title(name or "", loc="left")
        for norms, transitions in grid:
            for axes in (norms, transitions):
                _mark_points(axes, narrow=several)
                if not by_dataset:
                    mark_empty(axes, "no trajectories")
            norms.set_ylabel("Jacobian norm")
            transitions.set_ylabel("transitions a bin")
        for axes in grid[-1] if several else grid[-1, 1:]:
            axes.set_xlabel("angle")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside upper left", ncols=3, columnspacing=1.0)
        add_caption(figure, _caption(columns, by_dataset, left_out or {}))
    return figure


def trajectories_data(rows: pd.DataFrame) -> pd.DataFrame:
    """All bins, with what is drawn of them."""
    return rows


def _draw(axes: Axes, columns: Columns, at: np.ndarray, metric: str, base: float | None) -> None:
    """One line a kind, mean over models, and a band of 90 % of them; `base` undoes a logarithm."""
    for (kind,), rows in groups({"kind": np.asarray(columns["kind"])[at]}, ("kind",)):
        rows = at[rows]
        rows = rows[np.argsort(reals(columns, "angle")[rows], kind="stable")]
        angle, mean, low, high = (
            reals(columns, name)[rows] for name in ("angle", f"{metric}_mean", f"{metric}_q05", f"{metric}_q95")
        )
        if base is not None:
            mean, low, high = base**mean, base**low, base**high
        label, colour, line = KINDS[kind or "random"]
        axes.fill_between(angle, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(angle, mean, color=colour, linestyle=line, label=label)


def _mark_points(axes: Axes, *, narrow: bool) -> None:
    for anchor in ANCHORS:
        axes.axvline(anchor, color=INK, linewidth=0.5, linestyle=(0, (1, 3)))
    axes.grid(visible=False, axis="x")
    axes.set_xlim(0, 2 * math.pi)
    axes.xaxis.set_major_locator(FixedLocator(list(ANCHORS) if narrow else list(TICKS)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda angle, _: TICKS.get(angle, "")))


def _caption(
    columns: Columns, by_dataset: list[tuple[tuple[str | None, ...], np.ndarray]], left_out: Mapping[str, int]
) -> str:
    n_models, n_trajectories = reals(columns, "n_models"), reals(columns, "n_trajectories")
    counted = [
        f"{name}: {int(n_models[at].max())} models, {int(n_trajectories[at].max())} ellipses of a kind at most"
        for (name,), at in by_dataset
    ]
    return (
        f"{'; '.join(counted) or 'No models'}. Lines: mean over models (of the norm, geometric); bands: 90 % of them."
        f" At the dotted angles an ellipse, if not random, passes its three training points. {exclusions(left_out)}"
    )
