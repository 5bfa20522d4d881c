"""Parameters of queries: declared in a header, given as text on the command line or as values in a notebook."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sensdb.errors import QueryError, UsageError, did_you_mean

ParameterType = Literal["int", "real", "text", "bool", "names"]
PARAMETER_TYPES: tuple[ParameterType, ...] = ("int", "real", "text", "bool", "names")
"""`names`: one or more column names, on the command line separated by commas."""

PARAMETER = re.compile(r"(\w+) +(\w+)(?: *= *(\S+))?(?: +(\[[^\]]*\]|\{[^}]*\}))?(?: +(.*))?")
BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
KINDS = {
    "int": "a whole number",
    "real": "a number",
    "text": "text",
    "bool": "true or false",
    "names": "column names separated by commas",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter as a header declares it: `name type = default range meaning`.

    Attributes:
        default: the default, None where it is null.
        required: whether there is no default at all.
        range: `[low, high]` of a number, `{one, another}` of a text, `{view}` whose columns names are; or empty.
    """

    name: str
    type: ParameterType
    default: Any = None
    required: bool = False
    range: str = ""
    description: str = ""

    @property
    def allowed(self) -> tuple[str, ...]:
        """The words of a `{...}` range; for names it is the one view they are columns of."""
        if not self.range.startswith("{"):
            return ()
        return tuple(word.strip() for word in self.range[1:-1].split(","))


def parse_parameter(line: str, where: str) -> Parameter:
    """A line of a header's `parameters`.

    Raises:
        QueryError: it is not one, or its default is not of its type; begins with `where`.
    """
    match = PARAMETER.fullmatch(line)
    if match is None or match[2] not in PARAMETER_TYPES:
        raise QueryError(
            f"{where}: '{line}' does not declare a parameter.",
            f"name, type ({', '.join(PARAMETER_TYPES)}), = default, range if it has one, meaning.",
        )
    kind: ParameterType = match[2]
    declared = Parameter(match[1], kind, None, match[3] is None, match[4] or "", match[5] or "")
    if match[3] is None or match[3] == "null":
        return declared
    try:
        default = convert(declared, match[3])
    except UsageError as error:
        raise QueryError(f"{where}: {error.message}", error.hint) from None
    return Parameter(declared.name, kind, default, False, declared.range, declared.description)


def values(declared: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each declared parameter: the one given, converted to its type, else its default.

    Raises:
        UsageError: a name that is not declared (nearest match), a value of another type or outside its range, or
            a parameter without a default that was not given.
    """
    names = [parameter.name for parameter in declared]
    for name in given:
        if name not in names:
            lists = f"parameters: {', '.join(names)}." if names else "it takes none."
            raise UsageError(f"the query has no parameter '{name}'.", did_you_mean(name, names, lists))
    made = {}
    for parameter in declared:
        if parameter.name in given:
            made[parameter.name] = convert(parameter, given[parameter.name])
        elif parameter.required:
            raise UsageError(f"parameter {parameter.name} is missing.", f"-p {parameter.name}=... gives it.")
        else:
            made[parameter.name] = parameter.default
    return made


def convert(parameter: Parameter, value: Any) -> Any:
    """A value as the parameter's type; text is read, `null` and None are no value.

    Raises:
        UsageError: it cannot be that type, or lies outside the range.
    """
    if value is None or value == "null":
        return None
    made = _typed(parameter, value)
    if made is None:
        raise UsageError(f"parameter {parameter.name}: {value!r} is not {KINDS[parameter.type]}.")
    if parameter.type == "text" and parameter.allowed and made not in parameter.allowed:
        words = ", ".join(parameter.allowed)
        raise UsageError(
            f"parameter {parameter.name}: '{made}' is not one of {words}.", did_you_mean(str(made), parameter.allowed)
        )
    if parameter.range.startswith("["):
        low, high = (float(bound.replace("inf", "Infinity")) for bound in parameter.range[1:-1].split(","))
        if not low <= made <= high:
            raise UsageError(f"parameter {parameter.name}: {made:g} is outside {parameter.range}.")
    return made


def guess(text: str) -> Any:
    """A value for a parameter of free SQL, which has no declared type: a number, true, false or null, else text."""
    if text == "null":
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _typed(parameter: Parameter, value: Any) -> Any:
    """The value as the parameter's type; None where it cannot be."""
    try:
        if parameter.type == "names":
            parts = value.split(",") if isinstance(value, str) else list(value)
            names = [str(part).strip() for part in parts]
            return names if names and all(names) else None
        if parameter.type == "text":
            return value if isinstance(value, str) else None
        if parameter.type == "bool":
            return value if isinstance(value, bool) else BOOLEANS.get(str(value).lower())
        if isinstance(value, bool):
            return None
        number = float(value)
        if not math.isfinite(number):
            return None
        if parameter.type == "real":
            return number
        return int(value) if number == int(number) else None
    except (TypeError, ValueError):
        return None
