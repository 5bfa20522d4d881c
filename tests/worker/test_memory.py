"""Memory that really ends, in worker processes with a limit on their address space."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sensdb.definitions.measure import MeasureSettings
from tests.worker.conftest import Bench
from tests.worker.prepared import MINUTES

# A worker in a process of its own: with slots planned as for a cache of PLANNED bytes, and LIMIT bytes of memory.
SCRIPT = """
import os, resource, sys, threading
from multiprocessing import Pipe
from pathlib import Path
url, folder, planned, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
import sensdb.training.packing as packing
from sensdb.worker.entry import work_in_process
from sensdb.worker.options import Allowance, WorkerOptions
import sensdb.worker.loop
packing.CACHE_BYTES = planned
used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit))
receiving, sending = Pipe(duplex=False)

def say():
    while True:
        message = receiving.recv()
        if hasattr(message, "text"):
            print(message.text, flush=True)

threading.Thread(target=say, daemon=True).start()
work_in_process(WorkerOptions(url, (), str(folder / "artifacts"), folder, drain=True), Allowance(None), sending)
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc"),
]


def run_limited(bench: Bench, *, planned: int, limit: int) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, bench.url, str(bench.folder), str(planned), str(limit)],
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_slots_halve_until_they_fit_and_no_model_pays_for_it(bench: Bench) -> None:
    # 17 MB a slot, and a quarter of a GB for the libraries that are yet to be loaded.
    fields = {"width": 1000, "hidden_layers": 2, "max_steps": 10, "n_train": 100, "optimizer": "adam"}
    bench.enqueue(2, measure=MeasureSettings(points=0, transitions_points=0, spectral=False), **fields)

    code, said = run_limited(bench, planned=2 << 30, limit=900 << 20)

    assert code == 0, said
    assert "with 64 slots; going on with 32" in said
    assert bench.value("select count(*) from jobs where state = 'done' and exceptions = 0 and losses = 0") == 2


def test_where_not_even_one_fits_now_the_jobs_are_released_uncharged(bench: Bench) -> None:
    bench.enqueue(2, width=9000, hidden_layers=2, max_steps=10)  # 330 MB of weights

    code, said = run_limited(bench, planned=1, limit=700 << 20)

    assert code == 1, said
    assert "a model of 64-9000-9000-10 needs 691 MB to train alone" in said
    assert [tuple(row) for row in bench.rows("select distinct state, exceptions, losses from jobs")] == [
        ("queued", 0, 0)
    ]
