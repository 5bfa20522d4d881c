"""What the operators of a condition do with the values of spec fields: typed strictly and bounded.

Numbers compare and calculate with numbers, texts compare with texts, truth values with nothing but each other; the
rest is an error that shows both operands, since a condition that can never hold hides a mistake.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sensdb.definitions.fields import show
from sensdb.errors import SpecError

LARGEST = 2**63

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


@dataclass(frozen=True)
class FullBatch:
    """The value of `batch_size` for a full batch: equal to 'full', and a number of points where one is needed."""

    points: int


def truth(value: Any, word: str) -> bool:
    """The operand of and, or, not."""
    if not isinstance(value, bool):
        raise SpecError(f"'{word}' needs true or false, not {_shown(value)}.")
    return value


def comparison(sign: str) -> Callable[[Any, Any], bool]:
    """The function of a comparison sign, `in` and `not in` among them."""
    match sign:
        case "==":
            return _equal
        case "!=":
            return lambda left, right: not _equal(left, right)
        case "in":
            return _within
        case "not in":
            return lambda left, right: not _within(left, right)
    compare = _ORDER[sign]
    return lambda left, right: _ordered(left, right, sign, compare)


def _equal(left: Any, right: Any) -> bool:
    for value, other in ((left, right), (right, left)):
        if isinstance(value, FullBatch):
            return other == "full" or other == value or (_is_number(other) and other == value.points)
        if value == () and other == "none":  # no augmentation
            return True
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _within(left: Any, right: Any) -> bool:
    if not isinstance(right, tuple):
        raise SpecError(f"'in' needs a list on its right, not {_shown(right)}.")
    return any(_equal(left, item) for item in right)


def _ordered(left: Any, right: Any, sign: str, compare: Callable[[Any, Any], bool]) -> bool:
    if left is None or right is None:
        return False
    left, right = _number_of(left), _number_of(right)
    if (_is_number(left) and _is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
        return compare(left, right)
    raise SpecError(f"{_shown(left)} {sign} {_shown(right)} compares what has no common order.")


def calculate(sign: str, left: Any, right: Any) -> int | float:
    """+ - * / // % of two numbers, at most 2 ** 63 in size."""
    left, right = _number_of(left), _number_of(right)
    if not _is_number(left) or not _is_number(right):
        raise SpecError(f"{_shown(left)} {sign} {_shown(right)} needs two numbers.")
    try:
        return _bounded(_ARITHMETIC[sign](left, right))
    except ZeroDivisionError:
        raise SpecError(f"{_shown(left)} {sign} {_shown(right)} divides by zero.") from None


def power(base: Any, exponent: Any) -> int | float:
    """base ** exponent, never larger than 2 ** 63 and never computed where it would be."""
    base, exponent = _number_of(base), _number_of(exponent)
    if not _is_number(base) or not _is_number(exponent):
        raise SpecError(f"{_shown(base)} ** {_shown(exponent)} needs two numbers.")
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    try:
        # Whole powers stay whole while they surely fit; 9 ** 9 ** 9 is never begun.
        if whole and base.bit_length() * exponent <= LARGEST.bit_length():
            return _bounded(base**exponent)
        return _bounded(math.pow(base, exponent))
    except (OverflowError, ValueError, ZeroDivisionError):
        raise SpecError(f"{_shown(base)} ** {_shown(exponent)} is no number below 2 ** 63.") from None


def _bounded(value: int | float) -> int | float:
    if abs(value) > LARGEST or value != value:
        raise SpecError("a number beyond 2 ** 63.")
    return value


def _number_of(value: Any) -> Any:
    return value.points if isinstance(value, FullBatch) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return "'full'" if isinstance(value, FullBatch) else show(value)
