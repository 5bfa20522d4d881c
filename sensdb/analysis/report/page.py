"""A report as one HTML page: style, script and figures are in it, and it asks no network."""

from __future__ import annotations

import html
import os
import shlex
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from sensdb.analysis.report.held import Contents, Definition, Picture, Table
from sensdb.analysis.report.svg import inline_svg
from sensdb.errors import SensdbError

LONGEST_WORD = 40
"""Longer texts of a cell run over several lines."""

TITLE = "Sensitivity and generalization: report"


def render(contents: Contents) -> str:
    """The page."""
    return "\n".join(_page(contents)) + "\n"


def write_page(text: str, path: Path) -> Path:
    """Write a page; a file of that name is replaced whole or not at all.

    Raises:
        SensdbError: the file cannot be written; names it and the system's reason.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise SensdbError(f"{path} cannot be written: {error.strerror}.", "-o names another place.") from None
    return path


def _page(contents: Contents) -> Iterator[str]:
    here = files(__package__)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<link rel="icon" href="data:,">'  # without it a browser asks the server for one
    yield f"<title>{TITLE}</title>\n<style>\n{here.joinpath('page.css').read_text(encoding='utf-8')}</style>"
    yield f"</head>\n<body>\n<header>\n<h1>{TITLE}</h1>"
    yield f"<dl>{''.join(f'<dt>{_text(label)}</dt><dd>{_text(value)}</dd>' for label, value in contents.facts)}</dl>"
    yield '<nav aria-label="Sections">'
    for name, title in _sections(contents):
        yield f'<a href="#{name}">{title}</a>'
    yield "</nav>\n</header>\n<main>"
    if contents.verdict is not None:
        yield '<section aria-labelledby="verdict">\n<h2 id="verdict">Verdict</h2>'
        yield f"<p>{_text(contents.summary)}</p>"
        yield from _table(contents.verdict)
        yield "</section>"
    yield '<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n<div class="figures">'
    for picture in contents.pictures:
        yield _figure(picture)
    yield "</div>\n</section>"
    yield '<section aria-labelledby="tables">\n<h2 id="tables">Tables</h2>'
    for table in contents.tables:
        yield from _table(table)
    yield "</section>"
    yield '<section aria-labelledby="run">\n<h2 id="run">What was run</h2>'
    for table in contents.run:
        yield from _table(table)
    yield "</section>"
    yield from _repeat(contents)
    if contents.missing:
        yield '<section aria-labelledby="missing">\n<h2 id="missing">Not in this report</h2>\n<ul>'
        for title, reason in contents.missing:
            yield f"<li>{_text(title)} <span class=note>{_text(reason)}</span></li>"
        yield "</ul>\n</section>"
    script = here.joinpath("page.js").read_text(encoding="utf-8")
    yield f"</main>\n<script>\n{script}</script>\n</body>\n</html>"


def _sections(contents: Contents) -> list[tuple[str, str]]:
    named = [("figures", "Figures"), ("tables", "Tables"), ("run", "What was run"), ("repeat", "How to repeat it")]
    first = [("verdict", "Verdict")] if contents.verdict is not None else []
    return first + named + ([("missing", "Not in this report")] if contents.missing else [])


def _figure(picture: Picture) -> str:
    name = f"figure-{picture.name}"
    svg = inline_svg(picture.svg, f"{name}-", f"{picture.title} {picture.caption}")
    return (
        f'<figure id="{name}">\n<h3>{_text(picture.title)}</h3>\n{svg}\n'
        f"<figcaption>{_text(picture.caption)}</figcaption>\n{_command(picture.command)}\n</figure>"
    )


def _table(table: Table) -> Iterator[str]:
    name = f"table-{table.name}"
    numeric = [
        all(
            isinstance(row[i], int | float) and not isinstance(row[i], bool) for row in table.rows if row[i] is not None
        )
        and any(row[i] is not None for row in table.rows)
        for i in range(len(table.columns))
    ]
    note = table.note
    if table.n_rows > len(table.rows):
        note += f" The first {len(table.rows):,} of {table.n_rows:,} rows; the command gives all."
    yield f'<div class="table" id="{name}">\n<h3 id="{name}-title">{_text(table.title)}</h3>'
    if note.strip():
        yield f'<p class="note">{_text(note.strip())}</p>'
    yield _command(table.command)
    n_rows = f"{len(table.rows)} row{'' if len(table.rows) == 1 else 's'}"
    yield (
        f'<div class="tools"><label for="{name}-filter">Filter</label> <input id="{name}-filter" type="search"'
        f' placeholder="words a row must have"> <output for="{name}-filter" data-n="{len(table.rows)}">{n_rows}'
        "</output></div>"
    )
    yield f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}-title">'
    yield f'<table aria-labelledby="{name}-title">\n<thead><tr>'
    for (column, meaning), is_number in zip(table.columns, numeric, strict=True):
        kind = ' class="n"' if is_number else ""
        yield f'<th scope="col"{kind} title="{_text(meaning)}"><button type="button">{_text(column)}</button></th>'
    yield "</tr></thead>\n<tbody>"
    for row in table.rows:
        yield f"<tr>{''.join(_cell(value, is_number) for value, is_number in zip(row, numeric, strict=True))}</tr>"
    yield "</tbody>\n</table>\n</div>\n</div>"


def _cell(value: Any, is_number: bool) -> str:
    """A cell: 4 significant digits to read, the whole number to sort by."""
    kind = ' class="n"' if is_number else ""
    if value is None:
        return f'<td{kind} data-v="">–</td>'
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, float):
        shown = f"{value:.0f}" if 1e4 <= abs(value) < 1e6 else f"{value:.4g}"
        return f'<td{kind} data-v="{value!r}">{shown}</td>'
    if isinstance(value, datetime):
        return f"<td>{value:%Y-%m-%dT%H:%M:%SZ}</td>"
    text = str(value)
    return f'<td class="w">{_text(text)}</td>' if len(text) > LONGEST_WORD else f"<td{kind}>{_text(text)}</td>"


def _repeat(contents: Contents) -> Iterator[str]:
    database = dict(contents.facts)["database"]
    yield '<section aria-labelledby="repeat">\n<h2 id="repeat">How to repeat it</h2>'
    yield "<p>Each figure and table stands with its command. All of them ask this database:</p>"
    yield _command(f"export SENSDB_DATABASE_URL={shlex.quote(database)}")
    if contents.definitions:
        yield "<p>The same networks, from nothing: save a sweep's text under its name and train it. A spec gives the"
        yield "same numbers wherever it is trained with the same engine on the same class of device.</p>"
    for place, definition in enumerate(contents.definitions, start=1):
        yield _definition(definition, place)
    yield "</section>"


def _definition(definition: Definition, place: int) -> str:
    file = f"{definition.sweep}.yaml"
    return (
        f'<details id="sweep-{place}">\n<summary>{_text(file)}: {definition.n_models:,} models, enqueued'
        f" {definition.enqueued_at}</summary>\n<pre><code>{_text(definition.text)}</code></pre>\n"
        f"{_command(f'sensdb init && sensdb enqueue {file} && sensdb worker --drain')}\n</details>"
    )


def _command(text: str) -> str:
    return f'<pre class="command"><code>{_text(text)}</code></pre>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)
