"""The examples of --help are run as they stand."""

from __future__ import annotations

import re
import shlex
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.cli import cli
from sensdb.cli.reference import root_context, walk
from tests.cli.running import Here, run_apart

# Its own test trains for a minute.
RUN_ELSEWHERE = {"sensdb demo"}
# A regression needs more configurations than the study of these tests has: run, and refused for that alone.
TOO_FEW = "sensdb query regress "
OF_A_SERVER = ("grant-reader", "revoke-reader")


def examples_of(command) -> list[str]:
    return re.findall(r"^  (sensdb .*)$", command.epilog or "", flags=re.MULTILINE)


WALKED = list(walk(cli, root_context()))
ALL_EXAMPLES = [line for command, _ in WALKED for line in examples_of(command) if line not in RUN_ELSEWHERE]
EXAMPLES = [line for line in ALL_EXAMPLES if not line.startswith(tuple(f"sensdb {name}" for name in OF_A_SERVER))]


@pytest.mark.parametrize(("command", "context"), WALKED, ids=[context.command_path for _, context in WALKED])
def test_every_command_has_an_example_of_itself(command, context):
    lines = examples_of(command)

    assert lines
    if context.parent is not None:
        assert all(line.startswith(context.command_path) for line in lines)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_runs(digits_here: Path, sensdb: Here, line: str):
    words = shlex.split(line)[1:]
    if words[0] == "doctor":  # the weights noted in this study lie nowhere, which doctor rightly fails
        with sqlite3.connect(digits_here / "sensdb.db") as connection:
            connection.execute("delete from artifacts")

    # A worker starts processes, so it gets one of its own.
    ran = run_apart(*words) if words[0] == "worker" else sensdb(*words)

    if line.startswith(TOO_FEW):
        assert (ran.code, ran.err[:20]) == (1, "Error: no regression"), ran.err
        return
    assert ran.code == 0, ran.err


def test_examples_of_a_server_run_on_one(
    folder: Path, sensdb: Here, postgresql_url: str, postgresql_admin: sa.Engine, monkeypatch: pytest.MonkeyPatch
):
    lines = [line for line in ALL_EXAMPLES if line not in EXAMPLES]
    monkeypatch.setenv("SENSDB_DATABASE_URL", postgresql_url)

    ran = [sensdb(*shlex.split(line)[1:]) for line in lines]

    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql("DROP ROLE bi_reader")
    assert [(one.code, one.err.startswith(("created role bi_reader", "role bi_reader"))) for one in ran] == [
        (0, True)
    ] * 2
