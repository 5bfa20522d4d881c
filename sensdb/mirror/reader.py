"""Open a mirror in DuckDB: small tables in memory, points where they lie, and the views of the database over both.

Beside them `model_point_ranks` and `model_point_quantiles`, the summaries of points (mirror/summaries.py).

Each opening is a database of its own in this process, so any number of queries and a sync work side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sensdb.database import schema
from sensdb.database.views import VIEWS, view_sql
from sensdb.mirror import summaries
from sensdb.mirror.arrow import schema_of
from sensdb.mirror.manifest import Manifest, last_manifest, mirror_folder


def open_mirror(database_url: str, cache: Path, manifest: Manifest | None = None) -> duckdb.DuckDBPyConnection:
    """A connection on a mirror as of one sync, with every table and view of the database under its own name.

    What it may be asked is not limited here; see `lock`.

    Args:
        database_url: whose mirror.
        cache: folder of all mirrors.
        manifest: what `sync` returned; the last one's by default, without asking the database.

    Raises:
        DatabaseError: there is no mirror yet.
        duckdb.IOException: a file that the manifest names is gone.
    """
    if manifest is None:
        folder, manifest = last_manifest(database_url, cache)
    else:
        folder = mirror_folder(cache, manifest.identity)
    connection = duckdb.connect()
    try:
        # Spilling: beside the mirror and not in the user's working folder. Python variables are no tables.
        connection.execute(f"SET temp_directory = {_quoted(str(folder / 'spill'))}")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET TimeZone = 'UTC'")
        # It goes to stdout, among the data, of any statement that takes more than two seconds.
        connection.execute("SET enable_progress_bar = false")
        for name, file in manifest.tables.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet({_quoted(str(folder / file))})")
        kinds = (schema_of(list(schema.point_metrics.columns)), summaries.RANKS, summaries.QUANTILES)
        for number, name in enumerate(("point_metrics", "model_point_ranks", "model_point_quantiles")):
            paths = [str(folder / segment.files[number]) for segment in manifest.segments]
            _create_over_files(connection, name, kinds[number], paths)
        create_views(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create_over_files(
    connection: duckdb.DuckDBPyConnection, name: str, kinds: pa.Schema, paths: Sequence[str]
) -> None:
    if paths:
        files = ", ".join(_quoted(path) for path in paths)
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}])")
        return
    connection.register("empty", kinds.empty_table())
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM empty")
    connection.unregister("empty")


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Every view of the database, by the same text."""
    for name in VIEWS:
        connection.execute(f"CREATE VIEW {name} AS {view_sql(name, 'duckdb')}")


def keep_models(connection: duckdb.DuckDBPyConnection, condition: str, parameters: Sequence[Any]) -> None:
    """Take all models but some out of what a connection sees, everything that hangs on them too.

    Args:
        condition: SQL over model_id, built by sensdb; values stand in it as `?`.
        parameters: those values.
    """
    connection.execute(f"CREATE TABLE kept AS SELECT model_id FROM models WHERE {condition}", list(parameters))
    for table in schema.metadata.sorted_tables:
        if "model_id" in table.c and table.name != "point_metrics":
            connection.execute(f"DELETE FROM {table.name} WHERE model_id NOT IN (SELECT model_id FROM kept)")


def lock(connection: duckdb.DuckDBPyConnection, manifest: Manifest, cache: Path) -> None:
    """Let SQL of the user read the mirror's segments and no other file, and change no setting."""
    folder = mirror_folder(cache, manifest.identity)
    paths = ", ".join(_quoted(str(folder / file)) for segment in manifest.segments for file in segment.files)
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
