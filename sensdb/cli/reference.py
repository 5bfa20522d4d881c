"""docs/reference.md, written from what the code says of itself: `python -m sensdb.cli.reference`, or `--check`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from sensdb.cli import COMMANDS, cli
from sensdb.cli.query import shown_default
from sensdb.settings import CONFIG_VARIABLE, DEFAULT_DATABASE_URL, ENVIRONMENT

PATH = Path(__file__).parents[2] / "docs" / "reference.md"
WIDTH = 100
MEANINGS = {
    "database_url": f"the database; else `{DEFAULT_DATABASE_URL}` in the working folder",
    "data": "folders of data files, joined by `:`, searched before anything is fetched",
    "artifacts": "folder or fsspec URL of stored weights and region slices",
    "cache": "folder of the mirror's files",
}


def render() -> str:
    """The whole reference as Markdown."""
    return "\n".join([*_head(), *_commands(), *_variables(), *_queries(), *_dictionary()]) + "\n"


def main(arguments: list[str]) -> int:
    """Write the reference, or with --check say whether it is fresh: 1 where it is not."""
    text = render()
    if arguments != ["--check"]:
        PATH.write_text(text, encoding="utf-8")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == text:
        return 0
    click.echo(f"Error: {PATH.name} is not what the code says.", err=True)
    click.echo("Hint: python -m sensdb.cli.reference writes it anew.", err=True)
    return 1


def walk(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """A command and all below it, each with the context its help is printed in."""
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, click.Context(child, info_name=name, parent=context, max_content_width=WIDTH))


def root_context() -> click.Context:
    """The context of `sensdb` itself, as wide as the reference whatever the terminal."""
    return click.Context(cli, info_name="sensdb", terminal_width=WIDTH, max_content_width=WIDTH)


def _head() -> list[str]:
    listed = ", ".join(f"[{name}](#sensdb-{name})" for name in COMMANDS)
    return [
        "# Reference",
        "",
        "Written by `python -m sensdb.cli.reference` from the code; `make check` fails where it is not fresh.",
        "",
        f"Commands: {listed}. Then [settings](#settings), [saved queries](#saved-queries), [columns](#columns).",
    ]


def _commands() -> Iterator[str]:
    for command, context in walk(cli, root_context()):
        yield from ("", f"## {context.command_path}", "", "```text", command.get_help(context), "```")


def _variables() -> Iterator[str]:
    yield from ("", "## Settings", "")
    yield "An option wins over the variable, the variable over the config file, the file over the default."
    yield from ("", "| variable | key in the config file | what |", "|---|---|---|")
    for key, variable in ENVIRONMENT.items():
        yield f"| `{variable}` | `{key}` | {MEANINGS[key]} |"
    yield f"| `{CONFIG_VARIABLE}` | | the config file (TOML); else `sensdb/config.toml` in the user's config folder |"


def _queries() -> Iterator[str]:
    from sensdb.analysis.saved_queries import load_queries

    yield from ("", "## Saved queries")
    for query in load_queries().values():
        yield from ("", f"### {query.name}", "", query.question, "")
        yield f"A row is one {query.grain}." + (f" Source: {query.source}." if query.source else "")
        if query.caution:
            yield from ("", f"Caution: {query.caution}.")
        if query.parameters:
            yield from ("", "| parameter | type | default | range | what |", "|---|---|---|---|---|")
            for given in query.parameters:
                default = "required" if given.required else shown_default(given.default)
                yield _row(f"`{given.name}`", given.type, default, given.range, given.description)
        yield from ("", "| column | type | range | what |", "|---|---|---|---|")
        for column in query.columns:
            yield _row(f"`{column.name}`", column.type, column.range, column.description)


def _dictionary() -> Iterator[str]:
    from sensdb.database.dictionary import entries

    yield from (
        "",
        "## Columns",
        "",
        "The table `data_dictionary` of every database holds the same. Read the views, `v_*`.",
    )
    for entry in entries():
        if not entry.column_name:
            yield from ("", f"### {entry.table_name}", "", entry.description)
            yield from ("", "| column | type | unit | what |", "|---|---|---|---|")
        else:
            yield _row(f"`{entry.column_name}`", entry.data_type, entry.unit, entry.description)


def _row(*cells: str) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
