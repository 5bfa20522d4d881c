"""Answers of saved queries kept beside the mirror: they follow from query, parameters and the mirror's files.

The text of a query, its parameters and filters and the state of sensdb's own code say which question it is. A file of
the mirror has the hash of its content in its name, so the names of the files that an answer was made of, noted in it,
say whether it still holds. One that does is read without DuckDB and the schema: its intervals are not drawn again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from sensdb import version
from sensdb.analysis.population import Filters
from sensdb.analysis.saved_queries import SavedQuery
from sensdb.mirror.manifest import Manifest, write_file

MOST_ANSWERS = 200
ALWAYS_READ = ("models", "model_metrics", "sweeps", "sweep_models", "datasets")
"""By filters and by the count of models left out, whatever the query's own text names."""

Kept = tuple[pa.Table, dict[str, Any]]


def question_file(
    cache: Path, manifest: Manifest, query: SavedQuery, parameters: Mapping[str, Any], filters: Filters
) -> Path:
    """Where the last answer to a question is kept, whether it is there or not."""
    question = [
        [str(query.path), query.sql, query.then, [(column.name, column.type) for column in query.columns]],
        sorted(parameters.items()),
        filters.given(),
        code_state(),
    ]
    key = hashlib.sha256(json.dumps(question, default=str).encode()).hexdigest()[:32]
    return cache / "answers" / manifest.identity / f"{key}.arrow"


def made_of(manifest: Manifest, tables: Iterable[str]) -> dict[str, list[str]]:
    """The mirror's files that hold these tables."""
    segments = sorted(segment.file for segment in manifest.segments)
    return {
        name: segments if name == "point_metrics" else [manifest.tables[name]] if name in manifest.tables else []
        for name in sorted(tables)
    }


def tables_of(sql: str) -> set[str]:
    """The tables of the database that an SQL text may read: all that it, or a view that it names, names."""
    # Half a second of a slow machine, which a kept answer does without.
    from sensdb.database import schema
    from sensdb.database.views import VIEWS, view_sql

    found: set[str] = set()
    left = [sql]
    while left:
        words = set(re.findall(r"\w+", left.pop())) - found
        found |= words & {*schema.metadata.tables, *VIEWS}
        left += [view_sql(name, "duckdb") for name in words & {*VIEWS}]
    return found & set(schema.metadata.tables)


def code_state() -> list[Any]:
    """The version, and size and time of every module and query file that an answer may depend on."""
    package = Path(version.__file__).parent
    folders = [package / room for room in ("analysis", "database", "definitions", "mirror")]
    folders += [package.parent / "queries", package / "_bundled" / "queries"]
    files = [path for folder in folders for path in _files_below(folder) if path.endswith((".py", ".sql"))]
    states = [(path, (stat := os.stat(path)).st_size, stat.st_mtime_ns) for path in sorted(files)]
    return [version.__version__, states]


def _files_below(folder: Path) -> Iterable[str]:
    return (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)


def recall(file: Path, manifest: Manifest) -> Kept | None:
    """The answer that is kept in a file, with what was said beside it; None where there is none that still holds."""
    try:
        with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
            table = reader.read_all()
        noted = json.loads(table.schema.metadata[b"made_of"])
        about = json.loads(table.schema.metadata[b"about"])
        if noted != made_of(manifest, noted):
            return None
        with suppress(OSError):
            os.utime(file)  # the oldest go first
        return table.replace_schema_metadata(None), {**about, "notes": tuple(about["notes"])}
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def keep(file: Path, manifest: Manifest, query: SavedQuery, table: pa.Table, about: Mapping[str, Any]) -> None:
    """Keep an answer in place of an earlier one to the same question, and no more than the last ones.

    A cache that cannot be written keeps none.
    """
    sink = pa.BufferOutputStream()
    files = made_of(manifest, tables_of(query.sql) | set(ALWAYS_READ))
    stored = table.replace_schema_metadata(
        {b"about": json.dumps(about).encode(), b"made_of": json.dumps(files).encode()}
    )
    with pa.ipc.new_file(sink, stored.schema) as writer:
        writer.write_table(stored)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file.parent, file.name, sink.getvalue().to_pybytes())
        by_age = sorted(file.parent.glob("*.arrow"), key=os.path.getmtime)
        for old in by_age[:-MOST_ANSWERS]:
            old.unlink(missing_ok=True)
