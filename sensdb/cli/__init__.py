"""The command line: parse, call one room, print. This module holds the root group and turns errors into exit codes."""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from collections.abc import Sequence

import click

from sensdb.cli.messages import report as report_error  # the module report takes that name
from sensdb.cli.options import GlobalOptions, examples
from sensdb.cli.output import discard_stdout, prepare_stdout, stdout_is_closed
from sensdb.errors import SensdbError
from sensdb.version import __version__

# Command -> module that holds it under the same name, one that is a keyword with an underscore behind it. In the order
# of the work, which is the order of --help.
COMMANDS = {
    "demo": "sensdb.cli.demo",
    "init": "sensdb.cli.admin",
    "data": "sensdb.cli.data",
    "enqueue": "sensdb.cli.enqueue",
    "worker": "sensdb.cli.worker",
    "status": "sensdb.cli.status",
    "jobs": "sensdb.cli.jobs",
    "cancel": "sensdb.cli.jobs",
    "retry": "sensdb.cli.jobs",
    "pause": "sensdb.cli.jobs",
    "resume": "sensdb.cli.jobs",
    "prioritise": "sensdb.cli.jobs",
    "measure": "sensdb.cli.measure",
    "import": "sensdb.cli.measure",
    "query": "sensdb.cli.query",
    "plot": "sensdb.cli.plot",
    "report": "sensdb.cli.report",
    "sync": "sensdb.cli.admin",
    "export": "sensdb.cli.export",
    "copy": "sensdb.cli.copy",
    "delete": "sensdb.cli.admin",
    "grant-reader": "sensdb.cli.roles",
    "revoke-reader": "sensdb.cli.roles",
    "doctor": "sensdb.cli.admin",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is run or listed, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:  # click looks for the nearest match among loaded commands only
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["--help"]},
    epilog=examples("sensdb --database sqlite:///study.db status", then="sensdb demo, or sensdb enqueue --list"),
)
@click.option(
    "--database",
    metavar="URL",
    envvar="SENSDB_DATABASE_URL",
    show_envvar=True,
    help="sqlite:///FILE or postgresql://USER@HOST/NAME; else the config file's, else sqlite:///sensdb.db here.",
)
@click.option("--verbose", is_flag=True, help="Say more on stderr: log lines, and tracebacks of errors.")
@click.version_option(__version__, message="sensdb %(version)s")
@click.pass_context
def cli(ctx: click.Context, database: str | None, verbose: bool) -> None:
    """Train many small networks, store what was measured at every test point, and ask.

    Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 could not be done, 2 wrong usage,
    3 nothing matched, 130 interrupted.
    """
    given = ctx.get_parameter_source("database") is click.core.ParameterSource.COMMANDLINE
    ctx.obj.database, ctx.obj.verbose = (database if given else None), verbose
    if os.environ.get("NO_COLOR"):  # click 8.5 writes colours on a terminal all the same
        ctx.color = False
    if verbose:
        import logging

        logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def _invoke(context: click.Context) -> None:
    """Run the command; what click finds wrong before it has a context is said of the command and not of sensdb."""
    try:
        cli.invoke(context)
    except click.UsageError as error:
        name = context.invoked_subcommand
        command = None if name is None else cli.get_command(context, name)
        if error.ctx is None and command is not None:
            error.ctx = click.Context(command, parent=context, info_name=name)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the process's exit code (design.md 7); the door of the `sensdb` script.

    click's own `main` gives 1 for an interrupt and for a closed pipe; here they are 130 and 0.
    """
    if "_SENSDB_COMPLETE" in os.environ:
        cli.main(prog_name="sensdb")  # the shell asks for completions; click answers and exits
    options = GlobalOptions()
    prepare_stdout()
    try:
        with cli.make_context("sensdb", list(sys.argv[1:] if arguments is None else arguments), obj=options) as context:
            _invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        if not stdout_is_closed():
            raise
        discard_stdout()
    except (click.ClickException, SensdbError) as error:
        return report_error(error, verbose=options.verbose)
    return 0
