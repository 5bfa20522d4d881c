"""docs/reference.md is what the code says, and everything public stands in it."""

from __future__ import annotations

import pytest

from sensdb.cli import cli
from sensdb.cli.reference import PATH, main, render, root_context, walk
from sensdb.settings import CONFIG_VARIABLE, ENVIRONMENT

WALKED = list(walk(cli, root_context()))
COMMANDS = [context.command_path for _, context in WALKED]
TEXT = PATH.read_text(encoding="utf-8") if PATH.exists() else ""


def test_the_reference_is_fresh():
    assert render() == TEXT


def test_check_fails_where_it_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys):
    stale = tmp_path / "reference.md"
    stale.write_text("old", encoding="utf-8")
    monkeypatch.setattr("sensdb.cli.reference.PATH", stale)

    assert main(["--check"]) == 1
    assert "Hint: python -m sensdb.cli.reference writes it anew." in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_stands_in_the_reference(path):
    assert f"\n## {path}\n" in TEXT


@pytest.mark.parametrize("variable", [*ENVIRONMENT.values(), CONFIG_VARIABLE])
def test_every_variable_stands_in_the_reference(variable):
    assert f"| `{variable}` |" in TEXT


def test_every_saved_query_stands_in_the_reference():
    from sensdb.analysis.saved_queries import load_queries

    missing = [name for name in load_queries() if f"\n### {name}\n" not in TEXT]
    assert missing == []


@pytest.mark.parametrize(("command", "context"), WALKED, ids=COMMANDS)
def test_every_command_and_option_has_help(command, context):
    assert command.help
    assert command.help.strip().split("\n")[0].endswith(".")
    assert context.parent is None or not command.get_short_help_str(limit=62).endswith("...")  # 80 columns
    bare = [param.name for param in command.params if param.param_type_name == "option" and not param.help]
    assert bare == []
