"""The error tree of sensdb: one line that says what is wrong, one that says what to do, one exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SensdbError(Exception):
    """A request could not be met; the parent of every error sensdb raises on purpose.

    Args:
        message: one line: what, the value given, what is allowed.
        hint: one line: the nearest match or the next command; None where there is none to give.

    `exit_code` is the process's exit code when the error reaches the command line (design.md 7): 1 here, 2 for
    a wrong call, 3 where nothing matched.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SensdbError):
    """The command was called in a way it does not know: an option, a format or a parameter that does not exist."""

    exit_code = 2


class NothingMatched(SensdbError):
    """A command that acts on sweeps or jobs found none that its filter names."""

    exit_code = 3


class SpecError(SensdbError):
    """A training spec, a sweep file or an expression in it is not valid; names field, value and what is allowed."""


class ShapeError(SensdbError):
    """Tensors or weight matrices do not fit together; gives both sizes."""


class DataError(SensdbError):
    """A data set is missing, truncated, altered or not in the format it claims; names the file."""


class ArtifactError(SensdbError):
    """A stored file is missing, altered, not in its format, or lies outside its folder; names it."""


class DatabaseError(SensdbError):
    """A database cannot be reached, or has no schema, an older or a newer one; names it with its password masked."""


class QueueError(SensdbError):
    """The job queue refused a call that should not have been made; never raised for a lost race."""


class QueryError(SensdbError):
    """A saved query, a parameter, a column or an SQL text is not valid, or has too few models to answer."""


class TrainingError(SensdbError):
    """A spec cannot be trained anywhere: a fault of the job and not of the worker."""


class WorkerFault(SensdbError):
    """This worker cannot do the work but another could: no data set, a broken device, a full disk (design.md 6)."""


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The element of `allowed` most like `given`, or None where nothing is close (similarity below 0.6)."""
    matches = difflib.get_close_matches(given, list(allowed), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(given: str, allowed: Iterable[str], otherwise: str | None = None) -> str | None:
    """The hint for a misspelt name: `did you mean 'x'?`, followed or replaced by `otherwise`."""
    match = nearest(given, allowed)
    if match is None:
        return otherwise
    return f"did you mean '{match}'?" + (f" {otherwise}" if otherwise else "")
