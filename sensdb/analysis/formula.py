"""Formulas of `sensdb query regress`, read by a grammar of their own: nothing in them is ever evaluated.

    formula = term "~" term {"+" term}
    term    = column | function "(" column ")"

A column of text or true/false, and C(column), becomes one indicator a level but the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sensdb.analysis.statistics.finished import FloatArray
from sensdb.analysis.statistics.ranks import midranks
from sensdb.analysis.where import nearest_column
from sensdb.errors import QueryError, UsageError, did_you_mean

FUNCTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "log10": np.log10,
    "log": np.log,
    "logit": lambda values: np.log(values) - np.log1p(-values),
    "rank": midranks,
    "C": lambda values: values,
}
TERM = re.compile(r"\s*(?:(?P<function>\w+)\s*\(\s*(?P<inner>\w+)\s*\)|(?P<plain>[A-Za-z_]\w*))\s*")
FORM = "it reads: log10(generalization_gap) ~ log10(jacobian_norm) + hidden_layers + C(optimizer)"


@dataclass(frozen=True)
class Term:
    """A column of v_models, and the function taken of it; `text` is what was written."""

    text: str
    column: str
    function: str | None
    categorical: bool


@dataclass(frozen=True)
class Formula:
    """A response and at least one term; the first is the measure whose gain over the others is asked."""

    response: Term
    terms: tuple[Term, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs, each once."""
        return tuple(dict.fromkeys(term.column for term in (self.response, *self.terms)))


def parse_formula(text: str, columns: Mapping[str, str]) -> Formula:
    """Read a formula.

    Args:
        columns: those that may be named, each with its type; a test-point metric's name means its mean.

    Raises:
        UsageError: it is no formula, or names an unknown function (nearest match).
        QueryError: it names an unknown column (nearest match).
    """
    left, tilde, right = text.partition("~")
    if not tilde or "~" in right or not left.strip() or not right.strip():
        raise UsageError(f"the formula {text!r} has no single ~ with a term on both sides.", FORM)
    response = _term(left, columns)
    if response.categorical:
        raise UsageError(f"the formula's left side {response.text} is no number.", FORM)
    terms = tuple(_term(part, columns) for part in right.split("+"))
    for place, term in enumerate(terms):
        if term.text in [each.text for each in (response, *terms[:place])]:
            raise UsageError(f"the formula has {term.text} twice.", FORM)
    return Formula(response, terms)


def _term(text: str, columns: Mapping[str, str]) -> Term:
    match = TERM.fullmatch(text)
    if match is None:
        raise UsageError(f"the formula's term {text.strip()!r} is not understood.", FORM)
    function, name = match["function"], match["inner"] or match["plain"]
    if function is not None and function not in FUNCTIONS:
        listed = f"allowed: {', '.join(FUNCTIONS)}."
        raise UsageError(f"the formula has no function '{function}'.", did_you_mean(function, FUNCTIONS, listed))
    column = name if name in columns else f"{name}_mean"
    if column not in columns:
        close = nearest_column(name, list(columns))
        hint = "the table data_dictionary lists all, with units."
        if close is not None:
            hint = f"did you mean '{close.removesuffix('_mean')}'? {hint[0].upper()}{hint[1:]}"
        raise QueryError(f"the formula's term '{name}' is no column of v_models.", hint)
    categorical = function == "C" or columns[column] in ("text", "boolean")
    if categorical and function not in (None, "C"):
        raise UsageError(f"the formula takes {function} of {name}, which is no number.", FORM)
    return Term(text.strip(), column, function, categorical)
