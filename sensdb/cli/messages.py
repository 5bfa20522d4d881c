"""Errors as users read them on stderr: `Error: ...`, then `Hint: ...` with the nearest match or the next command."""

from __future__ import annotations

import re
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
        return _usage(error, command), f"{command} --help shows how it is called."
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


# click's words for what is wrong with a value, and ours.
_WORDS = (
    (r"a valid (integer|int)( range)?", "a whole number"),
    (r"a valid float( range)?", "a number"),
    (r"in the range x>=([-\d.]*\d)", r"\1 or more"),
    (r"in the range ([-\d.]+)<=x<=([-\d.]*\d)", r"from \1 to \2"),
)


def _usage(error: click.UsageError, command: str) -> str:
    """What click finds wrong with a call, in the words and the shape of our own errors."""
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{command} needs {_called(error.param)}."
    if isinstance(error, click.BadOptionUsage) and error.message.endswith("requires an argument."):
        return f"{error.option_name}: a value is missing."
    if isinstance(error, click.BadParameter) and error.param is not None:
        message = error.message
        for words, ours in _WORDS:
            message = re.sub(words, ours, message)
        return f"{_name(error.param)}: {_sentence(message)}"
    extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", error.message)
    if extra:
        return f"{command} takes no argument more: {extra[1]}."
    return _sentence(error.format_message())


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _called(parameter: click.Parameter) -> str:
    """A parameter as a call gives it: an option with what it takes, an argument by its name."""
    if isinstance(parameter, click.Option):
        return f"{_name(parameter)} {parameter.metavar or 'N'}"
    return _name(parameter)


def _name(parameter: click.Parameter) -> str:
    """An option as it is typed, an argument as the usage line shows it, without the marks of how often."""
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name.strip("[].")


def _hint(possibilities: list[str] | None, lists_all: str) -> str:
    return f"did you mean '{possibilities[0]}'? {lists_all}" if possibilities else lists_all
