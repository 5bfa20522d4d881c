"""Three hosts and a database on a fourth: real workers on a real sweep, one cut off past its lease, one slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.cli import main
from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from tests.cli.study import write_sweep
from tests.conformance.factories import execute, query
from tests.postgresql import Cluster
from tests.storm.journal import Verdict, check
from tests.workers.hosts import Network

pytestmark = pytest.mark.long

SENSDB = Path(sys.executable).parent / "sensdb"
DATABASE, CUT, SLOW, PLAIN = "database", "cut-off", "slow", "plain"
LEASE_SECONDS = 5.0
N_MODELS, PACK_SIZE = 15, 3
OF_THE_SLOW = 3
"""What the slow host takes at most, so that there is always work left for the others."""

SWEEP = f"""\
name: hosts
seeds: {N_MODELS}
fixed: {{dataset: digits, n_train: 400, batch_size: 64, learning_rate: 0.01, max_steps: 4000}}
grid: {{hidden_layers: [1], width: [16]}}
measure: {{transitions: {{method: exact, points: 20}}}}
"""


@dataclass
class Lab:
    """The hosts with their workers, and what became of them."""

    network: Network
    cluster: Cluster
    folder: Path
    engine: sa.Engine
    slowed_by: str | None = None
    workers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    said: dict[str, tuple[int, str]] = field(default_factory=dict)

    def start(self, host: str, *arguments: str) -> None:
        """A worker on a host, with a disk of its own and one that all share."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith("SENSDB")}
        command = [str(SENSDB), "--database", self.cluster.url(), "worker", "--device", "cpu", "--processes", "1"]
        self.workers[host] = subprocess.Popen(
            [*self.network.named(host), *command, "--drain", "--pack-size", str(PACK_SIZE), *arguments],
            cwd=self.folder,
            env=clean | {"SENSDB_CACHE": str(self.folder / host), "SENSDB_ARTIFACTS": str(self.folder / "artifacts")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def rows(self, text: str) -> list[Any]:
        """The answer to a query."""
        return query(self.engine, text)

    def wait_until(self, condition: Callable[[], object], seconds: float = 180) -> None:
        """Poll until the condition holds."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "did not happen in time"
            time.sleep(0.05)

    def outcomes(self, host: str) -> list[str | None]:
        """How the attempts of a host ended."""
        return [outcome for (outcome,) in self.rows(f"select outcome from v_attempts where host = '{host}'")]

    def end(self) -> None:
        """End the workers that still run."""
        for process in self.workers.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture(scope="module")
def lab(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """All queued, three workers at it, one cut off while it trains and put back, all gone.

    `postgresql_server` is not used: it skips where PostgreSQL is to be left out.
    """
    with ExitStack() as cleanup:
        network = Network([DATABASE, CUT, SLOW, PLAIN])
        cleanup.callback(network.close)
        cluster = Cluster(address=network.address(DATABASE), within=network.within(DATABASE))
        cleanup.callback(cluster.stop)
        url = cluster.start().local_url()
        initialise(url)
        engine = open_engine(url)
        cleanup.callback(engine.dispose)
        made = Lab(network, cluster, tmp_path_factory.mktemp("hosts"), engine)
        cleanup.callback(made.end)
        run(made)
        yield made


def run(made: Lab) -> None:
    """The story that all the tests ask about."""
    execute(
        made.engine,
        f"update queue_settings set lease_seconds = {LEASE_SECONDS}, beat_seconds = 0.5, reap_seconds = 0.5,"
        " poll_seconds = 0.2",
    )
    url = made.cluster.local_url()
    assert main(["--database", url, "enqueue", str(write_sweep(made.folder, SWEEP))]) == 0
    made.slowed_by = made.network.slow(SLOW)
    made.start(SLOW, "--max-models", str(OF_THE_SLOW))
    made.wait_until(lambda: made.outcomes(SLOW))
    made.start(CUT)
    made.wait_until(lambda: None in made.outcomes(CUT))
    made.network.cut(CUT)
    made.start(PLAIN)
    made.wait_until(lambda: "lost" in made.outcomes(CUT))
    time.sleep(LEASE_SECONDS / 2)
    made.network.join(CUT)
    for host, process in made.workers.items():
        _, err = process.communicate(timeout=240)
        made.said[host] = process.returncode, err


@pytest.fixture(scope="module")
def verdict(lab: Lab) -> Verdict:
    """The count of the storm's checker."""
    return check(lab.engine, [], made_up=False)


def test_every_model_is_done_once_though_a_host_was_cut_off(lab: Lab, verdict: Verdict) -> None:
    assert (verdict.models, verdict.lost, verdict.doubled) == (N_MODELS, set(), set())
    assert lab.rows("select count(*), count(distinct model_id) from model_metrics") == [(N_MODELS, N_MODELS)]
    done = lab.rows("select count(*) from attempts where outcome = 'done'")
    assert done == [(N_MODELS,)]


def test_attempts_add_up_and_no_row_is_an_orphan(lab: Lab, verdict: Verdict) -> None:
    assert verdict.violations == []
    for name in ("model_metrics", "point_metrics", "attempts", "jobs"):
        assert lab.rows(f"select count(*) from {name} where model_id not in (select model_id from models)") == [(0,)]
    assert lab.rows("select count(*) from attempts where worker_id not in (select worker_id from workers)") == [(0,)]


def test_what_the_cut_off_host_held_was_taken_from_it(lab: Lab) -> None:
    taken = f"select model_id from v_attempts where host = '{CUT}' and outcome = 'lost'"

    assert lab.rows(taken)
    assert lab.rows(f"select count(*) from jobs where state <> 'done' and model_id in ({taken})") == [(0,)]


def test_every_host_leaves_in_good_order(lab: Lab) -> None:
    assert {host: code for host, (code, _) in lab.said.items()} == {CUT: 0, SLOW: 0, PLAIN: 0}, lab.said
    assert lab.rows("select count(*) from workers where stopped_at is null") == [(0,)]


def test_nothing_waits_on_a_disk_of_the_hosts(lab: Lab) -> None:
    left = [path for host in (CUT, SLOW, PLAIN) for path in (lab.folder / host).rglob("*") if path.is_file()]

    assert [path for path in left if "spool" in str(path)] == []


def test_a_host_behind_a_slow_link_does_its_share(lab: Lab) -> None:
    if lab.slowed_by is None:
        pytest.skip("no link can be made slow here: tc is missing, or the kernel's netem and tbf are")

    assert "done" in lab.outcomes(SLOW)
