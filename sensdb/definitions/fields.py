"""Checks of single values: what was given, turned into the one spelling that is kept, or an error that names it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from sensdb.errors import SpecError, did_you_mean

LONGEST_SHOWN = 60


class FieldError(SpecError):
    """One field has a value it cannot have; `at` adds the place once somebody knows it."""

    def __init__(self, field: str, problem: str, hint: str | None = None) -> None:
        super().__init__(f"{field}: {problem}", hint)
        self.field = field
        self.problem = problem

    def at(self, place: str) -> SpecError:
        """The same error with where the value stands, such as `sweep.yaml line 12`."""
        return SpecError(f"{self.field} in {place}: {self.problem}", self.hint)


def show(value: object) -> str:
    """A value as an error message shows it: YAML's words, text in quotes, one line, at most 60 characters."""
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, list | tuple):
        # Three entries say what kind of list it is; the rest would push the message off the line.
        shown = [show(entry) for entry in value[:3]] + (["..."] if len(value) > 3 else [])
        text = f"[{', '.join(shown)}]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{key}: {show(entry)}" for key, entry in value.items()) + "}"
    elif isinstance(value, int) and value.bit_length() > 256:
        # Python refuses to print integers of more than 4300 digits.
        text = "a number of more than 77 digits"
    else:
        text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def integer(field: str, value: object, low: int, high: int, allowed: str | None = None) -> int:
    """A whole number from low to high; 1e4 is one, true is not.

    Raises:
        FieldError: with `allowed` in place of the bounds where the field allows more than a number.
    """
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(whole, bool) or not isinstance(whole, int) or not low <= whole <= high:
        raise FieldError(field, f"{show(value)} is not {allowed or f'a whole number from {low} to {high}'}.")
    return whole


def number(field: str, value: object, allowed: str) -> float:
    """A finite number as a float, -0.0 as 0.0; the caller checks its range and says it in `allowed`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(field, f"{show(value)} is not {allowed}.")
    try:
        real = float(value)
    except OverflowError:
        real = math.inf
    if not math.isfinite(real):
        raise FieldError(field, f"{show(value)} is not {allowed}.")
    return real + 0.0


def boolean(field: str, value: object) -> bool:
    """true or false; neither 0 and 1 nor yes and no, which YAML 1.2 reads as numbers and text."""
    if not isinstance(value, bool):
        raise FieldError(field, f"{show(value)} is not true or false.")
    return value


def choice(field: str, value: object, choices: Sequence[str]) -> str:
    """One of a few words, spelt exactly."""
    if not isinstance(value, str) or value not in choices:
        hint = did_you_mean(value, choices) if isinstance(value, str) else None
        raise FieldError(field, f"{show(value)} is not one of {', '.join(choices)}.", hint)
    return value


def canonical_json(value: object) -> str:
    """JSON in one spelling: keys sorted, no spaces, ASCII, floats as the shortest text that reads back equal."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
"""Made once: `json.dumps` makes one for every value."""
