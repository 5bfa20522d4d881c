"""Generalization gap against the number of weights and against the training loss (the paper's figure 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sensdb.analysis.figures.paper import (
    COLUMN_INCHES,
    CYCLE,
    MANY_MARKS,
    MARKERS,
    add_caption,
    exclusions,
    mark_empty,
    name_decades,
    paper_style,
)
from sensdb.analysis.statistics.factors import BoolArray
from sensdb.analysis.statistics.finished import Columns, groups, reals

if TYPE_CHECKING:
    import pandas as pd

DATA = (
    "dataset", "n_parameters", "train_loss_mean", "generalization_gap_mean", "generalization_gap_sd", "n_seeds",
    "configuration_sha256",
)  # fmt: skip
PANELS = (("n_parameters", "weights"), ("train_loss_mean", "training loss (nats)"))


def size_figure(columns: Columns, left_out: Mapping[str, int] | None = None) -> Figure:
    """Gap against number of weights on the left, against training loss on the right, true labels alone (paper.md 4d).

    Args:
        columns: rows of the saved query `configurations`: dataset, label_noise, loss, n_seeds, n_parameters,
            train_loss_mean, and mean and standard deviation over seeds of the gap.
        left_out: models that are not among them, by reason.

    Returns:
        A figure one column wide. A configuration whose training loss is 0 stands on the left alone and is counted.
        Trained on squared loss, it is left out: its training loss has another unit.
    """
    drawn, gap = _drawn(columns), reals(columns, "generalization_gap_mean")
    spread = np.nan_to_num(reals(columns, "generalization_gap_sd"))
    by_dataset = [(name, at[drawn[at]]) for (name,), at in groups(columns, ("dataset",))]
    by_dataset = [(name, at) for name, at in by_dataset if len(at)]
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 2.9), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (name, label) in zip(panels, PANELS, strict=True):
            x = reals(columns, name)
            for place, (dataset, at) in enumerate(by_dataset):
                shown = at[x[at] > 0]
                axes.errorbar(
                    x[shown],
                    gap[shown],
                    yerr=spread[shown],
                    fmt=MARKERS[place % len(MARKERS)],
                    color=CYCLE[place % len(CYCLE)],
                    label=dataset,
                    markersize=3.2,
                    markeredgecolor="white",
                    markeredgewidth=0.3,
                    elinewidth=0.5,
                    alpha=0.85,
                    rasterized=len(shown) > MANY_MARKS,
                )
            axes.set_xlabel(label)
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            if by_dataset:
                axes.set_xscale("log")
                name_decades(axes.xaxis, n_ticks=4)
            else:
                mark_empty(axes, "no configuration")
        panels[0].set_ylabel("generalization gap")
        if len(by_dataset) > 1:
            handles, names = panels[0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside upper left", ncols=4, handletextpad=0.1, columnspacing=1.0)
        add_caption(figure, _caption(columns, drawn, by_dataset, left_out or {}))
    return figure


def size_data(rows: pd.DataFrame) -> pd.DataFrame:
    """The configurations that are drawn, with their places and bars."""
    return rows[_drawn(dict(rows))][list(DATA)].reset_index(drop=True)


def _drawn(columns: Columns) -> BoolArray:
    by_cross_entropy = np.asarray([loss == "cross_entropy" for loss in columns["loss"]], dtype=bool)
    made: BoolArray = (reals(columns, "label_noise") == 0) & np.isfinite(reals(columns, "generalization_gap_mean"))
    made &= by_cross_entropy
    return made


def _caption(
    columns: Columns, drawn: BoolArray, by_dataset: list[tuple[str | None, np.ndarray]], left_out: Mapping[str, int]
) -> str:
    n_seeds, noise = reals(columns, "n_seeds"), reals(columns, "label_noise")
    counted = [f"{name}: {len(at)} configurations, {int(n_seeds[at].sum())} models" for name, at in by_dataset]
    reasons = {
        **left_out,
        "on random or noisy labels": int(n_seeds[noise > 0].sum()),
        "trained on squared loss": int(n_seeds[(noise == 0) & ~drawn].sum()),
    }
    n_zero = int(np.sum(drawn & ~(reals(columns, "train_loss_mean") > 0)))
    zero = f" {n_zero} have a training loss of 0 and stand on the left alone." if n_zero else ""
    bars = "; bars: one standard deviation over seeds" if np.any(n_seeds[drawn] > 1) else ""
    return (
        f"{'; '.join(counted) or 'No models'}. A point is a configuration's mean over seeds{bars}.{zero}"
        f" {exclusions({why: n for why, n in reasons.items() if n})}"
    )
