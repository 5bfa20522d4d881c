"""The output formats: each turns a grid of rows into pieces of text. Only `table` rounds or cuts, and says so."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import NoneType

from sensdb.cli.grid import Grid
from sensdb.errors import SensdbError

FORMATS = ("table", "csv", "tsv", "json", "jsonl", "markdown", "parquet")
SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".parquet": "parquet",
}
SIGNIFICANT_DIGITS = 4
NARROWEST_TEXT = 16  # a text column is cut to this before whole columns are left out


def csv_lines(grid: Grid) -> Iterator[str]:
    """Comma-separated, a header first. A bare empty field is missing, `""` is empty text (as DuckDB's COPY)."""
    return _separated(grid, ",")


def tsv_lines(grid: Grid) -> Iterator[str]:
    """As `csv_lines` with tabs; fields that hold a tab, a quote or a line break are quoted."""
    return _separated(grid, "\t")


def json_lines(grid: Grid) -> Iterator[str]:
    """One JSON object a line; a missing value is null.

    Raises:
        SensdbError: a number is infinite, which JSON cannot hold.
    """
    for row in grid:
        yield _json(dict(zip(grid.columns, row, strict=True))) + "\n"


def json_array(grid: Grid) -> Iterator[str]:
    """One JSON array of the objects of `json_lines`, an object a line."""
    opening = "["
    for line in json_lines(grid):
        yield opening + line[:-1]
        opening = ",\n "
    yield "[]\n" if opening == "[" else "]\n"


def markdown_lines(grid: Grid) -> Iterator[str]:
    """A pipe table: numbers in full and to the right, `-` for missing, line breaks in text as <br>."""
    rows = list(grid)
    right = _right_aligned(grid.columns, rows)
    yield _markdown_row(grid.columns)
    yield "|" + "|".join("---:" if to_right else "---" for to_right in right) + "|\n"
    for row in rows:
        yield _markdown_row(["-" if value is None else exact(value) for value in row])


def table_lines(grid: Grid, *, width: int | None = None, note: Callable[[str], None] = lambda text: None) -> list[str]:
    """Aligned columns for people: 4 significant digits, `-` for missing.

    Args:
        grid: the rows, all of them shown.
        width: columns of the terminal, None elsewhere: then nothing is cut. One row too wide for it stands upright,
            a line a column. Otherwise long text is cut first, marked by an ellipsis, then columns at the right end.
        note: told what was cut.
    """
    rows = list(grid)
    right = _right_aligned(grid.columns, rows)
    cells = [list(grid.columns), *([_for_people(value) for value in row] for row in rows)]
    widths = [max((display_width(line[i]) for line in cells), default=0) for i in range(len(grid.columns))]
    if width is not None and _total(widths) > width:
        if len(rows) == 1:
            name_width = max(display_width(name) for name in grid.columns)
            return [f"{_pad(name, name_width)}  {value}\n" for name, value in zip(*cells, strict=True)]
        widths, n_shown = _fit(widths, right, width)
        _tell_what_was_cut(note, cells, widths, n_shown)
        widths = widths[:n_shown]
    lines = []
    for line in cells:
        fields = [
            _pad(_cut(text, size), size, to_right=to_right)
            for text, size, to_right in zip(line, widths, right, strict=False)  # columns that do not fit fall away
        ]
        lines.append("  ".join(fields).rstrip() + "\n")
    return lines


def exact(value: object) -> str:
    """A value's text for machines: the shortest that reads back equal; true and false; JSON for lists and mappings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (list, dict)):
        return _json(value)
    return str(value)


def significant(value: float) -> str:
    """Text of a number with 4 significant digits: whole parts in full up to a million, then powers of ten.

    >>> significant(0.123456), significant(5e-9), significant(12345.6), significant(2.0)
    ('0.1235', '5e-09', '12346', '2')
    """
    if 10.0**SIGNIFICANT_DIGITS <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{SIGNIFICANT_DIGITS}g}"


def display_width(text: str) -> int:
    """Columns a text takes on a terminal: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _separated(grid: Grid, separator: str) -> Iterator[str]:
    needs_quotes = re.compile(f'[{separator}"\r\n]')

    def field(value: object) -> str:
        if value is None:
            return ""
        text = exact(value)
        if text == "" or needs_quotes.search(text):
            return '"' + text.replace('"', '""') + '"'
        return text

    def fields(values: list[object]) -> Iterable[str]:
        """A column at a time: numbers, most of a large answer, are never quoted, and texts repeat."""
        types = set(map(type, values))
        if types <= {int, float}:
            return map(repr, values)
        if types <= {int, float, NoneType}:
            return ["" if value is None else repr(value) for value in values]
        if types <= {str, NoneType}:
            return map({value: field(value) for value in set(values)}.__getitem__, values)
        return map(field, values)

    yield separator.join(field(name) for name in grid.columns) + "\n"
    for block in grid.blocks():
        for row in zip(*map(fields, block), strict=True):
            yield separator.join(row) + "\n"


def _json(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        raise SensdbError("JSON cannot hold an infinite number, and a column has one.", "-f csv can.") from None


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = [re.sub(r"\r\n|\r|\n", "<br>", cell.replace("\\", "\\\\").replace("|", "\\|")) for cell in cells]
    return "| " + " | ".join(escaped) + " |\n"


def _for_people(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return significant(value) if math.isfinite(value) else repr(value)
    return printable(exact(value))


def printable(text: str) -> str:
    """A text on one line: a line break or an escape sequence in a name must not break or steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _right_aligned(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> list[bool]:
    """Whether a column holds numbers, and nothing but numbers and missing values."""
    aligned = []
    for i in range(len(columns)):
        values = [row[i] for row in rows if row[i] is not None]
        aligned.append(bool(values) and all(type(value) in (int, float) for value in values))
    return aligned


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _fit(widths: Sequence[int], right: Sequence[bool], width: int) -> tuple[list[int], int]:
    """Widths that fit a terminal, and how many columns of them; the widest text gives way first."""
    fitted = list(widths)
    while _total(fitted) > width:
        text_columns = [i for i, to_right in enumerate(right) if not to_right and fitted[i] > NARROWEST_TEXT]
        if not text_columns:
            break
        widest = max(text_columns, key=lambda i: fitted[i])
        fitted[widest] = max(NARROWEST_TEXT, fitted[widest] - (_total(fitted) - width))
    n_shown = len(fitted)
    while n_shown > 1 and _total(fitted[:n_shown]) > width:
        n_shown -= 1
    return fitted, n_shown


def _tell_what_was_cut(note: Callable[[str], None], cells: list[list[str]], widths: list[int], n_shown: int) -> None:
    parts = []
    if n_shown < len(widths):
        parts.append(f"{n_shown} of {len(widths)} columns")
    if any(display_width(line[i]) > widths[i] for line in cells for i in range(n_shown)):
        parts.append("long text cut")
    note(f"… {', '.join(parts)}; -f csv shows everything.")


def _pad(text: str, size: int, *, to_right: bool = False) -> str:
    space = " " * (size - display_width(text))
    return space + text if to_right else text + space


def _cut(text: str, size: int) -> str:
    if display_width(text) <= size:
        return text
    while display_width(text) > size - 1:
        text = text[:-1]
    return text + "…"
