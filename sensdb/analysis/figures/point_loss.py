"""Single test points of a few models: Jacobian norm against loss (the paper's figure 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sensdb.analysis.figures.paper import (
    BLUE,
    COLUMN_INCHES,
    MANY_MARKS,
    VERMILLION,
    add_caption,
    exclusions,
    mark_empty,
    name_decades,
    paper_style,
)
from sensdb.analysis.statistics.factors import BoolArray
from sensdb.analysis.statistics.finished import Columns, IntArray, groups, reals

if TYPE_CHECKING:
    import pandas as pd

LOSSES = {"cross_entropy": "cross-entropy (nats)", "squared": "squared loss"}
KINDS = (("right", True, BLUE, "o"), ("wrong", False, VERMILLION, "^"))


def point_loss_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """A panel a data set and training loss; a mark a test point of one model, right and wrong ones apart (paper.md 4e).

    Args:
        columns: rows of the saved query `point_losses`.
        left_out: models that are not among those it chooses from, by reason.

    Returns:
        A figure one column wide. A point whose loss or norm is 0 cannot stand on logarithmic axes and is counted.
    """
    by_panel, drawn = groups(columns, ("dataset", "loss_function")), _drawn(columns)
    losses = [loss for loss in LOSSES if any(key[1] == loss for key, _ in by_panel)]
    datasets = list(dict.fromkeys(key[0] for key, _ in by_panel))
    # One data set: a panel under the other, as wide as the column; several: a row each.
    across = max(1, len(losses)) if len(datasets) > 1 else 1
    down = max(1, len(datasets) if len(datasets) > 1 else len(losses))
    height = 1.75 if across == 1 else 1.45
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 0.85 + height * down), layout="constrained")
        grid = figure.subplots(down, across, squeeze=False)
        rows = dict(by_panel)
        for place, axes in enumerate(grid.flat):
            dataset = datasets[place // across if len(datasets) > 1 else 0] if datasets else None
            loss = losses[place % across if len(datasets) > 1 else place] if losses else None
            at = rows.get((dataset, loss), np.zeros(0, dtype=np.int64))
            _draw(axes, columns, at[drawn[at]], n_ticks=5 if across == 1 else 3)
            if len(datasets) > 1:
                axes.set_title(dataset or "", loc="left")
            axes.set_xlabel(LOSSES.get(loss or "", "loss"))
        for row in grid:
            row[0].set_ylabel("Jacobian norm")
        if by_panel:
            handles = [
                grid[0, 0].plot([], [], marker, color=colour, markersize=4, label=f"{name} points")[0]
                for name, _, colour, marker in KINDS
            ]
            figure.legend(handles=handles, loc="outside upper left", ncols=2, handletextpad=0.1, columnspacing=1.0)
        add_caption(figure, _caption(columns, by_panel, drawn, left_out or {}))
    return figure


def point_loss_data(rows: pd.DataFrame) -> pd.DataFrame:
    """The points that are drawn."""
    return rows.loc[_drawn(dict(rows))].drop(columns="doubt").reset_index(drop=True)


def _drawn(columns: Columns) -> BoolArray:
    made: BoolArray = (reals(columns, "loss") > 0) & (reals(columns, "jacobian_norm") > 0)
    return made


def _draw(axes: Axes, columns: Columns, at: IntArray, n_ticks: int) -> None:
    if len(at) == 0:
        mark_empty(axes, "no points")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    loss, norm = reals(columns, "loss")[at], reals(columns, "jacobian_norm")[at]
    right = np.asarray(columns["correct"], dtype=bool)[at]
    for _, is_right, colour, marker in KINDS:  # the wrong ones last: they are few and would be hidden
        of = right == is_right
        axes.plot(
            loss[of],
            norm[of],
            marker,
            color=colour,
            markersize=1.6 if is_right else 2.2,
            markeredgewidth=0,
            alpha=0.45 if is_right else 0.8,
            rasterized=len(at) > MANY_MARKS,
        )
    axes.set(xscale="log", yscale="log")
    name_decades(axes.xaxis, n_ticks)
    name_decades(axes.yaxis)


def _caption(
    columns: Columns,
    by_panel: list[tuple[tuple[str | None, ...], IntArray]],
    drawn: BoolArray,
    left_out: Mapping[str, int],
) -> str:
    model = np.asarray(columns["model_id"])
    counted = [
        f"{dataset}, {LOSSES.get(loss or '', 'loss').partition(' (')[0]}: {len(set(model[at]))} models,"
        f" {int(np.sum(drawn[at])):,} points"
        for (dataset, loss), at in by_panel
    ]
    n_zero = int(np.sum(~drawn))
    zero = f" {n_zero:,} points with a loss or norm of 0 cannot be shown." if n_zero else ""
    return (
        f"{'; '.join(counted) or 'No models'}. Models are chosen by the checksum of their specs, as if at random."
        f"{zero} {exclusions(left_out)}"
    )
