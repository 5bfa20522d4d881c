"""The whole line on every PostgreSQL server that Debian's packages have put on this machine: 14 is the oldest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.cli import main
from sensdb.database.engine import open_engine
from sensdb.database.migrate import OLDEST_POSTGRESQL, initialise
from sensdb.database.views import VIEWS
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Queue
from sensdb.mirror.sync import sync
from sensdb.operations.copy import copy_sweeps
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_worker,
    enqueue,
    expire,
    make_due,
    pairs,
    scalar,
    some_specs,
    states,
)
from tests.postgresql import Cluster

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
NONE = pytest.param(None, id="none", marks=pytest.mark.skip(reason="no server under /usr/lib/postgresql"))


def version(server: Path) -> int:
    """Of a server program in the folder Debian puts it."""
    return int(server.parts[-3].partition(".")[0])


@pytest.fixture(params=[pytest.param(server, id=server.parts[-3]) for server in SERVERS] or [NONE])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """The version of a server, and the URL of an empty database of it."""
    program: Path = request.param
    cluster = Cluster(programs=program.parent)
    try:
        yield version(program), cluster.start().url()
    finally:
        cluster.stop()


def test_a_server_of_any_version_serves_the_whole_line_or_is_refused(server: tuple[int, str], tmp_path: Path) -> None:
    number, url = server
    if number < OLDEST_POSTGRESQL[0]:
        with pytest.raises(DatabaseError, match="is too old; sensdb needs 14 or newer"):
            initialise(url)
        return
    assert (initialise(url).action, initialise(url).action) == ("created", "current")
    engine = open_engine(url)
    queue = Queue(engine)
    queue.register_worker(a_worker())
    enqueue(queue, some_specs(6), "first")

    stored = queue.claim("worker", 2)
    assert store(queue, [a_result(job, 20) for job in stored]) == pairs(stored)
    failed, released, lost = (queue.claim("worker", 1) for _ in range(3))
    assert queue.fail(pairs(failed), "E", "it broke", "") == pairs(failed)
    assert queue.release(pairs(released)) == pairs(released)
    assert [beat.model_id for beat in queue.beat("worker")] == [lost[0].model_id]
    expire(engine, lost[0].model_id)
    assert [job.model_id for job in queue.reap()] == [lost[0].model_id]
    assert (queue.pause("first"), queue.resume("first")) == (4, 4)
    make_due(engine)
    while jobs := queue.claim("worker", 8):
        store(queue, [a_result(job, 20) for job in jobs])

    assert states(engine) == ["done"] * 6
    assert sum(segment.n_rows for segment in sync(url, tmp_path).segments) == 120
    assert scalar(engine, "select count(*) from point_metrics") == 120
    assert main(["--database", url, "grant-reader", "analyst"]) == 0
    reader = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg", username="analyst"))
    with reader.connect() as connection:
        for view in VIEWS:
            connection.exec_driver_sql(f"select * from {view}").all()
    reader.dispose()
    copied = copy_sweeps(url, f"sqlite:///{tmp_path}/copy.db", artifacts_url=str(tmp_path))
    assert copied.n_compared == 6
    engine.dispose()
