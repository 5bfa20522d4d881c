"""Random values of a sweep: one independent stream a field, and no draw depends on another.

A draw is a function of (stream, field, row, index) and of nothing else: SHA-256 of their text, first 53 bits, as a
number u in [0, 1). `row` is the canonical JSON of the grid and zip fields of one combination, `index` counts the draws
for it. So raising `count`, adding or removing a random field, and adding values to a grid axis change no earlier draw;
`stream` is the knob that changes all of them.

Real draws are rounded to 6 significant digits: they enter the hash of a spec, where the last bits of another machine's
exp() must not matter.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from sensdb.definitions.fields import FieldError, show
from sensdb.definitions.spec_fields import FIELDS, Value, check_field
from sensdb.errors import did_you_mean

DISTRIBUTIONS = ("choice", "uniform", "log_uniform", "uniform_integer", "log_uniform_integer")
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Distribution:
    """How u in [0, 1) becomes a field's value: one of `values`, or between the two of them, both included."""

    kind: str
    values: tuple[Value, ...]

    def value(self, u: float) -> Value:
        """The value for one draw."""
        if self.kind == "choice":
            return self.values[int(u * len(self.values))]
        low, high = self.values
        assert isinstance(low, int | float)
        assert isinstance(high, int | float)
        match self.kind:
            case "uniform":
                drawn = low + u * (high - low)
            case "log_uniform":
                drawn = low * (high / low) ** u
            case "uniform_integer":
                return low + int(u * (high - low + 1))
            case _:
                return max(low, min(int(low * ((high + 1) / low) ** u), high))
        return max(low, min(float(f"{drawn:.{SIGNIFICANT_DIGITS}g}"), high))


def make_distribution(field: str, kind: str, values: object) -> Distribution:
    """Check a distribution of a field, such as `log_uniform: [1e-3, 1e-1]`.

    Raises:
        FieldError: no such distribution, one that does not fit the field, or values that the field does not allow.
    """
    if kind not in DISTRIBUTIONS:
        raise FieldError(
            field,
            f"no distribution {show(kind)}; there are {', '.join(DISTRIBUTIONS)}.",
            did_you_mean(kind, DISTRIBUTIONS),
        )
    if not isinstance(values, list) or not values:
        raise FieldError(field, f"{kind} needs a list, not {show(values)}.")
    checked = tuple(check_field(field, value) for value in values)
    if kind == "choice":
        return Distribution(kind, checked)
    if len(checked) != 2:
        raise FieldError(field, f"{kind} needs [low, high], not {show(values)}.")
    low, high = checked
    real = FIELDS[field].real
    for value in (low, high):
        if isinstance(value, bool) or not isinstance(value, float if real else int):
            raise FieldError(field, f"{kind} needs two numbers, not {show(values)}.")
    if real and kind.endswith("integer"):
        raise FieldError(field, f"{kind} draws whole numbers, and {field} is not one.", f"write {kind[:-8]}.")
    if not real and not kind.endswith("integer"):
        raise FieldError(field, f"{kind} draws fractions, and {field} is a whole number.", f"write {kind}_integer.")
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if not low <= high:
        raise FieldError(field, f"{kind} needs [low, high] with low below high, not {show(values)}.")
    if kind.startswith("log") and low <= 0:
        raise FieldError(field, f"{kind} needs a low above 0, not {show(low)}.")
    if not math.isfinite(high - low) or (kind.startswith("log") and not math.isfinite(high / low)):
        raise FieldError(field, f"{kind} over {show(values)} spans more than a float holds.")
    return Distribution(kind, checked)


def draw_stream(stream: int, field: str, row: str) -> Callable[[int], float]:
    """The draws of a field for one row: a function from index to u in [0, 1)."""
    # hashed once a row; a draw adds its index to a copy
    prefix = hashlib.sha256(f"{stream}\n{field}\n{row}\n".encode())

    def draw(index: int) -> float:
        state = prefix.copy()
        state.update(str(index).encode())
        return (int.from_bytes(state.digest()[:8]) >> 11) / 2**53

    return draw
