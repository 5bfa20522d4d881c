"""The parts of a report as they stand before they are a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows of one question.

    Attributes:
        name: the only one of its kind on the page.
        title, note: what it answers, and what a reader must not conclude or cannot see.
        command: repeats it.
        columns: name and meaning of each.
        rows: plain values, None where missing; the first of them where there are many.
        n_rows: how many there are.
    """

    name: str
    title: str
    note: str
    command: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]
    n_rows: int


@dataclass(frozen=True)
class Picture:
    """A figure: its question, its caption, the command that draws it, and its SVG as matplotlib writes it."""

    name: str
    title: str
    caption: str
    command: str
    svg: str


@dataclass(frozen=True)
class Definition:
    """A sweep as it was enqueued: its name, when (UTC), how many models it came to, and the file's text."""

    sweep: str
    enqueued_at: str
    n_models: int
    text: str


@dataclass(frozen=True)
class Contents:
    """All of a report.

    Attributes:
        facts: label and value, for the head of the page.
        run: tables of what was run.
        verdict: the table of the claims; None leaves its section out.
        summary: what the data support, in words that come with the verdict.
        definitions: the sweep files.
        missing: figures and tables that are not there, and why.
    """

    facts: tuple[tuple[str, str], ...]
    run: tuple[Table, ...]
    verdict: Table | None
    summary: str
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]
    definitions: tuple[Definition, ...]
    missing: tuple[tuple[str, str], ...]
