"""Conditions of `--where`: comparisons of columns, read into SQL whose values are bound, never pasted.

    condition  = "not" condition | condition ("and" | "or") condition | "(" condition ")" | comparison
    comparison = column ("=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
               | column ["not"] "in" "(" value {"," value} ")" | column "is" ["not"] "null"
    value      = number | 'text' | "text" | word | true | false

A word is a text without its quotes, or the name of another column.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sensdb.errors import QueryError, nearest

TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,|\[|\])"
    r"|(?P<word>[A-Za-z_][\w:.-]*))"
)
COMPARISONS = {"=": "=", "==": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
FORM = "a condition reads: width >= 100 and nonlinearity in (relu, tanh)"


@dataclass(frozen=True)
class Condition:
    """A condition as SQL with `?` for each value, the values in order, and the columns it names."""

    sql: str
    values: tuple[Any, ...]
    columns: frozenset[str]


def parse_where(text: str, columns: Mapping[str, str], view: str = "v_models") -> Condition:
    """Read a condition.

    Args:
        columns: those that may be named, each with its kind: int, real, text, bool or time.
        view: what they are the columns of, for messages.

    Raises:
        QueryError: it is no condition, names a column that is not there (nearest match), or compares a column with
            a value of another kind.
    """
    reader = _Reader(text, columns, view)
    sql = reader.either()
    if reader.kind:
        reader.fail(f"'{reader.token}' is not expected")
    return Condition(sql, tuple(reader.values), frozenset(reader.named))


def nearest_column(name: str, columns: Sequence[str]) -> str | None:
    """The column a misspelt name means; a test-point metric's name means its mean."""
    by_short = {column.removesuffix("_mean"): column for column in columns}
    close = nearest(name, [*by_short, *columns])
    return None if close is None else by_short.get(close, close)


class _Reader:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str, columns: Mapping[str, str], view: str) -> None:
        self._text, self._columns, self._view = text, columns, view
        self._place = 0
        self.values: list[Any] = []
        self.named: list[str] = []
        self.kind = self.token = ""
        self._advance()

    def fail(self, what: str) -> NoReturn:
        raise QueryError(f"--where: {what} in {self._text!r}.", FORM)

    def either(self) -> str:
        sql = self._all()
        while self._takes("or"):
            sql = f"({sql} OR {self._all()})"
        return sql

    def _all(self) -> str:
        sql = self._one()
        while self._takes("and"):
            sql = f"({sql} AND {self._one()})"
        return sql

    def _one(self) -> str:
        if self._takes("not"):
            return f"(NOT {self._one()})"
        if self._takes("("):
            sql = self.either()
            if not self._takes(")"):
                self.fail("a ) is missing")
            return f"({sql})"
        return self._comparison()

    def _comparison(self) -> str:
        if self.kind != "word":
            self.fail(f"a column is expected, not '{self.token}'" if self.token else "a column is missing")
        name = self._column(self._pop())
        if self._takes("is"):
            negated = self._takes("not")
            if not self._takes("null"):
                self.fail("null is expected after 'is'")
            return f'"{name}" IS {"NOT " if negated else ""}NULL'
        negated = self._takes("not")
        if self._takes("in"):
            return f'"{name}" {"NOT " if negated else ""}IN ({self._list(name)})'
        if negated or self.token not in COMPARISONS:
            self.fail(f"a comparison is expected after {name}")
        sign = COMPARISONS[self._pop()]
        return f'"{name}" {sign} {self._value(name)}'

    def _list(self, name: str) -> str:
        closing = {"(": ")", "[": "]"}.get(self.token)
        if closing is None:
            self.fail("( is expected after 'in'")
        self._advance()
        items = [self._value(name)]
        while self._takes(","):
            items.append(self._value(name))
        if not self._takes(closing):
            self.fail(f"a {closing} is missing")
        return ", ".join(items)

    def _value(self, name: str) -> str:
        """One value to compare column `name` with, as `?` or as the name of another column."""
        kind, column_kind = self.kind, self._columns[name]
        if kind not in ("number", "text", "word"):
            self.fail(f"a value is expected, not '{self.token}'" if self.token else "a value is missing")
        token = self._pop()
        if kind == "word" and token in self._columns:
            if _comparable(self._columns[token]) != _comparable(column_kind):
                self.fail(f"{name} is {column_kind} and {token} is {self._columns[token]}")
            self.named.append(token)
            return f'"{token}"'
        text = token[1:-1].replace(token[0] * 2, token[0]) if kind == "text" else token
        self.values.append(self._convert(name, column_kind, text))
        return "CAST(? AS TIMESTAMPTZ)" if column_kind == "time" else "?"

    def _convert(self, name: str, column_kind: str, text: str) -> Any:
        if column_kind in ("text", "time"):
            return text
        if column_kind == "bool":
            if text.lower() not in ("true", "false", "1", "0"):
                self.fail(f"{name} is true or false, not '{text}'")
            return text.lower() in ("true", "1")
        try:
            return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
        except ValueError:
            self.fail(f"{name} is a number, not '{text}'")

    def _column(self, name: str) -> str:
        if name not in self._columns:
            close = nearest_column(name, list(self._columns))
            hint = "the table data_dictionary lists all, with units."
            if close is not None:
                hint = f"did you mean '{close}'? {hint[0].upper()}{hint[1:]}"
            raise QueryError(f"--where: no column '{name}' in {self._view}.", hint)
        self.named.append(name)
        return name

    def _takes(self, token: str) -> bool:
        """Step over a sign or keyword if it is next."""
        if self.kind in ("sign", "word") and self.token.lower() == token:
            self._advance()
            return True
        return False

    def _pop(self) -> str:
        token = self.token
        self._advance()
        return token

    def _advance(self) -> None:
        if not self._text[self._place :].strip():
            self.kind = self.token = ""
            return
        match = TOKEN.match(self._text, self._place)
        if match is None:
            self.fail(f"'{self._text[self._place :].strip()[0]}' is not understood")
        self._place = match.end()
        self.kind = str(match.lastgroup)
        self.token = match[self.kind]


def _comparable(kind: str) -> str:
    return "number" if kind in ("int", "real") else kind
