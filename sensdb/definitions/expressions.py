"""Conditions in sweep files: `optimizer == 'lbfgs' and n_train >= 5000`.

An own small parser: what it does not know cannot be written, nothing is handed to Python, and every number, nesting
and text is bounded. A condition is parsed once into closures and then run for each combination of a sweep.

What fields are in an expression: the values after grid, zip and random, defaults filled in. A list of widths is its
largest, `n_train` is the number of points also where the sweep says null, `batch_size` is `'full'` and, where a number
is needed, that number of points. What is null otherwise is equal to `null` alone, and neither above nor below anything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sensdb.definitions.fields import FieldError, show
from sensdb.definitions.operators import LARGEST, calculate, comparison, power, truth
from sensdb.definitions.spec_fields import FIELDS, check_field
from sensdb.errors import SpecError, did_you_mean

LONGEST = 1000
DEEPEST = 30
CONSTANTS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)
    | (?P<text>'[^'\\]*'|"[^"\\]*")
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<sign>==|!=|<=|>=|\*\*|//|[-+*/%<>()\[\],])
    )""",
    re.VERBOSE | re.ASCII,
)

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """A parsed part: `run` gives its value, `field` is set for a bare field, `literal` tells a written value."""

    run: Callable[[Fields], Any]
    field: str | None = None
    literal: bool = False


@dataclass(frozen=True)
class Expression:
    """A parsed condition; `fields` are the spec fields it reads."""

    text: str
    fields: frozenset[str]
    term: Term

    def value(self, fields: Fields) -> Any:
        """The value for one combination.

        Raises:
            SpecError: operands of the wrong kind, a division by zero, a number beyond 2^63.
        """
        try:
            return self.term.run(fields)
        except SpecError as error:
            raise SpecError(f"{show(self.text)}: {error.message}", error.hint) from None

    def holds(self, fields: Fields) -> bool:
        """The value of a condition, which must be true or false."""
        value = self.value(fields)
        if not isinstance(value, bool):
            raise SpecError(f"{show(self.text)}: gives {show(value)}, which is not true or false.")
        return value


def parse_expression(text: str, datasets: Callable[[str], str] | None = None) -> Expression:
    """Parse a condition.

    Args:
        text: at most 1000 characters.
        datasets: gives the name in the spec of a data set that the condition calls by the path of its .npz.

    Raises:
        SpecError: it is not an expression, reads a field that does not exist, or compares a field with a word it
            can never be.
    """
    if len(text) > LONGEST:
        raise SpecError(f"an expression of {len(text)} characters is longer than {LONGEST}.")
    try:
        return _Parser(text, datasets).parse()
    except SpecError as error:
        raise SpecError(f"{show(text)}: {error.message}", error.hint) from None


def evaluate(text: str, fields: Fields) -> Any:
    """Parse an expression and run it once."""
    return parse_expression(text).value(fields)


class _Parser:
    """Recursive descent, loosest operator first; chains are loops, so that only brackets and prefixes nest."""

    def __init__(self, text: str, datasets: Callable[[str], str] | None) -> None:
        self.datasets = datasets
        self.fields: set[str] = set()
        self.text = text
        self.tokens = list(self.split(text))
        self.position = 0
        self.depth = 0

    def parse(self) -> Expression:
        term = self.either()
        if self.kind != "end":
            self.fail(f"{self.shown} is not expected")
        return Expression(self.text, frozenset(self.fields), term)

    @staticmethod
    def split(text: str) -> list[tuple[str, str, int]]:
        tokens, start, end = [], 0, len(text.rstrip())
        while start < end:
            match = _TOKEN.match(text, start)
            if match is None:
                rest = text[start:].lstrip()
                raise SpecError(f"{show(rest[0])} is not expected at character {text.index(rest, start) + 1}.")
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)], match.end()))
            start = match.end()
        return [*tokens, ("end", "", end)]

    @property
    def kind(self) -> str:
        return self.tokens[self.position][0]

    @property
    def token(self) -> str:
        kind, text, _ = self.tokens[self.position]
        return text if kind in ("sign", "word") else ""

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else show(self.tokens[self.position][1])

    def fail(self, problem: str) -> NoReturn:
        _, text, end = self.tokens[self.position]
        raise SpecError(f"{problem} at character {end - len(text) + 1}.")

    def accept(self, *tokens: str) -> str | None:
        token = self.token
        if token and token in tokens:
            self.position += 1
            return token
        return None

    def expect(self, token: str) -> None:
        if self.accept(token) is None:
            self.fail(f"{self.shown} stands where {token} is needed")

    def nested(self, parse: Callable[[], Term]) -> Term:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"nested deeper than {DEEPEST} levels")
        term = parse()
        self.depth -= 1
        return term

    def either(self) -> Term:
        return self.logic("or", lambda: self.logic("and", self.negation))

    def logic(self, word: str, part: Callable[[], Term]) -> Term:
        parts = [part()]
        while self.accept(word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        runs = [item.run for item in parts]
        # any and all stop at the first part that decides, like Python's own words
        decide = any if word == "or" else all
        return Term(lambda fields: decide(truth(run(fields), word) for run in runs))

    def negation(self) -> Term:
        if self.accept("not"):
            run = self.nested(self.negation).run
            return Term(lambda fields: not truth(run(fields), "not"))
        return self.compared()

    def compared(self) -> Term:
        first = left = self.sum()
        links: list[tuple[Callable[[Any, Any], bool], Callable[[Fields], Any]]] = []
        while sign := self.accept("==", "!=", "<", "<=", ">", ">=", "in", "not"):
            if sign == "not":
                self.expect("in")
                sign = "not in"
            right = self.sum()
            if sign in ("==", "!=", "in", "not in"):
                left, right = self.sensible(left, right), self.sensible(right, left)
            if not links:
                first = left
            links.append((comparison(sign), right.run))
            left = right
        if not links:
            return first
        run_first = first.run

        def run(fields: Fields) -> bool:
            value = run_first(fields)
            for compare, run_next in links:
                following = run_next(fields)
                if not compare(value, following):
                    return False
                value = following
            return True

        return Term(run)

    def sensible(self, term: Term, other: Term) -> Term:
        """A written word, or list of words, in the spelling of the field it is compared with."""
        if not term.literal or other.field is None:
            return term
        value = term.run({})
        spelt = (
            tuple(self.word(other.field, item) for item in value)
            if isinstance(value, tuple)
            else (self.word(other.field, value))
        )
        return Term(lambda fields: spelt, literal=True)

    def word(self, name: str, value: Any) -> Any:
        field = FIELDS[name]
        if isinstance(value, str):
            if name == "dataset" and value.endswith(".npz") and self.datasets is not None:
                return self.datasets(value)
            if name == "augmentation" and value in field.choices:
                return value
            return self.checked(name, value)
        if field.choices and name != "augmentation" and value is not None:
            return self.checked(name, value)
        return value

    def checked(self, name: str, value: Any) -> Any:
        try:
            return check_field(name, value)
        except FieldError as error:
            raise SpecError(f"{name} can never be {show(value)}: {error.problem}", error.hint) from None

    def sum(self) -> Term:
        return self.arithmetic(("+", "-"), lambda: self.arithmetic(("*", "/", "//", "%"), self.prefixed))

    def arithmetic(self, signs: tuple[str, ...], part: Callable[[], Term]) -> Term:
        first = part()
        rest: list[tuple[str, Callable[[Fields], Any]]] = []
        while sign := self.accept(*signs):
            rest.append((sign, part().run))
        if not rest:
            return first

        def run(fields: Fields) -> Any:
            value = first.run(fields)
            for sign, run_next in rest:
                value = calculate(sign, value, run_next(fields))
            return value

        return Term(run)

    def prefixed(self) -> Term:
        if sign := self.accept("-", "+"):
            term = self.nested(self.prefixed)
            run, factor = term.run, -1 if sign == "-" else 1
            return Term(lambda fields: calculate("*", factor, run(fields)), literal=term.literal)
        base = self.atom()
        if self.accept("**"):
            exponent = self.nested(self.prefixed).run
            return Term(lambda fields: power(base.run(fields), exponent(fields)))
        return base

    def atom(self) -> Term:
        kind, text, _ = self.tokens[self.position]
        if self.accept("("):
            term = self.nested(self.either)
            self.expect(")")
            return term
        if self.accept("["):
            return self.listed()
        if kind == "number":
            number = self.number(text)
            self.position += 1
            return Term(lambda fields: number, literal=True)
        if kind == "text":
            self.position += 1
            word = text[1:-1]
            return Term(lambda fields: word, literal=True)
        if kind == "word" and text not in ("and", "or", "not", "in"):
            return self.named(text)
        return self.fail(f"{self.shown} stands where a value is needed")

    def number(self, text: str) -> int | float:
        number = int(text) if text.isdigit() and len(text) < 20 else float(text)
        if abs(number) > LARGEST and (isinstance(number, int) or math.isinf(number)):
            self.fail(f"{show(text)} is too large")
        return number

    def listed(self) -> Term:
        items: list[Term] = []
        while not self.accept("]"):
            if items:
                self.expect(",")
            items.append(self.nested(self.sum))
        runs = [item.run for item in items]
        return Term(lambda fields: tuple(run(fields) for run in runs), literal=all(item.literal for item in items))

    def named(self, name: str) -> Term:
        if name in CONSTANTS:
            self.position += 1
            constant = CONSTANTS[name]
            return Term(lambda fields: constant, literal=True)
        if name not in FIELDS:
            hint = did_you_mean(name, FIELDS, "texts stand in quotes.")
            raise SpecError(f"no spec field {show(name)}.", hint)
        self.position += 1
        self.fields.add(name)
        return Term(lambda fields: fields[name], field=name)
