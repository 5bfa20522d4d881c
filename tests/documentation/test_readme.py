"""What the README shows exists: its commands parse, its sweep expands, its files are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

import sensdb
from sensdb.cli import LazyGroup
from sensdb.cli.options import GlobalOptions
from sensdb.cli.reference import root_context
from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.sweep import expand_sweep, load_sweep

ROOT = Path(sensdb.__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DECISIONS]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


SHOWN = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
IN_TEXT = re.findall(r"`(sensdb [a-z-]+ [^`]+)`", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL))
COMMANDS = [line for line in [*SHOWN, *IN_TEXT] if line.startswith("sensdb ")]
TARGETS = [line for line in SHOWN if line.startswith("make ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_parses(line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[1:]
    context: click.Context = root_context()
    context.obj = GlobalOptions()
    command: click.Command = context.command

    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    if "--help" not in words:
        command.make_context(command.name, words, parent=context)


def test_the_readme_shows_commands_of_every_kind():
    assert {line.split()[1] for line in COMMANDS} >= {"init", "data", "enqueue", "worker", "status", "query", "plot"}
    assert isinstance(root_context().command, LazyGroup)


@pytest.mark.parametrize("line", TARGETS)
def test_a_target_of_the_readme_is_in_the_makefile(line: str):
    target = line.split()[1]

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_sweep_of_the_readme_expands(text: str):
    sweep = load_sweep(text, source="README.md")

    assert expand_sweep(sweep, dataset_info).specs


@pytest.mark.parametrize("text", blocks("python"))
def test_python_of_the_readme_names_what_exists(text: str):
    compile(text, "README.md", "exec")

    for method in re.findall(r"\bdb\.(\w+)\(", text):
        assert callable(getattr(sensdb.Database, method))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_lead_to_files_that_are_there(document: Path):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert target.startswith("http") or (document.parent / target).exists(), target


def test_the_readme_stays_short():
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_numbered_and_at_most_40_lines(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()

    assert lines[0].startswith(f"# {path.name[:4]}: ")
    assert len(lines) <= 40
