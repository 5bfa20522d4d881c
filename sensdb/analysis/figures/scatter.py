"""Any two columns of v_models against each other, and a third as colour."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sensdb.analysis.figures.columns import column_of
from sensdb.analysis.figures.paper import (
    BLUE,
    COLUMN_INCHES,
    CONTINUOUS,
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
from sensdb.analysis.statistics.factors import BoolArray
from sensdb.analysis.statistics.finished import Columns, FloatArray, reals, texts
from sensdb.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

    from sensdb.database.views import ViewColumn

LOG_FROM = 20.0
"""A number whose largest value is so many times its smallest positive one stands on a logarithmic axis."""

MOST_ZEROS = 0.05
"""Where more are 0 the axis stays linear; up to this share is left out and counted."""

WIDEST_LABEL = 34


def scatter_figure(
    columns: Columns, left_out: Mapping[str, int] | None = None, *, x: str, y: str, color: str | None = None
) -> Figure:
    """A point a model.

    Args:
        columns: rows of `columns.scatter_query`.
        left_out: models that are not among them, by reason.
        x, y, color: as they were named in the query. Numbers are coloured by viridis, up to six texts or flags by
            Okabe and Ito's palette and a marker each.

    Raises:
        QueryError: `color` has more different texts than can be told apart.
    """
    of_x, of_y = column_of(x, numbers=True), column_of(y, numbers=True)
    of_color = None if color is None else column_of(color, numbers=False)
    drawn = _drawn(columns, of_x, of_y, of_color)
    across, up = reals(columns, of_x.name), reals(columns, of_y.name)
    with paper_style():
        figure = Figure(figsize=(COLUMN_INCHES, 3.2), layout="constrained")
        axes = figure.add_subplot()
        if not np.any(drawn):
            mark_empty(axes, "no model has both numbers")
        elif of_color is None:
            axes.plot(across[drawn], up[drawn], "o", color=BLUE, **_marks(drawn))
        elif of_color.data_type in ("integer", "real"):
            _draw_numbers(figure, axes, across, up, reals(columns, of_color.name), drawn, of_color)
        else:
            _draw_texts(figure, axes, across, up, texts(columns, of_color.name), drawn, of_color)
        for axis, values, set_scale in ((axes.xaxis, across, axes.set_xscale), (axes.yaxis, up, axes.set_yscale)):
            if np.any(drawn) and is_logarithmic(values[drawn]):
                set_scale("log")
                name_decades(axis)
            else:
                axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.set_xlabel(_label(of_x))
        axes.set_ylabel(_label(of_y))
        add_caption(figure, _caption(columns, drawn, left_out or {}))
    return figure


def scatter_data(rows: pd.DataFrame, *, x: str, y: str, color: str | None = None) -> pd.DataFrame:
    """The models that are drawn."""
    of_color = None if color is None else column_of(color, numbers=False)
    drawn = _drawn(dict(rows), column_of(x, numbers=True), column_of(y, numbers=True), of_color)
    return rows.loc[drawn].reset_index(drop=True)


def is_logarithmic(values: FloatArray) -> bool:
    """Whether a linear axis would crush the small ones: none negative, few 0, the others spread over decades."""
    positive = values[values > 0]
    few_zeros = len(positive) >= (1 - MOST_ZEROS) * len(values) and bool(np.all(values >= 0))
    return few_zeros and len(positive) > 0 and bool(positive.max() > LOG_FROM * positive.min())


def _drawn(columns: Columns, x: ViewColumn, y: ViewColumn, color: ViewColumn | None) -> BoolArray:
    """Models that have all numbers, and on logarithmic axes positive ones."""
    names = [column.name for column in (x, y, color) if column is not None and column.data_type in ("integer", "real")]
    values = [reals(columns, name) for name in names]
    made: BoolArray = np.all(np.isfinite(values), axis=0)
    for each in values:
        if is_logarithmic(each[made]):
            made = made & (each > 0)
    return made


def _marks(drawn: BoolArray) -> dict[str, Any]:
    many = int(np.sum(drawn)) > MANY_MARKS
    return {"markersize": 3.4, "markeredgecolor": "white", "markeredgewidth": 0.3, "alpha": 0.85, "rasterized": many}


def _draw_numbers(
    figure: Figure, axes: Axes, x: FloatArray, y: FloatArray, values: FloatArray, drawn: BoolArray, column: ViewColumn
) -> None:
    shown = values[drawn]
    kind = LogNorm if is_logarithmic(shown) else Normalize
    scale = kind(float(shown.min()), float(shown.max()))
    rasterized = len(shown) > MANY_MARKS
    marks = axes.scatter(
        x[drawn],
        y[drawn],
        c=shown,
        cmap=CONTINUOUS,
        norm=scale,
        s=13,
        alpha=0.9,
        linewidths=0.2,
        edgecolors=INK,
        rasterized=rasterized,
    )
    bar = figure.colorbar(marks, ax=axes, location="top", aspect=40, pad=0.02, shrink=0.98)
    bar.set_label(_label(column), fontsize=7)
    bar.ax.tick_params(labelsize=6.5)
    if kind is LogNorm:
        name_decades(bar.ax.xaxis)
        bar.ax.minorticks_off()
    else:
        bar.locator = MaxNLocator(5, integer=column.data_type == "integer")
        bar.update_ticks()


def _draw_texts(
    figure: Figure,
    axes: Axes,
    x: FloatArray,
    y: FloatArray,
    values: list[str | None],
    drawn: BoolArray,
    column: ViewColumn,
) -> None:
    kinds = sorted({value or "missing" for value, at in zip(values, drawn, strict=True) if at})
    if len(kinds) > len(CYCLE):
        raise QueryError(
            f"--color {column.name}: {len(kinds)} different values; at most {len(CYCLE)} can be told apart.",
            "--where takes fewer, or a number column takes a scale of colours.",
        )
    for place, kind in enumerate(kinds):
        of = drawn & np.asarray([(value or "missing") == kind for value in values], dtype=bool)
        axes.plot(x[of], y[of], MARKERS[place], color=CYCLE[place], label=kind, **_marks(drawn))
    title = column.name.replace("_", " ")
    figure.legend(loc="outside upper left", ncols=3, title=title, title_fontsize=7, alignment="left", handletextpad=0.1)


def _label(column: ViewColumn) -> str:
    name = column.name.replace("_", " ")
    if not column.unit:
        return name
    return textwrap.fill(f"{name} ({column.unit})", WIDEST_LABEL)


def _caption(columns: Columns, drawn: BoolArray, left_out: Mapping[str, int]) -> str:
    datasets = texts(columns, "dataset")
    counted = dict.fromkeys(datasets, 0)
    for name, at in zip(datasets, drawn, strict=True):
        counted[name] += int(at)
    names = ", ".join(f"{n} on {name}" for name, n in counted.items())
    n_missing = len(drawn) - int(np.sum(drawn))
    missing = f" {n_missing} models lack one of the numbers, or have a 0 on a logarithmic axis." if n_missing else ""
    return f"A point is a model: {names or 'none'}.{missing} {exclusions(left_out)}"
