"""A spec that kills whatever process trains it, among others that do not (promise P8 of the queue)."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.jobs.queue import Queue
from tests.conformance.factories import enqueue, execute, query, some_specs
from tests.storm.storm import _context
from tests.storm.worker import Traits, run_worker

pytestmark = pytest.mark.long

N, KILLER = 24, 7


def test_p8_a_spec_that_kills_its_process_dies_alone_and_its_pack_mates_live(
    engine: sa.Engine, database_url: str, tmp_path: Path
) -> None:
    execute(engine, "update queue_settings set poll_seconds = 0.1")
    queue = Queue(engine)
    enqueue(queue, some_specs(N))
    n_killed = 0

    while queue.busy():
        process = _context.Process(
            target=run_worker, args=(database_url, str(tmp_path), n_killed, Traits(0.0, killer=KILLER))
        )
        process.start()
        while process.is_alive() and queue.busy():
            process.join(timeout=0.1)
        process.terminate()
        process.join()
        n_killed += process.exitcode == -9

    found = query(engine, "select seed, state, losses from jobs join models using (model_id) order by seed")
    assert [row for row in found if row[1] != "done"] == [(KILLER, "dead", 5)]
    # Of those that were claimed with it, each lost two attempts at most: of 8, then of 1 at a time.
    assert n_killed == 5
    assert max(losses for seed, _, losses in found if seed != KILLER) <= 2
    (job,) = queue.list_jobs(["dead"])
    assert (job["error_type"], job["error_message"]) == ("WorkerLost", "its process has ended")
    assert job["host"]
