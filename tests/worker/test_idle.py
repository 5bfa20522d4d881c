"""What a worker costs the database while there is nothing to do, and when it asks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.worker.loop import pause_at_start, pauses_when_idle
from tests.conformance.factories import execute, query
from tests.worker.conftest import Bench
from tests.worker.counting import CountingProxy, trace_sqlite

TIMES_FASTER = 10
SECONDS_WATCHED = 6.0
FRAME = ("BEGIN", "COMMIT", "ROLLBACK")
"""Ways to a server on PostgreSQL, and counted there; nothing of the kind on SQLite."""


def test_an_idle_worker_costs_less_than_one_statement_a_second(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every interval a tenth of what it is by default, so ten times the statements.
    execute(
        bench.engine,
        "update queue_settings set lease_seconds = lease_seconds / 10, beat_seconds = beat_seconds / 10,"
        " reap_seconds = reap_seconds / 10, poll_seconds = poll_seconds / 10",
    )
    proxy = None
    if bench.engine.dialect.name == "sqlite":
        environment, trace = trace_sqlite(tmp_path)
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")

        def count() -> int:
            lines = trace.read_text(encoding="utf-8").splitlines()
            return sum(not line.startswith(FRAME) for line in lines)
    else:
        url = sa.make_url(bench.url)
        proxy = CountingProxy(url.host or "127.0.0.1", url.port or 5432)
        bench.url = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        environment = {}

        def count() -> int:
            return proxy.n_statements

    # The script: what counts on SQLite is put in as the interpreter starts.
    worker = bench.start_script(**environment)
    _wait(lambda: query(bench.engine, "select count(*) from workers where beat_at > started_at")[0][0] == 1)
    time.sleep(30.0 / TIMES_FASTER)  # 1, 2, 4 and 8 of 15 seconds between polls are over
    before, started = count(), time.monotonic()
    time.sleep(SECONDS_WATCHED)
    n, seconds = count() - before, time.monotonic() - started
    bench.kill(worker)
    if proxy is not None:
        proxy.close()

    assert 0 < n < TIMES_FASTER * seconds


def test_pauses_double_up_to_fifteen_times_the_first_and_are_drawn_by_half() -> None:
    lowest = [pause for pause, _ in zip(pauses_when_idle(2.0, lambda low, high: low), range(8), strict=False)]
    highest = [pause for pause, _ in zip(pauses_when_idle(2.0, lambda low, high: high), range(8), strict=False)]

    assert lowest == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 15.0]
    assert highest == [3 * pause for pause in lowest]


def test_the_first_claim_waits_up_to_a_quarter_of_a_poll() -> None:
    assert pause_at_start(2.0, lambda low, high: low) == 0.0
    assert pause_at_start(2.0, lambda low, high: high) == 0.5


def _wait(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.1)
