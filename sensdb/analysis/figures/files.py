"""Writing a figure as PNG, SVG or PDF; the suffix chooses."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from sensdb.analysis.figures.catalogue import SUFFIXES
from sensdb.analysis.figures.paper import paper_style
from sensdb.errors import SensdbError, UsageError

# No dates in the files: the same figure has the same bytes.
METADATA = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save_figure(figure: Figure, path: Path | str) -> Path:
    """Write a figure; a file of that name is replaced whole or not at all.

    Raises:
        UsageError: the suffix is none of .png, .svg and .pdf.
        SensdbError: the file cannot be written; names it and the system's reason.
    """
    target = Path(path)
    kind = SUFFIXES.get(target.suffix.lower())
    if kind is None:
        raise UsageError(f"-o {target}: no figure has this suffix; allowed: {', '.join(SUFFIXES)}.")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with paper_style():
            figure.savefig(unfinished, format=kind, metadata=METADATA[kind])
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SensdbError(f"{target} cannot be written: {error.strerror}.", "-o names another place.") from None
    return target


def svg_text(figure: Figure) -> str:
    """A figure as the text of an SVG file; what it rasterizes at half the resolution of print."""
    made = io.StringIO()
    with paper_style():
        figure.savefig(made, format="svg", metadata=METADATA["svg"], dpi=150)
    return made.getvalue()
