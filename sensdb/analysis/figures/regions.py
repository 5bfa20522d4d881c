"""Boundaries of linear regions on the plane through three training points, before and after (the paper's figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from sensdb.analysis.figures.paper import COLUMN_INCHES, INK, VERMILLION, add_caption, exclusions, paper_style
from sensdb.analysis.statistics.finished import Columns, reals, texts
from sensdb.results.pictures import Arrays, moments

if TYPE_CHECKING:
    import pandas as pd

SCOPES = {"last_hidden": "last hidden layer", "all": "all layers"}


def regions_figure(columns: Columns, left_out: Mapping[str, int] | None = None, *, pictures: Arrays) -> Figure:
    """What one model's plane looks like: a row for the last hidden layer and one for all, a column for each moment.

    Args:
        columns: the model's rows of the saved query `region_slices`.
        left_out: models that are not among those asked about, by reason.
        pictures: its file (`sensdb.results.pictures`).
    """
    shown = moments(pictures)
    with paper_style():
        size = COLUMN_INCHES / 2
        figure = Figure(figsize=(COLUMN_INCHES, 2 * size + 1.25), layout="constrained")
        grid = figure.subplots(2, len(shown), sharex=True, sharey=True, squeeze=False)
        for row, (scope, words) in enumerate(SCOPES.items()):
            for column, moment in enumerate(shown):
                axes = grid[row, column]
                _draw(axes, pictures, moment, scope)
                axes.set_title(_numbers(columns, moment, scope), loc="left", fontsize=6.5)
            grid[row, 0].set_ylabel(words)
        for column, moment in enumerate(shown):
            grid[1, column].set_xlabel(f"{moment} training")
        add_caption(figure, _caption(columns, left_out or {}))
    return figure


def regions_data(rows: pd.DataFrame, *, pictures: Arrays) -> pd.DataFrame:
    """What is drawn: boundaries as lines (a1, b1) to (a2, b2) with their hidden layer, pixels and points as places.

    Boundaries of the last hidden layer are drawn in both rows of the figure. A pixel is one whose codes differ from
    those of the next, at its middle.
    """
    import pandas as pd

    corners = ("a1", "b1", "a2", "b2")
    parts = [pd.DataFrame({"moment": None, "what": "training point", **_places(pictures["points"])})]
    for moment in moments(pictures):
        if f"{moment}_segments" in pictures:
            ends = pictures[f"{moment}_segments"].reshape(-1, 4)
            lines = {name: ends[:, i] for i, name in enumerate(corners)}
            layer = pd.array(pictures[f"{moment}_layers"], dtype="Int64")
            parts.append(pd.DataFrame({"moment": moment, "what": "boundary", "layer": layer, **lines}))
            continue
        for scope in SCOPES:
            changed = pictures[f"{moment}_changes_{scope}"] > 0
            size = 2 * float(pictures["half"]) / len(changed)
            middles = (np.argwhere(changed)[:, ::-1] + 0.5) * size - float(pictures["half"])
            parts.append(pd.DataFrame({"moment": moment, "what": f"pixel, {SCOPES[scope]}", **_places(middles)}))
    made = pd.concat(parts, ignore_index=True)
    made.insert(0, "model_id", int(rows["model_id"].iloc[0]))
    return made.reindex(columns=["model_id", "moment", "what", "layer", *corners])


def _places(points: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    return {"a1": points[:, 0].astype(np.float64), "b1": points[:, 1].astype(np.float64)}


def _draw(axes: Axes, pictures: Arrays, moment: str, scope: str) -> None:
    half = float(pictures["half"])
    if f"{moment}_segments" in pictures:
        segments = pictures[f"{moment}_segments"]
        if scope == "last_hidden":
            segments = segments[pictures[f"{moment}_layers"] == int(pictures[f"{moment}_n_hidden"]) - 1]
        # Thinner the more there are, so that the density shows and not one black square.
        width = float(np.clip(12.0 / np.sqrt(max(len(segments), 1)), 0.08, 0.6))
        axes.add_collection(
            LineCollection(list(segments), colors=INK, linewidths=width, rasterized=len(segments) > 5000)
        )
    else:
        changed: npt.NDArray[Any] = pictures[f"{moment}_changes_{scope}"] > 0
        paper = ListedColormap(["white", INK])
        extent = (-half, half, -half, half)
        axes.imshow(changed, cmap=paper, vmin=0, vmax=1, origin="lower", extent=extent, interpolation="antialiased")
    for point in pictures["points"]:
        axes.add_patch(Circle(point, float(pictures["radius"]), fill=False, color=VERMILLION, linewidth=0.8))
    axes.plot(*pictures["points"].T, "o", color=VERMILLION, markersize=3)
    axes.set_xlim(-half, half)
    axes.set_ylim(-half, half)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.tick_params(labelsize=6)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _numbers(columns: Columns, moment: str, scope: str) -> str:
    ending = "_before" if moment == "before" else ""
    (row,) = [i for i, each in enumerate(texts(columns, "scope")) if each == scope]
    n_regions, ratio = (reals(columns, f"{name}{ending}")[row] for name in ("n_regions", "ratio"))
    density = f"\nnear / all {ratio:.2f}" if np.isfinite(ratio) else ""
    return f"{int(n_regions):,} regions{density}"


def _caption(columns: Columns, left_out: Mapping[str, int]) -> str:
    model_id, dataset = int(reals(columns, "model_id")[0]), texts(columns, "dataset")[0]
    methods = {*texts(columns, "method"), *texts(columns, "method_before")} - {None}
    grid = " Pixels: at least so many regions." if "pixels" in methods else ""
    return (
        f"Model {model_id} on {dataset}: where activation codes change on the plane through three training points"
        f" (dots), in units of standardised input.{grid} Near / all: boundary length an area within the circles over"
        f" that of the window. {exclusions(left_out)}"
    )
