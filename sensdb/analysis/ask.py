"""The doors of this room: ask a saved query or SQL of one's own, and get an answer that says what it is made of.

DuckDB is imported where a question is put to it: an answer that is kept does without.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from sensdb.analysis import remembered
from sensdb.analysis.answer import Answer, table_of_lists, typed_table
from sensdb.analysis.parameters import values
from sensdb.analysis.population import Filters, apply_filters, left_out, resolve_names
from sensdb.analysis.saved_queries import SavedQuery, find_query, load_queries, parameters_in
from sensdb.analysis.summarised import from_summaries
from sensdb.errors import QueryError, did_you_mean
from sensdb.mirror.manifest import Manifest, last_manifest
from sensdb.mirror.sync import Progress
from sensdb.mirror.sync import sync as sync_mirror
from sensdb.version import __version__

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
FILTER_NAMES = ("sweep", "dataset", "where")
NO_POINT_ROWS = "No rows of test points are stored for these models: their sweeps have `points: 0` under `measure`."

_OPEN: ContextVar[dict[tuple[object, ...], duckdb.DuckDBPyConnection] | None] = ContextVar("open mirrors", default=None)


@contextmanager
def one_mirror() -> Iterator[None]:
    """Within it, questions about the same models open the mirror once; within another one it is that one's."""
    if _OPEN.get() is not None:
        yield
        return
    opened: dict[tuple[object, ...], duckdb.DuckDBPyConnection] = {}
    token = _OPEN.set(opened)
    try:
        yield
    finally:
        _OPEN.reset(token)
        for connection in opened.values():
            connection.close()


def ask(
    database_url: str,
    cache: Path,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    sync: bool = True,
    queries: Path | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Ask a saved query.

    Args:
        database_url: whose results.
        cache: folder of all mirrors.
        name: of the query.
        parameters: values by name, text as from a command line or Python's; what is not given has its default.
            `sweep`, `dataset` and `where` are taken as filters unless the query declares them.
        filters: which models are asked about.
        sync: whether the mirror is brought up to the database first.
        queries: a folder of the user's own queries beside sensdb's.
        progress: told how many point rows the sync copies.

    Raises:
        QueryError: no such query, sweep, data set or column (nearest match), or a query that DuckDB cannot run.
        UsageError: a parameter that does not exist or has a wrong value.
        DatabaseError: the database cannot be read; without `sync`, there is no mirror.
    """
    query = find_query(load_queries(queries), name)
    return ask_query(database_url, cache, query, parameters, filters, sync=sync, progress=progress)


def ask_query(
    database_url: str,
    cache: Path,
    query: SavedQuery,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    sync: bool = True,
    progress: Progress | None = None,
) -> Answer:
    """As `ask`, of a query that no file holds; raises as it does."""
    given, filters = _apart(query, dict(parameters or {}), filters or Filters())
    chosen = values(query.parameters, given)

    manifest = _manifest(database_url, cache, sync=sync, progress=progress)
    kept = remembered.recall(remembered.question_file(cache, manifest, query, chosen, filters), manifest)
    if kept is not None:
        return Answer(query.columns, kept[0], {**kept[1], **_origin(manifest, filters)})

    def run(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Answer:
        bound = dict(chosen)
        for parameter in query.parameters:
            if parameter.type == "names" and bound[parameter.name] is not None and parameter.allowed:
                view = parameter.allowed[0]
                bound[parameter.name] = resolve_names(connection, view, parameter.name, bound[parameter.name])
        n_models, reasons = left_out(connection, query, bound)
        table, notes = _finished(connection, from_summaries(query, bound), bound)
        if n_models and not table.num_rows and "v_points" in query.sql:
            notes = (NO_POINT_ROWS, *notes)
        about = {"query": query.name, "parameters": bound, "n_models": n_models, "left_out": reasons, "notes": notes}
        file = remembered.question_file(cache, manifest, query, chosen, filters)
        remembered.keep(file, manifest, query, table, about)
        return Answer(query.columns, table, {**about, **_origin(manifest, filters)})

    return _on_mirror(database_url, cache, manifest, filters, run)


def ask_sql(
    database_url: str,
    cache: Path,
    text: str,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    sync: bool = True,
    progress: Progress | None = None,
) -> Answer:
    """Ask SQL of the user's own: one SELECT or EXPLAIN over the tables and views of the database.

    Args:
        text: DuckDB's SQL; `$name` stands for a parameter.
        parameters: Python values; `parameters.guess` makes them of a command line's text.

    Raises:
        QueryError: not one SELECT, or DuckDB cannot run it.
        UsageError: a parameter is missing or too many.
        DatabaseError: as for `ask`.
    """
    from sensdb.analysis.sql import check_parameters, check_select, columns_of_table, fetch, plain_table

    check_select(text)
    bound = dict(parameters or {})
    check_parameters(text, bound)
    chosen = filters or Filters()

    def run(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Answer:
        table = plain_table(fetch(connection, text, bound))
        n_models = connection.execute("SELECT count(*) FROM v_models").fetchall()[0][0]
        about = {"query": None, "parameters": bound, "n_models": n_models, "left_out": {}, "notes": ()}
        return Answer(columns_of_table(table), table, {**about, **_origin(manifest, chosen)})

    return _on_mirror(database_url, cache, _manifest(database_url, cache, sync=sync, progress=progress), chosen, run)


def list_queries(queries: Path | None = None) -> list[SavedQuery]:
    """All saved queries, by name; nothing is opened."""
    return sorted(load_queries(queries).values(), key=lambda query: query.name)


def _apart(query: SavedQuery, given: dict[str, Any], filters: Filters) -> tuple[dict[str, Any], Filters]:
    """Parameters and filters told apart: in a notebook both are keywords of one call."""
    declared = {parameter.name for parameter in query.parameters}
    merged = {name: filters.of(name) for name in FILTER_NAMES}
    for name in FILTER_NAMES:
        if name in given and name not in declared:
            merged[name] = (*merged[name], *Filters(**{name: given.pop(name)}).of(name))
    return given, Filters(**merged)


def _manifest(database_url: str, cache: Path, *, sync: bool, progress: Progress | None) -> Manifest:
    return sync_mirror(database_url, cache, progress=progress) if sync else last_manifest(database_url, cache)[1]


def _on_mirror(
    database_url: str,
    cache: Path,
    manifest: Manifest,
    filters: Filters,
    run: Callable[[duckdb.DuckDBPyConnection, Manifest], T],
) -> T:
    import duckdb

    try:
        with _opened(database_url, cache, manifest, filters) as connection:
            return run(connection, manifest)
    except duckdb.IOException:
        # A file this manifest names was replaced long ago by other syncs; what is there now is whole.
        manifest = last_manifest(database_url, cache)[1]
        with _opened(database_url, cache, manifest, filters) as connection:
            return run(connection, manifest)


@contextmanager
def _opened(
    database_url: str, cache: Path, manifest: Manifest, filters: Filters
) -> Iterator[duckdb.DuckDBPyConnection]:
    from sensdb.mirror.reader import lock, open_mirror

    files = sorted([*manifest.tables.values(), *(segment.file for segment in manifest.segments)])
    key = (database_url, cache, manifest.identity, *files, repr(filters.given()))
    shared = _OPEN.get()
    if shared is not None and key in shared:
        yield shared[key]
        return
    connection = open_mirror(database_url, cache, manifest)
    kept = False
    try:
        apply_filters(connection, filters)
        lock(connection, manifest, cache)
        if shared is not None:
            shared[key], kept = connection, True
        yield connection
    finally:
        if not kept:
            connection.close()


def _finished(
    connection: duckdb.DuckDBPyConnection, query: SavedQuery, bound: Mapping[str, Any]
) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows of a saved query as its header declares them, and the notes of the statistic that finished it."""
    from sensdb.analysis.sql import check_select, fetch, fetch_numpy

    in_sql, where = parameters_in(query.sql), str(query.path)
    check_select(query.sql, where)
    for name in sorted(in_sql - bound.keys()):
        raise QueryError(
            f"{where}: ${name} is not declared.", did_you_mean(name, bound, "its header lists parameters.")
        )
    in_text = {name: value for name, value in bound.items() if name in in_sql}
    if query.then is None:
        return typed_table(query.columns, fetch(connection, query.sql, in_text, where), where), ()
    statistic = getattr(importlib.import_module(f"sensdb.analysis.statistics.{query.then}"), query.then)
    options = {name: value for name, value in bound.items() if name not in in_sql}
    done = statistic(fetch_numpy(connection, query.sql, in_text, where), **options)
    return table_of_lists(query.columns, done.columns), done.notes


def _origin(manifest: Manifest, filters: Filters) -> dict[str, Any]:
    return {
        "filters": filters.given(),
        "database": manifest.database,
        "mirror_at": manifest.synced_at,
        "sensdb_version": __version__,
    }
