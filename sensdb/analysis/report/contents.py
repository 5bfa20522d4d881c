"""What a report holds, before it is a page: facts, tables and figures, each with the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensdb.analysis.answer import Answer
from sensdb.analysis.ask import ask, ask_sql, one_mirror
from sensdb.analysis.figures.catalogue import FIGURES
from sensdb.analysis.figures.files import svg_text
from sensdb.analysis.figures.paper import take_caption
from sensdb.analysis.plot import plot
from sensdb.analysis.population import Filters
from sensdb.analysis.report.held import Contents, Definition, Picture, Table
from sensdb.analysis.report.judged import verdict_table
from sensdb.analysis.report.parts import PICTURES, RUN, TABLES, Asking
from sensdb.analysis.saved_queries import find_query, load_queries
from sensdb.database.views import VIEWS
from sensdb.errors import QueryError, SensdbError
from sensdb.mirror.sync import Progress, sync

MOST_ROWS = 2000
"""Rows of a table that stand on the page; it says so where there are more."""


@dataclass(frozen=True)
class Source:
    """Where a report asks: a database's mirror, the models asked about, and the folder of files."""

    database_url: str
    cache: Path
    filters: Filters
    artifacts_url: str | None

    @property
    def flags(self) -> str:
        """The filters as options of a command."""
        given = self.filters.given()
        return "".join(f" --{name} {shlex.quote(value)}" for name, values in given.items() for value in values)


def read_contents(
    database_url: str,
    cache: Path,
    filters: Filters | None = None,
    *,
    artifacts_url: str | None = None,
    sync_first: bool = True,
    progress: Progress | None = None,
) -> Contents:
    """Ask all that a report holds.

    Args:
        filters, artifacts_url, progress: as for `plot`; `sync_first`: bring the mirror up to date, once.

    Raises:
        QueryError: no model has a result, or none that the filters let in; a filter that names nothing.
        DatabaseError: the database cannot be read; without `sync_first`, there is no mirror.
    """
    if sync_first:
        sync(database_url, cache, progress=progress)
    with one_mirror():
        return _contents(Source(database_url, cache, filters or Filters(), artifacts_url))


def _contents(source: Source) -> Contents:
    missing: list[tuple[str, str]] = []
    counted = _sql(source, "select count(*) as n, count(*) filter (where fitted) as n_fitted from v_models")
    n_models, n_fitted = counted.table["n"][0].as_py(), counted.table["n_fitted"][0].as_py()
    if not n_models:
        among = " that --sweep, --dataset and --where let in" if source.filters else ""
        raise QueryError(f"no model{among} has a result to report.", "sensdb status shows the queue.")
    run = _tables(source, RUN, missing)
    facts = (
        ("asked about", source.flags.strip() or "all models"),
        ("models with a result", f"{n_models:,}, of which {n_fitted:,} fit all their training points"),
        *_done(source),
        ("database", str(counted.meta["database"])),
        ("as of", str(counted.meta["mirror_at"])),
        ("sensdb", str(counted.meta["sensdb_version"])),
    )
    verdict, summary = verdict_table(source.database_url, source.cache, source.filters, source.flags)
    return Contents(
        facts,
        run,
        verdict,
        summary,
        _pictures(source, missing),
        _tables(source, TABLES, missing),
        _definitions(source),
        tuple(missing),
    )


def _sql(source: Source, text: str) -> Answer:
    return ask_sql(source.database_url, source.cache, text, filters=source.filters, sync=False)


def _done(source: Source) -> list[tuple[str, str]]:
    """How much of each sweep is done, and what it took."""
    progress = ask(source.database_url, source.cache, "sweep_progress", filters=source.filters, sync=False).rows
    spent = _sql(
        source,
        "select device_class, coalesce(sum(train_seconds), 0) / 3600 as training,"
        " coalesce(sum(measure_seconds), 0) / 3600 as measuring from v_models group by all order by all",
    ).rows
    sweeps = [f"{row['sweep']} {row['done']:,} of {row['n_models']:,}" for row in progress]
    hours = [
        f"{row['device_class']} {row['training']:.2g} h training, {row['measuring']:.2g} h measuring" for row in spent
    ]
    return [("sweeps, models done", ", ".join(sweeps) or "none"), ("trained on", "; ".join(hours))]


def _tables(source: Source, asked: tuple[Asking, ...], missing: list[tuple[str, str]]) -> tuple[Table, ...]:
    """The tables that have rows; why the others have none goes to `missing`."""
    made = []
    for asking in asked:
        try:
            table = _saved(source, asking) if asking.sql is None else _own(source, asking)
        except SensdbError as error:
            missing.append((asking.title or asking.name, error.message))
            continue
        if table.n_rows or asking.always:
            made.append(table)
        elif asking.tell:
            missing.append((table.title, "no model has what it asks for"))
    return tuple(made)


def _saved(source: Source, asking: Asking) -> Table:
    query = find_query(load_queries(), asking.name)
    answer = ask(source.database_url, source.cache, asking.name, asking.parameters, source.filters, sync=False)
    columns = tuple((c.name, c.description) for c in query.columns if not asking.columns or c.name in asking.columns)
    flags = "".join(f" -p {shlex.quote(f'{key}={value}')}" for key, value in asking.parameters.items())
    command = f"sensdb query {asking.name}{flags}{source.flags} -o {asking.name}.csv"
    cut = f" The command gives {len(query.columns)} columns." if len(columns) < len(query.columns) else ""
    caution = f"Caution: {query.caution}." if query.caution else ""
    note = " ".join(part for part in (_used(answer.meta), caution, *answer.meta["notes"], cut.strip()) if part)
    return _table(asking.name, asking.title or query.question, note, command, columns, answer)


def _own(source: Source, asking: Asking) -> Table:
    assert asking.sql is not None
    answer = _sql(source, asking.sql)
    text = " ".join(asking.sql.split())
    meanings = {column.name: column.description for view in VIEWS.values() for column in view.columns}
    columns = tuple((name, asking.meanings.get(name, meanings.get(name, ""))) for name in answer.table.column_names)
    command = f"sensdb query --sql {shlex.quote(text)}{source.flags} -o {asking.name}.csv"
    return _table(asking.name, asking.title, asking.note, command, columns, answer)


def _table(
    name: str, title: str, note: str, command: str, columns: tuple[tuple[str, str], ...], answer: Answer
) -> Table:
    shown = answer.table.select([column for column, _ in columns])
    rows = tuple(zip(*(column.to_pylist() for column in shown.slice(0, MOST_ROWS).columns), strict=True))
    return Table(name, title, note, command, columns, rows, shown.num_rows)


def _used(meta: Mapping[str, Any]) -> str:
    left_out = ", ".join(f"{n} {reason}" for reason, n in meta["left_out"].items())
    return f"{meta['n_models']} models used{f'; left out: {left_out}' if left_out else ''}."


def _pictures(source: Source, missing: list[tuple[str, str]]) -> tuple[Picture, ...]:
    """The figures that have something to draw; why the others have not goes to `missing`."""
    made = []
    place = (source.database_url, source.cache)
    for name, parameters in PICTURES:
        drawing = FIGURES[name]
        title = drawing.described
        if drawing.of_columns:
            named = " ".join(str(parameters[axis]) for axis in ("x", "y"))
            title = f"How do {named.replace(' ', ' and ')} of models go together?".replace("_", " ")
            named = f" {named} --color {parameters['color']}"
        else:
            named = "".join(f" -p {shlex.quote(f'{key}={value}')}" for key, value in parameters.items())
        try:
            drawn = plot(*place, name, parameters, source.filters, artifacts_url=source.artifacts_url, sync=False)
        except SensdbError as error:
            missing.append((title, error.message))
            continue
        caption = take_caption(drawn.figure)
        command = f"sensdb plot {name}{named}{source.flags} -o {name}.pdf --data {name}.csv"
        made.append(Picture(name, title, caption, command, svg_text(drawn.figure)))
    return tuple(made)


def _definitions(source: Source) -> tuple[Definition, ...]:
    answer = _sql(
        source,
        "select s.name as sweep, d.enqueued_at, d.n_models, d.definition from sweep_definitions d"
        " join sweeps s on s.sweep_id = d.sweep_id order by s.name, d.enqueued_at, d.definition_sha256",
    )
    return tuple(
        Definition(row["sweep"], f"{row['enqueued_at']:%Y-%m-%dT%H:%M:%SZ}", row["n_models"], row["definition"])
        for row in answer.rows
    )
