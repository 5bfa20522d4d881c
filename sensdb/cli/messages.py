"""Errors as users read them on stderr: `Error: ...`, then `Hint: ...` with the nearest match or the next command."""

from __future__ import annotations

import traceback

import click

from sensdb.errors import SensdbError


class InvalidValue(click.BadParameter):
    """A value on the command line is not among those allowed; carries its own hint line."""

    def __init__(self, message: str, *, hint: str | None = None, ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx=ctx)
        self.hint = hint


def describe(error: click.ClickException | SensdbError) -> tuple[str, str | None]:
    """The two lines of an error, message and hint, without their labels."""
    if isinstance(error, SensdbError):
        return error.message, error.hint
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sensdb"
    lists_all = f"{command} --help lists all."
    if isinstance(error, click.NoSuchCommand):
        return f"{command} has no command '{error.command_name}'.", _hint(error.possibilities, lists_all)
    if isinstance(error, click.NoSuchOption):
        return f"{command} has no option '{error.option_name}'.", _hint(error.possibilities, lists_all)
    if isinstance(error, InvalidValue):
        name = "" if error.param is None else f"{_name(error.param)}: "
        return f"{name}{error.message}", error.hint
    if isinstance(error, click.UsageError):
        return error.format_message(), f"{command} --help shows how it is called."
    return error.format_message(), None


def report(error: click.ClickException | SensdbError, *, verbose: bool) -> int:
    """Print an error to stderr and return its exit code; with its traceback where `verbose`."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if verbose:
        traceback.print_exception(error)
    message, hint = describe(error)
    click.echo(f"Error: {message}", err=True)
    if hint:
        click.echo(f"Hint: {hint}", err=True)
    return error.exit_code


def _name(parameter: click.Parameter) -> str:
    """An option as it is typed, an argument as the usage line shows it."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name


def _hint(possibilities: list[str] | None, lists_all: str) -> str:
    return f"did you mean '{possibilities[0]}'? {lists_all}" if possibilities else lists_all
