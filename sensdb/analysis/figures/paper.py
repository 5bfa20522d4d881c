"""How every figure looks: column width, type size, colours for colour-blind readers, a caption that says n."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, LogFormatterSciNotation, NullFormatter

COLUMN_INCHES = 3.3
"""Width of a column of a two-column page; what is drawn for it is legible on a screen as well."""

# Okabe and Ito's palette, in the order in which pairs differ most also in grey.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
CONTINUOUS = "viridis"
MARKERS = ("o", "^", "s", "D", "v", "P")
INK, FAINT = "#222222", "#DDDDDD"

STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.2,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "savefig.dpi": 300,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "sensdb",  # the same figure has the same bytes
    "pdf.fonttype": 42,
}
CAPTION = "caption"
CAPTION_SIZE = 6.5
CAPTION_CHARACTERS_AN_INCH = 19.5
CAPTION_LINE_INCHES = 0.115


MANY_MARKS = 1500
"""More marks than this are one picture within an SVG or PDF: each would take some hundred bytes."""


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw within it; matplotlib's own settings are as before afterwards."""
    with mpl.rc_context(STYLE):
        yield


def add_caption(figure: Figure, text: str) -> None:
    """Write a caption under the axes and keep its room free."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(width * CAPTION_CHARACTERS_AN_INCH))
    share = (len(lines) * CAPTION_LINE_INCHES + 0.06) / height
    _leave_below(figure, share)
    place = (0.06 / width, 0.04 / height)
    written = figure.text(*place, "\n".join(lines), fontsize=CAPTION_SIZE, color=INK, va="bottom", linespacing=1.15)
    written.set_gid(CAPTION)


def take_caption(figure: Figure) -> str:
    """The caption's text, taken off a figure whose page has its own place for it; its room goes too."""
    (written,) = [text for text in figure.texts if text.get_gid() == CAPTION]
    written.remove()
    lines = written.get_text().split("\n")
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height - len(lines) * CAPTION_LINE_INCHES - 0.06)
    _leave_below(figure, 0)
    return " ".join(lines)


def _leave_below(figure: Figure, share: float) -> None:
    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine):
        raise TypeError(f"a caption needs a figure with a constrained layout, not {engine!r}")
    engine.set(rect=(0, share, 1, 1 - share))


def name_decades(axis: Axis, n_ticks: int = 5) -> None:
    """Ticks of a logarithmic axis as 0.01, 0.1, 1, with 2 and 5 or 3 where it is short, as powers of ten where long.

    Called when all is drawn: the ticks are those of the view as it is.

    Args:
        n_ticks: at most so many are named.
    """
    low, high = axis.get_view_interval()
    if not 0 < low < high:
        return
    axis.set_major_locator(FixedLocator(_decades(low, high, n_ticks)))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(
        LogFormatterSciNotation(labelOnlyBase=False)
        if low < 1e-4 or high > 3e4
        else FuncFormatter(lambda value, _: f"{value:g}")
    )


def _decades(low: float, high: float, n_ticks: int) -> list[float]:
    """The densest of the usual ticks of a logarithmic axis that are no more than so many within the view."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    within_decade = ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
    choices = [[10.0**e * sub for e in exponents for sub in subs] for subs in within_decade]
    choices += [[10.0**e for e in exponents if e % step == 0] for step in (2, 3, 4, 5, 6, 8, 10, 15, 20, 40)]
    within = [*([tick for tick in ticks if low <= tick <= high] for ticks in choices), []]
    chosen = next(place for place, ticks in enumerate(within) if len(ticks) <= n_ticks)
    # One tick shows no scale: rather one too many.
    if chosen and len(within[chosen]) < 2 and len(within[chosen - 1]) <= n_ticks + 1:
        chosen -= 1
    return within[chosen]


def exclusions(left_out: Mapping[str, int]) -> str:
    """The end of a caption: who is not in the figure, and why."""
    if not left_out:
        return "Nothing is left out."
    parts = ", ".join(f"{n} {reason}" for reason, n in left_out.items())
    return f"Left out: {parts}."


def mark_empty(axes: Axes, text: str) -> None:
    """Say in the middle of empty axes why nothing is drawn."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=INK)
