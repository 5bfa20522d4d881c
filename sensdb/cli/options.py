"""What several commands share: global options, choices with a nearest match, examples, the question before harm."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import click

from sensdb.cli.messages import InvalidValue
from sensdb.errors import UsageError, did_you_mean
from sensdb.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class GlobalOptions:
    """The options before the command's name; settings are resolved when a command asks: --help never fails."""

    database: str | None = None
    verbose: bool = False

    @functools.cached_property
    def settings(self) -> Settings:
        """Settings of this process, --database first."""
        return Settings.resolve(database=self.database)


def pass_settings(function: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Give the command the resolved settings as its first argument."""

    @functools.wraps(function)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> R:
        options = click.get_current_context().find_object(GlobalOptions)
        assert options is not None
        return function(options.settings, *args, **kwargs)

    return with_settings


class NearestChoice(click.Choice[str]):
    """A choice among texts whose error names the value given, all allowed ones and the nearest."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.choices:
            return str(value)
        raise InvalidValue(
            f"'{value}' is not one of {', '.join(self.choices)}.", hint=did_you_mean(str(value), self.choices), ctx=ctx
        )


def examples(*lines: str, then: str | None = None) -> str:
    """The epilog of a command: lines that run as they stand, and what to try next.

    A test runs every line that starts with `sensdb`; `\\b` keeps click from joining them.
    """
    title = "Example:" if len(lines) == 1 else "Examples:"
    text = "\b\n" + "\n".join([title, *(f"  {line}" for line in lines)])
    return text if then is None else f"{text}\n\n\b\nNext: {then}"


def yes_option(function: Callable[P, R]) -> Callable[P, R]:
    """`--yes`: answers the question of `confirm` beforehand."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before harm is done; returns where the answer is yes.

    Args:
        question: what will happen, ending with a question mark.
        yes: the value of --yes.

    Raises:
        UsageError: there is no terminal to ask on and --yes was not given.
        click.exceptions.Exit: the answer was no (exit code 1).
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on.", "--yes answers yes.")
    if not click.confirm(question, err=True):
        click.echo("Nothing was changed.", err=True)
        raise click.exceptions.Exit(1)


def parse_assignments(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The values of a repeatable NAME=VALUE option as a mapping, for click's `callback`."""
    assigned: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidValue(f"'{text}' is not of the form NAME=VALUE.", ctx=ctx)
        if name in assigned:
            raise InvalidValue(f"'{name}' is given twice.", hint="leave one out.", ctx=ctx)
        assigned[name] = value
    return assigned
