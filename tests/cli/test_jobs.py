"""`sensdb status`, `jobs` and the commands that steer jobs, on both databases."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from sensdb.cli.jobs import JOB_STATES
from sensdb.jobs.states import STATES
from sensdb.operations.opening import open_queue
from sensdb.operations.status import FAILURE_COLUMNS, JOB_COLUMNS, SWEEP_COLUMNS, WORKER_COLUMNS
from tests.cli.running import CONSOLE, Here, run_on_terminal
from tests.cli.study import N_MODELS, claim, kill_jobs, write_sweep


@pytest.fixture(autouse=True)
def queue_of_tiny(sensdb: Here, folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with the sweep tiny, all queued."""
    monkeypatch.setenv("SENSDB_DATABASE_URL", database_url)
    write_sweep(folder)
    sensdb("enqueue", "tiny.yaml")
    return database_url


def sweep_row(sensdb: Here) -> dict[str, object]:
    (row,) = json.loads(sensdb("status", "-f", "json").out)
    return row


def test_the_states_of_the_option_are_the_states_of_the_queue():
    assert JOB_STATES == STATES


def test_status_counts_jobs_by_state(sensdb: Here, database_url: str):
    kill_jobs(database_url, 2)

    row = sweep_row(sensdb)

    assert (row["queued"], row["dead"], row["n_models"], row["share_done"]) == (N_MODELS - 2, 2, N_MODELS, 0.0)
    assert tuple(row) == SWEEP_COLUMNS


def test_status_tells_of_workers_and_failures_on_stderr(sensdb: Here, database_url: str):
    kill_jobs(database_url, 2)

    ran = sensdb("status")

    assert ran.err == (
        "workers: 1 running\n"
        "dead: 2 jobs, most often ShapeError: shapes do not fit\n"
        "  sensdb status --failures counts the reasons, sensdb jobs --state dead shows each\n"
    )


def test_status_lists_workers(sensdb: Here, database_url: str):
    with open_queue(database_url) as queue:
        claim(queue, 2)

    (row,) = json.loads(sensdb("status", "--workers", "-f", "json").out)

    assert tuple(row) == WORKER_COLUMNS
    assert (row["condition"], row["n_running"], row["models_per_minute"]) == ("running", 2, None)


def test_status_names_a_worker_that_is_not_heard_from(sensdb: Here, database_url: str):
    with open_queue(database_url) as queue:
        claim(queue, 2)
        moment = "'2020-01-01 00:00:00.000000'" if queue.engine.dialect.name == "sqlite" else "'2020-01-01'"
        with queue.engine.begin() as connection:
            connection.exec_driver_sql(f"update workers set beat_at = {moment}, started_at = {moment}")

    err = sensdb("status").err

    assert err.startswith("workers: 0 running, 1 lost\n  worker-")
    assert "held 2 jobs\n" in err


def test_status_forgets_a_worker_that_was_lost_long_ago_and_holds_nothing(sensdb: Here, database_url: str):
    with open_queue(database_url) as queue:
        jobs = claim(queue, 1)
        queue.release([(job.model_id, job.attempt) for job in jobs])
        moment = "'2020-01-01 00:00:00.000000'" if queue.engine.dialect.name == "sqlite" else "'2020-01-01'"
        with queue.engine.begin() as connection:
            connection.exec_driver_sql(f"update workers set beat_at = {moment}, started_at = {moment}")

    assert sensdb("status").err == "workers: 0 running\n"


def test_status_counts_failures_by_reason(sensdb: Here, database_url: str):
    first = kill_jobs(database_url, 2, "shapes do not fit")
    kill_jobs(database_url, 1, "something else")

    rows = json.loads(sensdb("status", "--failures", "-f", "json").out)

    assert tuple(rows[0]) == FAILURE_COLUMNS
    assert [(row["n_jobs"], row["error_message"]) for row in rows] == [(2, "shapes do not fit"), (1, "something else")]
    assert rows[0]["example_model_id"] == min(first)


def test_jobs_shows_the_error_and_traceback_of_the_last_attempt(sensdb: Here, database_url: str):
    (model_id,) = kill_jobs(database_url, 1)

    (row,) = json.loads(sensdb("jobs", "--state", "dead", "-f", "json").out)

    assert tuple(row) == JOB_COLUMNS
    assert (row["model_id"], row["state"], row["error_type"]) == (model_id, "dead", "ShapeError")
    assert row["error_message"] == "shapes do not fit"
    assert row["traceback"] == "Traceback ...\n  shapes do not fit"
    assert row["host"] == "host"


def test_a_table_of_dead_jobs_is_followed_by_their_errors_as_they_were_printed(sensdb: Here, database_url: str):
    first = kill_jobs(database_url, 2)
    (other,) = kill_jobs(database_url, 1, "\x1b[31mred")

    ran = sensdb("jobs", "--state", "dead", "-f", "table")

    table, *errors = ran.out.split("\n\n")
    assert len(table.splitlines()) == 4
    assert "traceback" not in table
    assert errors == [
        f"models {first[0]}, {first[1]}, attempt 1 on host (exceptions 1, losses 0)\n"
        "  ShapeError: shapes do not fit\n"
        "    Traceback ...\n"
        "      shapes do not fit",
        f"model {other}, attempt 1 on host (exceptions 1, losses 0)\n"
        "  ShapeError: \\x1b[31mred\n"
        "    Traceback ...\n"
        "      \\x1b[31mred\n",
    ]


def test_a_job_whose_worker_was_killed_tells_by_which_signal(sensdb: Here, database_url: str):
    with open_queue(database_url) as queue:
        for _ in range(5):
            (job,) = claim(queue, 1)
            queue.reap_dead_processes("boot", lambda pid: False, host="host", how="its process was killed by signal 9")

    ran = sensdb("jobs", "--state", "dead", "-f", "table")

    assert ran.out.split("\n\n")[1] == (
        f"model {job.model_id}, attempt 5 on host (exceptions 0, losses 5)\n"
        "  WorkerLost: its process was killed by signal 9\n"
    )


def test_other_formats_and_other_states_hold_the_traceback_in_a_column(sensdb: Here, database_url: str):
    kill_jobs(database_url, 1)

    for arguments in (["--state", "dead", "-f", "csv"], ["-f", "table"]):
        assert "traceback" in sensdb("jobs", *arguments).out.splitlines()[0]


def test_jobs_takes_several_states(sensdb: Here, database_url: str):
    kill_jobs(database_url, 2)
    sensdb("cancel", "--sweep", "tiny", "--yes")

    rows = json.loads(sensdb("jobs", "--state", "dead", "--state", "cancelled", "-f", "json").out)

    assert len(rows) == N_MODELS


@pytest.mark.parametrize("arguments", [[], ["--sweep", "tiny"], ["--state", "queued"]])
def test_limit_says_how_many_there_were(sensdb: Here, arguments):
    ran = sensdb("jobs", "--limit", "2", "-f", "jsonl", *arguments)

    assert len(ran.out.splitlines()) == 2
    assert ran.err == f"2 of {N_MODELS} rows (--limit).\n"


def test_no_jobs_are_an_empty_result(sensdb: Here):
    ran = sensdb("jobs", "--state", "dead", "-f", "json")

    assert (ran.code, ran.out, ran.err) == (0, "[]\n", "")


def test_cancel_ends_queued_jobs(sensdb: Here):
    ran = sensdb("cancel", "--sweep", "tiny", "--yes")

    assert (ran.code, ran.out, ran.err) == (0, "", f"cancelled {N_MODELS} jobs.\n")
    assert sweep_row(sensdb)["cancelled"] == N_MODELS


def test_cancel_asks_running_jobs_to_stop(sensdb: Here, database_url: str):
    with open_queue(database_url) as queue:
        claim(queue, 2)

    ran = sensdb("cancel", "--sweep", "tiny", "--yes")

    assert ran.err == f"cancelled {N_MODELS - 2} jobs, asked 2 running ones to stop.\n"


def test_cancel_leaves_what_another_sweep_shares_and_says_how_many(sensdb: Here, folder: Path):
    write_sweep(folder, (folder / "tiny.yaml").read_text(encoding="utf-8").replace("tiny", "other"), "other.yaml")
    sensdb("enqueue", "other.yaml")

    ran = sensdb("cancel", "--sweep", "tiny", "--yes")

    assert (ran.code, ran.err.splitlines()[0]) == (3, f"left {N_MODELS} jobs to other sweeps that want them too.")


def test_cancel_of_a_single_job_does_not_ask(sensdb: Here):
    (first, *_) = json.loads(sensdb("jobs", "-f", "json").out)

    assert sensdb("cancel", str(first["model_id"])).err == "cancelled 1 job.\n"


def test_cancel_of_more_than_one_job_off_a_terminal_names_yes(sensdb: Here):
    ran = sensdb("cancel", "--sweep", "tiny")

    assert ran.code == 2
    assert ran.err == "Error: Cancel sweep tiny? There is no terminal to ask on.\nHint: --yes answers yes.\n"
    assert sweep_row(sensdb)["queued"] == N_MODELS


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, N_MODELS), ("y\n", 0, 0)])
def test_cancel_asks_on_a_terminal_and_obeys_the_answer(sensdb: Here, answer, code, left):
    ran = run_on_terminal("cancel", "--sweep", "tiny", typed=answer)

    assert ran.code == code
    assert "Cancel sweep tiny? [y/N]" in ran.err
    assert sweep_row(sensdb)["queued"] == left


def test_retry_queues_dead_jobs_again(sensdb: Here, database_url: str):
    kill_jobs(database_url, 2)

    ran = sensdb("retry", "--sweep", "tiny", "--state", "dead")

    assert (ran.code, ran.err) == (0, "queued 2 jobs again. Next: sensdb worker --drain\n")
    assert sweep_row(sensdb)["queued"] == N_MODELS


def test_retry_of_one_state_leaves_the_other(sensdb: Here, database_url: str):
    kill_jobs(database_url, 2)
    sensdb("cancel", "--sweep", "tiny", "--yes")

    sensdb("retry", "--sweep", "tiny", "--state", "cancelled")

    assert sweep_row(sensdb)["dead"] == 2


def test_pause_and_resume_hold_and_free_jobs(sensdb: Here):
    paused = sensdb("pause", "--sweep", "tiny")
    held = sweep_row(sensdb)["paused"]
    resumed = sensdb("resume", "--sweep", "tiny")

    assert paused.err == f"paused sweep tiny, held {N_MODELS} jobs. Next: sensdb resume --sweep tiny\n"
    assert held is True
    assert resumed.err == f"resumed sweep tiny, freed {N_MODELS} jobs. Next: sensdb worker --drain\n"


def test_prioritise_moves_jobs(sensdb: Here):
    ran = sensdb("prioritise", "--sweep", "tiny", "--priority", "-5")

    assert ran.err == f"sweep tiny has priority -5; {N_MODELS} jobs moved.\n"
    assert sweep_row(sensdb)["priority"] == -5


@pytest.mark.parametrize(
    "command",
    [
        ["cancel", "--yes"],
        ["retry"],
        ["pause"],
        ["resume"],
        ["prioritise", "--priority", "1"],
        ["jobs"],
    ],
)
def test_an_unknown_sweep_exits_3_with_the_nearest(sensdb: Here, command):
    ran = sensdb(*command, "--sweep", "tiney")

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("Error: no sweep 'tiney'.\nHint: did you mean 'tiny'?")


@pytest.mark.parametrize("command", [["cancel", "99999"], ["retry", "--sweep", "tiny"], ["retry", "99999"]])
def test_nothing_matched_exits_3(sensdb: Here, command):
    ran = sensdb(*command)

    assert (ran.code, ran.err) == (3, "Error: no job matched.\nHint: sensdb jobs lists them with their state.\n")


@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_models_and_a_sweep_together_are_a_usage_error(sensdb: Here, command):
    assert sensdb(command, "1", "--sweep", "tiny").code == 2
    assert sensdb(command).code == 2


def test_watch_shows_the_tables_in_one_place_until_it_is_interrupted(database_url: str):
    kill_jobs(database_url, message="shapes do not fit")

    ran = run_on_terminal("status", "--watch", columns=200, until="shapes do not fit", interrupt=True)

    assert ran.code == 130
    assert ran.out.startswith("\x1b[H\x1b[2Jsweeps, 20")
    assert "\nworkers, 20" in ran.out
    assert "models_per_minute" in ran.out
    assert ran.err.endswith("Interrupted.\n")


def test_watch_off_a_terminal_prints_a_block_each_time_and_no_codes(database_url: str):
    command = [*CONSOLE, "status", "--watch", "--interval", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        titles = []
        while len(titles) < 2:
            line = process.stdout.readline()
            assert "\x1b" not in line
            titles += [line] if line.startswith("sweeps, ") else []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert process.returncode == 130


@pytest.mark.parametrize("option", [["-f", "csv"], ["-o", "status.csv"]])
def test_watch_with_a_format_is_a_usage_error(sensdb: Here, option):
    ran = sensdb("status", "--watch", *option)

    assert ran.code == 2
    assert ran.err.startswith("Error: --watch shows tables; -f and -o have no place in it.\n")


def test_an_interval_without_watch_is_a_usage_error(sensdb: Here):
    ran = sensdb("status", "--interval", "5")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: --interval is of --watch.\n")
