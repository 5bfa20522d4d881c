"""Completion in the shell: names come without any database being opened."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.running import CONSOLE
from tests.cli.study import write_sweep


def completions(monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What bash is offered for the last word of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_SENSDB_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("SENSDB_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    done = subprocess.run(CONSOLE, capture_output=True, text=True, check=True)
    return [entry.partition(",")[2] for entry in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sensdb qu", ["query"]),
        ("sensdb query corr", ["correlation"]),
        ("sensdb query correlation --dataset fash", ["fashion_mnist"]),
        ("sensdb data fetch cifar", ["cifar10", "cifar100"]),
        ("sensdb enqueue digi", ["digits"]),
        ("sensdb jobs --state de", ["dead"]),
        ("sensdb jobs -f js", ["json", "jsonl"]),
    ],
)
def test_names_are_completed(monkeypatch: pytest.MonkeyPatch, line, offered):
    assert completions(monkeypatch, line) == offered


def test_sweep_files_of_the_working_folder_are_completed(monkeypatch: pytest.MonkeyPatch, folder: Path):
    write_sweep(folder)

    assert completions(monkeypatch, "sensdb enqueue ti") == ["tiny.yaml"]


def test_the_script_for_bash_is_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_SENSDB_COMPLETE", "bash_source")

    done = subprocess.run(CONSOLE, capture_output=True, text=True, check=True)

    assert "_SENSDB_COMPLETE=bash_complete" in done.stdout
