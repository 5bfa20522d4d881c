"""pgbouncer in transaction mode between sensdb and the server: few server processes, another for each transaction."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine, reading
from sensdb.database.migrate import initialise
from sensdb.jobs.queue import Queue
from sensdb.mirror.sync import sync
from sensdb.results.writer import store
from tests.conformance.factories import a_result, enqueue, some_specs, states
from tests.postgresql import _unprivileged_account

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVER_PROCESSES = 2


@pytest.fixture
def pooled_url(new_postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database behind a pooler that keeps SERVER_PROCESSES connections for any number of clients."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    direct = sa.make_url(new_postgresql())
    folder = Path(f"/tmp/sensdb-pgbouncer-{os.getpid()}")
    folder.mkdir(mode=0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "users").write_text(f'"{direct.username}" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={direct.host} port={direct.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users\n"
        f"pool_mode = transaction\ndefault_pool_size = {SERVER_PROCESSES}\nmax_client_conn = 200\n"
        "ignore_startup_parameters = options, extra_float_digits\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PGBOUNCER, str(folder / "pgbouncer.ini")], cwd="/", stdout=log, stderr=log, **_unprivileged_account()
        )
        try:
            _wait_for(port, process, folder / "log")
            yield direct.set(port=port).render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("pgbouncer does not answer:\n" + log.read_text())


def test_the_line_runs_through_a_pooler_in_transaction_mode(pooled_url: str, tmp_path: Path) -> None:
    n_workers, n_models = 8, 48

    def work(number: int) -> int:
        engine = open_engine(pooled_url, application_name=f"worker-{number}")
        queue, n_stored = Queue(engine), 0
        while jobs := queue.claim(f"worker-{number}", 2):
            queue.beat(f"worker-{number}")
            n_stored += len(store(queue, [a_result(job) for job in jobs]))
        engine.dispose()
        return n_stored

    assert initialise(pooled_url).action == "created"
    engine = open_engine(pooled_url)
    enqueue(Queue(engine), some_specs(n_models))
    with ThreadPoolExecutor(n_workers) as pool:
        assert sum(pool.map(work, range(n_workers))) == n_models

    assert set(states(engine)) == {"done"}
    assert sum(segment.n_rows for segment in sync(pooled_url, tmp_path).segments) == 3 * n_models
    with reading(engine) as connection:
        assert (
            connection.exec_driver_sql(
                "select count(*) from pg_stat_activity where datname = current_database()"
            ).scalar_one()
            <= SERVER_PROCESSES + 1
        )
        with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
            connection.exec_driver_sql("delete from sweeps")
    engine.dispose()


def test_limits_hold_in_every_writing_transaction_behind_a_pooler(pooled_url: str) -> None:
    from sensdb.jobs.transactions import transact

    engine = open_engine(pooled_url)
    shown = []
    for _ in range(3):
        shown.append(transact(engine, lambda connection: connection.exec_driver_sql("show lock_timeout").scalar_one()))
        with engine.connect() as connection:
            shown.append(connection.exec_driver_sql("show lock_timeout").scalar_one())
    engine.dispose()

    assert shown == ["10s", "0"] * 3


def test_statements_are_prepared_on_direct_connections_alone(pooled_url: str, postgresql_url: str) -> None:
    found = []
    for url in (pooled_url, postgresql_url):
        engine = open_engine(url)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            found.append(driver.prepare_threshold)
        engine.dispose()

    assert found == [None, 5]
