"""How every figure looks: column width, type size, colours for colour-blind readers, a caption that says n."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMN_INCHES = 3.4
"""Width of a column of a two-column page; what is drawn for it is legible on a screen as well."""

# Okabe and Ito's palette, in the order in which pairs differ most also in grey.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
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
CAPTION_SIZE = 6.5
CAPTION_CHARACTERS_AN_INCH = 19.5
CAPTION_LINE_INCHES = 0.115


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
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))  # type: ignore[union-attr,call-arg]
    figure.text(
        0.06 / width, 0.04 / height, "\n".join(lines), fontsize=CAPTION_SIZE, color=INK, va="bottom", linespacing=1.15
    )


def exclusions(left_out: Mapping[str, int]) -> str:
    """The end of a caption: who is not in the figure, and why."""
    if not left_out:
        return "Nothing is left out."
    parts = ", ".join(f"{n} {reason}" for reason, n in left_out.items())
    return f"Left out: {parts}."


def mark_empty(axes: Axes, text: str) -> None:
    """Say in the middle of empty axes why nothing is drawn."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=INK)
