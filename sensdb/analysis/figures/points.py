"""The per-point side: accuracy and share of the loss by how large a point's Jacobian norm is within its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, PercentFormatter

from sensdb.analysis.figures.paper import (
    COLUMN_INCHES,
    CYCLE,
    INK,
    MARKERS,
    add_caption,
    exclusions,
    mark_empty,
    paper_style,
)
from sensdb.analysis.statistics.finished import Columns, groups, reals

if TYPE_CHECKING:
    import pandas as pd

DATA = (
    "dataset", "quantile", "accuracy", "accuracy_q05", "accuracy_q95", "loss_share", "n_models", "n_points",
)  # fmt: skip


def points_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """Accuracy, and share of the test loss, in equal groups of points by Jacobian norm (paper.md 4e and 13).

    Points are ranked within their model, for levels differ between models by orders of magnitude; what is shown is
    the mean over models.

    Args:
        columns: rows of the saved query `points_by_quantile`.
        left_out: models that are not among them, by reason.

    Returns:
        A figure one column wide with two panels, a line for each data set.
    """
    quantile, n_models = reals(columns, "quantile"), reals(columns, "n_models")
    by_dataset = groups(columns, ("dataset",))
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 3.5), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for place, ((name,), at) in enumerate(by_dataset):
            colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
            at = at[np.argsort(quantile[at], kind="stable")]
            x = quantile[at]
            low, high = reals(columns, "accuracy_q05")[at], reals(columns, "accuracy_q95")[at]
            above.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            above.plot(x, reals(columns, "accuracy")[at], marker=marker, markersize=3.5, color=colour, label=name)
            share = reals(columns, "loss_share")[at]
            if len(by_dataset) == 1:
                below.bar(x, share, width=0.8, color=colour)
            else:
                below.plot(x, share, marker=marker, markersize=3.5, color=colour)
        _finish(above, below, int(quantile.max()) if len(quantile) else 0)
        if len(by_dataset) > 1:
            above.legend(loc="lower left")
        names = ", ".join(f"{key[0]}: {int(n_models[at].max())} models" for key, at in by_dataset)
        caption = (
            f"{names or 'No models'}. Points are ranked within their model, 1 holds the smallest norms. Lines: mean"
            f" over models; band: 90 % of them; dotted: an even share. {exclusions(left_out or {})}"
        )
        add_caption(figure, caption)
    return figure


def points_data(rows: pd.DataFrame) -> pd.DataFrame:
    """The groups that are drawn, with what is drawn of them."""
    return rows[list(DATA)].reset_index(drop=True)


def _finish(above: Axes, below: Axes, n_groups: int) -> None:
    above.set_ylabel("accuracy")
    below.set_ylabel("share of the loss")
    names = {4: "quartile", 5: "quintile", 10: "decile", 100: "percentile"}
    below.set_xlabel(f"{names.get(n_groups, 'group')} of points by Jacobian norm")
    for axes in (above, below):
        axes.grid(visible=False, axis="x")
        if n_groups == 0:
            mark_empty(axes, "no model")
    if n_groups == 0:
        return
    below.set_ylim(bottom=0)
    below.axhline(1 / n_groups, color=INK, linewidth=0.8, linestyle=":")
    for axes in (above, below):
        low, high = axes.get_ylim()
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.04 else 1))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    below.set_xlim(0.4, n_groups + 0.6)
    below.xaxis.set_major_locator(FixedLocator(range(1, 13)) if n_groups <= 12 else MaxNLocator(10, integer=True))
