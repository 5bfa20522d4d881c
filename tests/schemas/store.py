"""Write the stored databases of the newest revision, once, with its release: `python -m tests.schemas.store`.

A revision's two files, `NNNN.sqlite.sql` and `NNNN.postgresql.sql`, are what that release left in a database with a
small study in it. They are never written again: later code must upgrade what was made then, not what it would make now.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from sensdb.database.engine import open_engine, writing
from sensdb.database.migrate import initialise
from sensdb.database.schema import REVISION
from sensdb.database.views import drop_views
from sensdb.results.artifacts import Artifact
from sensdb.results.writer import store
from tests.conformance.factories import a_result, a_worker, enqueue, some_specs
from tests.postgresql import Cluster

FOLDER = Path(__file__).parent


def stored(revision: str, database: str) -> Path:
    """The file of a revision, for sqlite or postgresql."""
    return FOLDER / f"{revision}.{database}.sql"


def fill(url: str) -> None:
    """A small study: two done models with points, one dead, one running, one queued; views are made anew by init."""
    from sensdb.jobs.queue import Queue

    initialise(url)
    engine = open_engine(url)
    queue = Queue(engine)
    enqueue(queue, some_specs(5), "a study")
    queue.register_worker(a_worker())
    first, second, third = (queue.claim("worker", 1)[0] for _ in range(3))
    weights = Artifact("weights", "kept/by/hand", "0" * 64, 10)
    store(queue, [a_result(first, 2, artifacts=(weights,)), a_result(second, 1)])
    queue.fail([(third.model_id, third.attempt)], "ShapeError", "it's 'quoted'; -- no comment", "...", permanent=True)
    queue.claim("worker", 1)
    with writing(engine) as connection:
        drop_views(connection)
    engine.dispose()


def dump_sqlite(path: Path) -> str:
    """A file as SQL, its counters of AUTOINCREMENT included."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def dump_postgresql(cluster: Cluster, database: str) -> str:
    """A database as SQL without owners and grants, as INSERTs that any driver can run."""
    done = subprocess.run(
        [cluster.binaries / "pg_dump", "--inserts", "--no-owner", "--no-privileges", cluster.url(database)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Comments, settings of the session that made it, and psql's own commands are no part of the schema.
    kept = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "SET ", "\\"))]
    return "\n".join(line for line in kept if "set_config('search_path'" not in line) + "\n"


def main() -> int:
    """Write both files of the newest revision; refuses where there are any."""
    files = [stored(REVISION, database) for database in ("sqlite", "postgresql")]
    if any(file.exists() for file in files):
        print(f"revision {REVISION} is stored already.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        fill(f"sqlite:///{path}")
        files[0].write_text(dump_sqlite(path), encoding="utf-8")
    cluster = Cluster()
    try:
        cluster.start()
        fill(cluster.url())
        files[1].write_text(dump_postgresql(cluster, "postgres"), encoding="utf-8")
    finally:
        cluster.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
