"""Workers as users run them: real processes, really killed, on both databases."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.errors import UsageError
from sensdb.worker.processes import require_kernels
from tests.worker.conftest import Bench
from tests.worker.prepared import MINUTES

pytestmark = pytest.mark.long

LONG = {"max_steps": 2_000_000}
STATES = "select state from jobs order by model_id"


def test_a_worker_trains_measures_and_stores_all_that_is_queued(bench: Bench) -> None:
    bench.enqueue(5)

    code, err = bench.run("--drain")

    assert code == 0, err
    assert [row[0] for row in bench.rows(STATES)] == ["done"] * 5
    assert bench.value("select count(*) from point_metrics") == 5 * 597
    assert bench.value("select sum(n_points_stored) from model_metrics") == 5 * 597
    assert bench.value("select count(*) from model_metrics where steps = 200 and stop_reason = 'budget'") == 5
    assert "5/5 done" in err


def test_a_drained_worker_leaves_nothing_behind(bench: Bench) -> None:
    bench.enqueue(3)

    bench.run("--drain")

    assert bench.value("select count(*) from workers where stopped_at is not null and models_done = 3") == 1
    assert bench.value("select count(*) from attempts where outcome = 'done' and ended_at is not null") == 3
    assert bench.value("select count(*) from dataset_points where dataset = 'digits'") == 1797


def test_an_empty_queue_drains_at_once(bench: Bench) -> None:
    assert bench.run("--drain")[0] == 0


def test_a_killed_worker_loses_nothing(bench: Bench) -> None:
    bench.enqueue(8, max_steps=8000)
    doomed = bench.start()
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 8)

    bench.kill(doomed)
    code, err = bench.run("--drain")

    assert code == 0, err
    assert [row[0] for row in bench.rows(STATES)] == ["done"] * 8
    assert bench.value("select count(*) from attempts where outcome = 'lost'") == 8
    assert bench.value("select count(*) from attempts where outcome = 'done'") == 8
    assert bench.value("select count(distinct model_id) from model_metrics") == 8
    assert bench.value("select count(*) from point_metrics") == 8 * 597


def test_a_killed_process_is_replaced_and_its_jobs_taken_back(bench: Bench) -> None:
    bench.enqueue(2, max_steps=20_000)
    parent = bench.start("--drain")
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 2)

    os.kill(bench.value("select pid from workers"), signal.SIGKILL)
    _out, err = parent.communicate(timeout=MINUTES)

    assert parent.returncode == 0, err
    assert [row[0] for row in bench.rows(STATES)] == ["done"] * 2
    assert "was killed by signal 9; replaced." in err


def test_two_workers_never_share_a_model(bench: Bench) -> None:
    bench.enqueue(24, max_steps=1500)

    workers = [bench.start("--drain") for _ in range(2)]
    for worker in workers:
        worker.communicate(timeout=MINUTES)

    assert [worker.returncode for worker in workers] == [0, 0]
    assert bench.value("select count(*) from attempts") == 24
    assert bench.value("select count(*) from attempts where outcome = 'done'") == 24
    assert bench.value("select count(distinct worker_id) from attempts") == 2


def test_sigterm_releases_what_is_not_finished_at_no_cost(bench: Bench) -> None:
    bench.enqueue(4, **LONG)
    worker = bench.start()
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 4)

    worker.send_signal(signal.SIGTERM)
    _out, err = worker.communicate(timeout=MINUTES)

    assert worker.returncode == 0, err
    assert [tuple(row) for row in bench.rows("select distinct state, exceptions, losses from jobs")] == [
        ("queued", 0, 0)
    ]
    assert {row[0] for row in bench.rows("select outcome from attempts")} == {"released"}


def test_ctrl_c_releases_and_leaves_with_130(bench: Bench) -> None:
    bench.enqueue(2, **LONG)
    worker = bench.start()
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 2)

    os.killpg(worker.pid, signal.SIGINT)
    worker.communicate(timeout=MINUTES)

    assert worker.returncode == 130
    assert bench.value("select count(*) from jobs where state = 'queued'") == 2


def test_ctrl_c_before_the_processes_can_listen_is_quiet(bench: Bench) -> None:
    bench.enqueue(2, **LONG)
    worker = bench.start_script()
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    bench.wait_until(lambda: len(children.read_text(encoding="utf-8").split()) == 2)  # multiprocessing's own, and ours

    os.killpg(worker.pid, signal.SIGINT)
    _, err = worker.communicate(timeout=MINUTES)

    assert worker.returncode == 130
    assert "error" not in err
    assert bench.value("select count(*) from jobs where state = 'queued' and attempt = 0") == 2


def test_a_worker_whose_parent_was_killed_releases_and_leaves(bench: Bench) -> None:
    bench.enqueue(2, **LONG)
    worker = bench.start()
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 2)

    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate(timeout=MINUTES)

    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'queued'") == 2)


def test_until_releases_when_the_time_is_up(bench: Bench) -> None:
    bench.enqueue(1, **LONG)

    code, err = bench.run("--until", "2s")

    assert code == 0, err
    assert [row[0] for row in bench.rows(STATES)] == ["queued"]


def test_a_cancelled_running_model_ends_cancelled_within_a_beat(bench: Bench) -> None:
    _beat_every(bench, 0.5)
    bench.enqueue(2, **LONG)
    bench.start()
    bench.wait_until(lambda: bench.value("select count(*) from jobs where state = 'running'") == 2)

    bench.queue.cancel(sweep="small")

    bench.wait_until(lambda: [row[0] for row in bench.rows(STATES)] == ["cancelled"] * 2)


def test_max_models_is_kept_over_all_processes(bench: Bench) -> None:
    bench.enqueue(6)

    code, err = bench.run("--max-models", "4", "--processes", "2")

    assert code == 0, err
    assert sorted(row[0] for row in bench.rows(STATES)) == ["done"] * 4 + ["queued"] * 2


def test_a_worker_of_one_sweep_claims_nothing_else(bench: Bench) -> None:
    bench.enqueue(3, name="mine", width=8)
    bench.enqueue(3, name="other", width=16)

    bench.run("--drain", "--sweep", "mine")

    done = bench.rows("select sweep, done, queued from v_sweep_progress order by sweep")
    assert [tuple(row) for row in done] == [("mine", 3, 0), ("other", 0, 3)]


def test_a_missing_data_set_is_a_fault_of_the_worker_and_charges_nothing(bench: Bench) -> None:
    bench.enqueue(2, dataset="cifar100", n_train=100)

    code, err = bench.run("--drain", SENSDB_DATA=str(bench.folder / "nothing"), HOME=str(bench.folder))

    assert code == 1
    assert [tuple(row) for row in bench.rows("select state, exceptions, losses from jobs")] == [("queued", 0, 0)] * 2
    assert "cifar100" in err
    assert "Traceback" not in err


def test_a_worker_that_cannot_do_some_of_the_work_does_the_rest(bench: Bench) -> None:
    bench.enqueue(2, name="missing", dataset="cifar100", n_train=100)
    bench.enqueue(3)

    code, _err = bench.run("--drain", SENSDB_DATA=str(bench.folder / "nothing"), HOME=str(bench.folder))

    assert code == 1
    assert bench.value("select count(*) from jobs where state = 'done'") == 3


def test_a_diverged_model_is_a_result(bench: Bench) -> None:
    bench.enqueue(2, learning_rate=1e30)

    code, err = bench.run("--drain")

    assert code == 0, err
    rows = bench.rows("select stop_reason, test_accuracy, n_points_stored from model_metrics")
    assert [tuple(row) for row in rows] == [("diverged", None, 0)] * 2
    assert [row[0] for row in bench.rows(STATES)] == ["done"] * 2


def test_log_format_json_writes_one_object_a_line(bench: Bench) -> None:
    import json

    bench.enqueue(2)

    _code, err = bench.run("--drain", "--log-format", "json")

    events = [json.loads(line) for line in err.splitlines()]
    assert events[-1]["event"] == "progress"
    assert events[-1]["models_done"] == 2


def test_an_unknown_sweep_is_refused_with_the_nearest(bench: Bench) -> None:
    bench.enqueue(1)

    code, err = bench.run("--sweep", "smal")

    assert code == 1
    assert "did you mean 'small'?" in err


@pytest.mark.parametrize("device", ["cuda:7", "tpu"])
def test_a_device_that_is_not_there_is_refused(bench: Bench, device: str) -> None:
    code, err = bench.run("--device", device)

    assert code == 2
    assert device in err


@pytest.mark.parametrize("kind", ["resident", "fused"])
def test_resident_and_fused_steps_on_the_cpu_are_refused(bench: Bench, kind: str) -> None:
    code, err = bench.run(f"--{kind}")

    assert code == 2
    assert f"Error: --{kind}: only GPUs have {kind} steps, not the CPU." in err
    assert f"Hint: leave --{kind} out." in err


@pytest.mark.parametrize("kind", ["resident", "fused"])
def test_resident_and_fused_steps_without_triton_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    monkeypatch.setattr(sys, "path", [])

    with pytest.raises(UsageError, match=f"--{kind} needs triton, which is not installed") as refused:
        require_kernels(kind, ["cuda:0"])

    assert refused.value.hint == "pip install triton"


def _beat_every(bench: Bench, seconds: float) -> None:
    with bench.engine.begin() as connection:
        connection.execute(sa.text("update queue_settings set beat_seconds = :s"), {"s": seconds})
