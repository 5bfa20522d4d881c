"""`sensdb enqueue`: the dry run, queueing twice, what it says, and mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.running import Here, run_apart
from tests.cli.study import N_MODELS, SWEEP, kill_jobs, write_sweep


@pytest.fixture(autouse=True)
def database(sqlite_template: Path, folder: Path) -> Path:
    shutil.copyfile(sqlite_template, folder / "sensdb.db")
    return write_sweep(folder)


def queued(sensdb: Here) -> int:
    return int(json.loads(sensdb("status", "-f", "json").out)[0]["queued"])


def test_a_sweep_is_queued_and_the_next_command_named(sensdb: Here):
    ran = sensdb("enqueue", "tiny.yaml")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"queued {N_MODELS} jobs of sweep tiny. Next: sensdb worker --drain\n"
    assert queued(sensdb) == N_MODELS


def test_a_sweep_queued_twice_adds_nothing_and_says_so(sensdb: Here):
    sensdb("enqueue", "tiny.yaml")

    ran = sensdb("enqueue", "tiny.yaml")

    assert ran.code == 0
    assert ran.err == (
        f"queued nothing: all {N_MODELS} models of sweep tiny are known.\n  {N_MODELS} are queued or running already.\n"
    )
    assert queued(sensdb) == N_MODELS


def test_an_edited_sweep_adds_what_is_new_and_counts_what_remains(sensdb: Here, folder: Path):
    sensdb("enqueue", "tiny.yaml")
    write_sweep(folder, SWEEP.replace("width: [8]", "width: [16]"))

    ran = sensdb("enqueue", "tiny.yaml")

    assert f"queued {N_MODELS} jobs" in ran.err
    assert f"{N_MODELS} models of earlier texts of this sweep remain." in ran.err


def test_dead_jobs_are_named_with_the_command_that_retries_them(sensdb: Here):
    sensdb("enqueue", "tiny.yaml")
    kill_jobs("sqlite:///sensdb.db", limit=2)

    ran = sensdb("enqueue", "tiny.yaml")

    assert "  2 are dead: sensdb retry --sweep tiny --state dead\n" in ran.err


def test_a_dry_run_says_what_would_happen_and_queues_nothing(sensdb: Here):
    ran = sensdb("enqueue", "tiny.yaml", "--dry-run")

    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert lines[0] == (
        "tiny: 3 configurations x 3 seeds = 9 models; 0 already trained, 9 new. Nothing queued (--dry-run)."
    )
    assert lines[1] == "axes: hidden_layers 2, width 1, label_noise 2, seeds 3"
    assert lines[2] == "combinations: 12; 3 excluded, 0 equal to another"
    assert lines[3] == "  excluded by hidden_layers == 2 and label_noise == 1: 3"
    assert lines[4] == "already there: 0 queued or running, 0 done, 0 dead, 0 cancelled"
    assert json.loads(sensdb("status", "-f", "json").out) == []


def test_a_dry_run_counts_what_is_queued_already(sensdb: Here):
    sensdb("enqueue", "tiny.yaml")

    out = sensdb("enqueue", "tiny.yaml", "--dry-run").out

    assert "0 already trained, 0 new." in out
    assert "already there: 9 queued or running, 0 done, 0 dead, 0 cancelled" in out


def test_a_dry_run_shows_first_and_last_specs(sensdb: Here):
    lines = sensdb("enqueue", "tiny.yaml", "--dry-run").out.splitlines()

    samples = {line.partition(": ")[0]: json.loads(line.partition(": ")[2]) for line in lines[-3:]}
    assert (samples["first"]["hidden_layers"], samples["first"]["seed"]) == (1, 0)
    assert (samples["last"]["hidden_layers"], samples["last"]["seed"]) == (2, 2)


def test_a_dry_run_estimates_time_rows_and_bytes(sensdb: Here):
    out = sensdb("enqueue", "tiny.yaml", "--dry-run").out

    assert "operations; with measuring that is about 0 s of one CPU core, 0 s on the " in out

    assert f"stores {9 * 597:,} point rows" in out


def test_stdin_is_a_sweep(folder: Path):
    ran = run_apart("enqueue", "-", text_in=SWEEP)

    assert (ran.code, ran.err.splitlines()[0]) == (0, "queued 9 jobs of sweep tiny. Next: sensdb worker --drain")


def test_set_replaces_a_fixed_value(sensdb: Here):
    out = sensdb("enqueue", "tiny.yaml", "--dry-run", "--set", "max_steps=7").out

    assert '"max_steps":7' in out


def test_priority_wins_over_the_sweep_s_own(sensdb: Here):
    sensdb("enqueue", "tiny.yaml", "--priority", "7")

    assert json.loads(sensdb("jobs", "--limit", "1", "-f", "json").out)[0]["priority"] == 7


def test_list_shows_the_built_in_sweeps_without_a_database(sensdb: Here, folder: Path):
    (folder / "sensdb.db").unlink()

    rows = json.loads(sensdb("enqueue", "--list", "-f", "json").out)

    digits = next(row for row in rows if row["sweep"] == "digits")
    assert digits["n_models"] >= 120
    assert 30 < digits["core_seconds"] < 300
    assert digits["time_here"].endswith((" s", " min"))


@pytest.mark.parametrize("option", [("-f", "json"), ("-o", "rows.csv")])
def test_a_format_or_file_for_rows_there_are_none_of_is_refused(sensdb: Here, option: tuple[str, str]):
    ran = sensdb("enqueue", "tiny.yaml", *option)

    assert ran.code == 2
    assert ran.err == (
        "Error: -f and -o: sensdb enqueue lists rows only with --list.\nHint: leave them out, or add --list.\n"
    )
    assert json.loads(sensdb("status", "-f", "json").out) == []


def test_nothing_is_queued_where_one_of_several_files_is_wrong(sensdb: Here, folder: Path):
    write_sweep(folder, "name: bad\nseedz: 3\n", "bad.yaml")

    ran = sensdb("enqueue", "tiny.yaml", "bad.yaml")

    assert ran.code == 1
    assert "bad.yaml" in ran.err
    assert "did you mean 'seeds'?" in ran.err
    assert json.loads(sensdb("status", "-f", "json").out) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Error: sensdb enqueue needs a sweep file.\nHint: sensdb enqueue --list shows those that are built in"),
        (["tiny.yml"], 1, "Error: tiny.yml is neither a file nor a built-in sweep.\nHint: did you mean 'tiny.yaml'?"),
        (["digit"], 1, "Error: digit is neither a file nor a built-in sweep.\nHint: did you mean 'digits'?"),
        (["tiny.yaml", "--set", "3"], 2, "Error: --set: '3' is not of the form NAME=VALUE.\n"),
        (["tiny.yaml", "--set", "seed=1", "--set", "seed=2"], 2, "Error: --set: 'seed' is given twice.\n"),
        (["tiny.yaml", "--set", "max_step=3"], 1, "Error: --set: no spec field 'max_step'.\nHint: did you mean 'max_s"),
        (["binary.yaml"], 1, "Error: binary.yaml is not UTF-8 text: byte 0 cannot be read.\n"),
    ],
)  # fmt: skip
def test_a_mistake_gets_its_own_message(sensdb: Here, folder: Path, arguments, code, message):
    (folder / "binary.yaml").write_bytes(b"\xff\xfe")

    ran = sensdb("enqueue", *arguments)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message)
