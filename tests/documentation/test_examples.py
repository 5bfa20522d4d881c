"""The examples of --help are run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sensdb.cli import cli
from sensdb.cli.reference import root_context, walk
from tests.cli.running import Here, run_apart

# Its own test trains for a minute.
RUN_ELSEWHERE = {"sensdb demo"}


def examples_of(command) -> list[str]:
    return re.findall(r"^  (sensdb .*)$", command.epilog or "", flags=re.MULTILINE)


WALKED = list(walk(cli, root_context()))
EXAMPLES = [line for command, _ in WALKED for line in examples_of(command) if line not in RUN_ELSEWHERE]


@pytest.mark.parametrize(("command", "context"), WALKED, ids=[context.command_path for _, context in WALKED])
def test_every_command_has_an_example_of_itself(command, context):
    lines = examples_of(command)

    assert lines
    if context.parent is not None:
        assert all(line.startswith(context.command_path) for line in lines)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_runs(digits_here: Path, sensdb: Here, line: str):
    words = shlex.split(line)[1:]

    # A worker starts processes, so it gets one of its own.
    ran = run_apart(*words) if words[0] == "worker" else sensdb(*words)

    assert ran.code == 0, ran.err
