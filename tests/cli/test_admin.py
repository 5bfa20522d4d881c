"""`sensdb init`, `sync` and `doctor`: what they say, and that doctor fails loudly."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from sensdb.operations.opening import open_queue
from tests.cli.running import Here, run_on_terminal
from tests.cli.study import N_MODELS, SWEEP, claim, note_weights, write_sweep
from tests.conformance.factories import expire

CANARY = "canary-7f3a"


def states(out: str) -> dict[str, str]:
    """Check -> state of a doctor's JSON."""
    return {row["check"]: row["state"] for row in json.loads(out)}


def test_init_creates_then_finds_nothing_to_do(sensdb: Here):
    first, second = sensdb("init"), sensdb("init")

    assert (first.code, first.out) == (0, "")
    assert first.err.startswith("created ")
    assert first.err.endswith(" in sqlite:///sensdb.db (revision 0001).\n")
    assert second.err == "sqlite:///sensdb.db is up to date (revision 0001).\n"


def test_init_works_on_both_databases(sensdb: Here, empty_database_url: str):
    assert sensdb("--database", empty_database_url, "init").err.startswith("created ")


def test_database_option_wins_over_the_variable(sensdb: Here, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENSDB_DATABASE_URL", "sqlite:///variable.db")

    sensdb("--database", "sqlite:///flag.db", "init")

    assert (Path("flag.db").exists(), Path("variable.db").exists()) == (True, False)


@pytest.mark.parametrize("command", [["status"], ["jobs"], ["query", "correlation"], ["enqueue", "digits"], ["sync"]])
def test_a_command_against_no_database_names_init(sensdb: Here, command):
    ran = sensdb(*command)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: sqlite:///sensdb.db: there is no such database file.\nHint: sensdb init creates it.\n"


@pytest.mark.parametrize("command", [["status"], ["jobs"], ["query", "correlation"], ["enqueue", "digits"], ["sync"]])
def test_a_command_against_a_database_without_schema_names_init(sensdb: Here, command):
    sqlite3.connect("sensdb.db").close()
    Path("sensdb.db").touch()

    ran = sensdb(*command)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Error: no sensdb schema in sqlite:///sensdb.db.\nHint: sensdb init creates it.\n"


def test_a_newer_schema_is_refused_with_the_way_out(sensdb: Here):
    sensdb("init")
    with sqlite3.connect("sensdb.db") as connection:
        connection.execute("update sensdb_alembic_version set version_num = '9999'")
    connection.close()

    ran = sensdb("status")

    assert ran.code == 1
    assert "is newer than this sensdb: revision 9999" in ran.err
    assert "pip install --upgrade sensdb" in ran.err


def test_sync_of_an_empty_database_says_so(sensdb: Here):
    sensdb("init")

    ran = sensdb("sync")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith(": 0 point rows of 0 models.\n")


def test_doctor_of_a_good_installation_exits_0(sensdb: Here):
    sensdb("init")

    ran = sensdb("doctor", "-f", "json")

    found = states(ran.out)
    assert ran.code == 0
    assert "fail" not in found.values()
    assert {"sensdb", "python", "database", "schema", "write test", "clock", "cache folder", "cpu"} <= set(found)


def test_doctor_works_on_both_databases(sensdb: Here, database_url: str):
    ran = sensdb("--database", database_url, "doctor", "-f", "json")

    assert (ran.code, states(ran.out)["write test"]) == (0, "ok")


def test_doctor_finds_a_job_whose_lease_ended_long_ago(sensdb: Here, folder: Path, database_url: str):
    sensdb("--database", database_url, "enqueue", write_sweep(folder))
    with open_queue(database_url) as queue:
        (job,) = claim(queue, 1)
        expire(queue.engine, job.model_id)

    ran = sensdb("--database", database_url, "doctor", "-f", "json")

    (stuck,) = [row for row in json.loads(ran.out) if row["check"] == "stuck jobs"]
    assert (ran.code, stuck["state"], stuck["value"]) == (1, "fail", "1")
    assert stuck["note"].startswith(f"model {job.model_id} ")


def test_doctor_finds_rows_without_files_and_files_without_rows(sensdb: Here, folder: Path, database_url: str):
    sensdb("--database", database_url, "enqueue", write_sweep(folder))
    with open_queue(database_url) as queue:
        left = folder / "artifacts" / queue.identity / "weights" / "ab" / "left.safetensors"
    left.parent.mkdir(parents=True)
    left.touch()

    unnamed = sensdb("--database", database_url, "doctor", "-f", "json")
    note_weights(database_url, 1)
    missing = sensdb("--database", database_url, "doctor", "-f", "json")

    assert (unnamed.code, states(unnamed.out)["artifact files"]) == (0, "warn")
    assert (missing.code, states(missing.out)["artifact files"]) == (1, "fail")


def test_doctor_counts_results_that_wait_in_the_spool(sensdb: Here, folder: Path, database_url: str):
    with open_queue(database_url) as queue:
        spool = folder / "cache" / "spool" / queue.identity
    for place in ("worker-1", "worker-2", "refused"):
        (spool / place).mkdir(parents=True)
        (spool / place / "1-1.result").touch()

    ran = sensdb("--database", database_url, "doctor", "-f", "json")

    (waiting,) = [row for row in json.loads(ran.out) if row["check"] == "spooled results"]
    assert (ran.code, waiting["state"], waiting["value"]) == (0, "warn", "2 waiting, 1 refused")


def test_doctor_without_a_database_fails_and_makes_the_other_checks(sensdb: Here):
    ran = sensdb("doctor", "-f", "json")

    found = states(ran.out)
    assert (ran.code, found["schema"], found["cpu"]) == (1, "fail", "ok")


def test_doctor_shows_each_setting_with_its_origin(sensdb: Here, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENSDB_ARTIFACTS", "/somewhere")

    rows = {row["check"]: row for row in json.loads(sensdb("doctor", "-f", "json").out)}

    assert (rows["artifacts"]["value"], rows["artifacts"]["note"]) == ("/somewhere", "SENSDB_ARTIFACTS")
    assert (rows["database"]["value"], rows["database"]["note"]) == ("sqlite:///sensdb.db", "default")


def test_doctor_warns_of_a_data_folder_that_is_not_there(sensdb: Here, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENSDB_DATA", "/not/there")

    assert states(sensdb("doctor", "-f", "json").out)["data folder"] == "warn"


def test_doctor_makes_no_folder(sensdb: Here, folder: Path):
    before = sorted(folder.iterdir())

    sensdb("doctor")

    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("url", ["postgresql://bob:{}@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x?password={}"])
@pytest.mark.parametrize("command", [["doctor"], ["init"], ["status"], ["--verbose", "status"]])
def test_a_password_is_never_shown(sensdb: Here, url, command):
    ran = sensdb("--database", url.format(CANARY), *command)

    assert ran.code == 1
    assert CANARY not in ran.out + ran.err


@pytest.mark.parametrize("form", ["user and password", "query"])
def test_a_password_that_works_is_never_shown(sensdb: Here, folder: Path, postgresql_url: str, form):
    scheme, rest = postgresql_url.split("://")
    name, _, place = rest.partition("@")
    user = name.partition(":")[0]
    joined = "&" if "?" in place else "?"
    url = (
        f"{scheme}://{user}:{CANARY}@{place}"
        if form == "user and password"
        else f"{scheme}://{user}@{place}{joined}password={CANARY}"
    )
    write_sweep(folder)
    commands = [["init"], ["enqueue", "tiny.yaml"], ["status"], ["jobs"], ["doctor"], ["sync"]]
    commands += [["query", "correlation", "--meta"], ["cancel", "--sweep", "tiny", "--yes"]]

    ran = [sensdb("--verbose", "--database", url, *command) for command in commands]

    assert [each.code for each in ran] == [0] * len(commands)
    assert CANARY not in "".join(each.out + each.err for each in ran)
    assert not [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]


def test_doctor_on_a_terminal_is_a_table():
    ran = run_on_terminal("doctor", columns=200)

    assert ran.out.startswith("check ")
    assert ",ok," not in ran.out


def test_delete_takes_a_sweep_with_its_models(sensdb: Here, folder: Path, database_url: str):
    write_sweep(folder)
    sensdb("--database", database_url, "enqueue", "tiny.yaml")

    ran = sensdb("--database", database_url, "delete", "--sweep", "tiny", "--yes")

    assert (ran.code, ran.out, ran.err) == (0, "", f"deleted {N_MODELS} models with 0 point rows.\n")
    assert sensdb("--database", database_url, "status", "-f", "json").out == "[]\n"


def test_delete_leaves_models_to_other_sweeps(sensdb: Here, folder: Path):
    sensdb("init")
    sensdb("enqueue", str(write_sweep(folder)))
    sensdb("enqueue", str(write_sweep(folder, SWEEP.replace("tiny", "other"), "other.yaml")))

    ran = sensdb("delete", "--sweep", "tiny", "--yes")

    assert ran.err == f"deleted 0 models with 0 point rows; {N_MODELS} models left to other sweeps.\n"


def test_delete_off_a_terminal_names_yes_and_deletes_nothing(sensdb: Here, folder: Path):
    sensdb("init")
    sensdb("enqueue", str(write_sweep(folder)))

    ran = sensdb("delete", "--sweep", "tiny")

    assert ran.code == 2
    assert ran.err.endswith("There is no terminal to ask on.\nHint: --yes answers yes.\n")
    assert json.loads(sensdb("status", "-f", "json").out)[0]["queued"] == N_MODELS


def test_delete_of_an_unknown_sweep_exits_3(sensdb: Here):
    sensdb("init")

    ran = sensdb("delete", "--sweep", "tiny", "--yes")

    assert (ran.code, ran.err.splitlines()[0]) == (3, "Error: no sweep 'tiny'.")
