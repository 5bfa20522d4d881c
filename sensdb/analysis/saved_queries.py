"""Saved queries: SQL files whose header says what they ask, what they take and what they answer (style.md 4.7).

Nothing heavy is imported here: the command line lists queries and their help without opening a database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sensdb.analysis.parameters import Parameter, parse_parameter
from sensdb.database.bundled import bundled
from sensdb.errors import QueryError, did_you_mean

ColumnType = Literal["int", "real", "text", "bool", "time"]
COLUMN_TYPES: tuple[ColumnType, ...] = ("int", "real", "text", "bool", "time")
REQUIRED = ("name", "question", "grain", "columns")
OPTIONAL = ("parameters", "then", "caution", "source")
STATISTICS = (
    "correlation", "factor_pairs", "pairs", "point_auroc", "axis_correlation", "conditional_information", "sign_error",
    "partial_correlation", "claim_contrasts", "added_log_loss",
)  # fmt: skip
"""Functions that may finish a query; each is the function of that name in the module of that name in statistics/."""

COMMANDS = ("regress", "verdict")
"""Names that `sensdb query` answers without a file."""

HEADER_KEY = re.compile(r"-- (\w+):(?: (.*))?")
HEADER_MORE = re.compile(r"--(   +)(\S.*)")
COLUMN = re.compile(r"(\w+) +(\w+)(?: +([\[(][^\])]*[\])]))?(?: +(.*))?")


@dataclass(frozen=True)
class Column:
    """A column of an answer: its type, the range its numbers lie in as the header writes it, what it means."""

    name: str
    type: ColumnType
    range: str = ""
    description: str = ""


@dataclass(frozen=True)
class SavedQuery:
    """A query as its file declares it.

    Attributes:
        name: the file's stem.
        question: what it answers, one sentence.
        grain: the columns that make a row the only one of its kind, separated by commas.
        parameters: in the header's order; each is used by the SQL or by `then`.
        columns: of the final rows, in order.
        then: the statistic that finishes it, a name in STATISTICS; None where the SQL is all.
        caution: what a reader must not conclude; may be empty.
        source: where the question comes from; may be empty.
        sql: the text after the header.
        path: the file.
    """

    name: str
    question: str
    grain: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    then: str | None
    caution: str
    source: str
    sql: str
    path: Path


def load_queries(extra_folder: Path | None = None) -> dict[str, SavedQuery]:
    """All saved queries by name, sensdb's own and those of a folder of the user's, which win.

    Raises:
        QueryError: the folder is missing, or a file's header is not valid; names file and line.
    """
    folders = [bundled("queries")]
    if extra_folder is not None:
        if not extra_folder.is_dir():
            raise QueryError(f"--queries: there is no folder {extra_folder}.", "it holds one .sql file a query.")
        folders.append(extra_folder)
    paths = [path for folder in folders for path in sorted(folder.glob("*.sql"))]
    return {query.name: query for query in map(read_query, paths)}


def find_query(queries: Mapping[str, SavedQuery], name: str) -> SavedQuery:
    """A query by its name.

    Raises:
        QueryError: there is none; with the nearest match.
    """
    if name not in queries:
        known = (*queries, *COMMANDS)
        raise QueryError(f"no saved query '{name}'.", did_you_mean(name, known, "sensdb query lists all."))
    return queries[name]


def read_query(path: Path) -> SavedQuery:
    """Parse one file.

    Raises:
        QueryError: it cannot be read or its header is not valid; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(f"{path} cannot be read: {error}.") from None
    header, sql = _split(path, text)
    for key in REQUIRED:
        if key not in header:
            raise QueryError(f"{path}: the header has no '{key}'.", f"it needs {', '.join(REQUIRED)}.")
    one_line = {key: " ".join(line for _, line in lines) for key, lines in header.items()}
    if one_line["name"] != path.stem:
        raise QueryError(
            f"{path}: the name is '{one_line['name']}', the file's is '{path.stem}'.", "they are one name."
        )
    parameters = tuple(parse_parameter(line, f"{path} line {n}") for n, line in header.get("parameters", ()))
    columns = tuple(_column(line, f"{path} line {n}") for n, line in header["columns"])
    return SavedQuery(
        name=path.stem,
        question=one_line["question"],
        grain=one_line["grain"],
        parameters=parameters,
        columns=columns,
        then=_then(path, one_line.get("then")),
        caution=one_line.get("caution", ""),
        source=one_line.get("source", ""),
        sql=sql,
        path=path,
    )


def parameters_in(sql: str) -> set[str]:
    """The names that stand as `$name` in an SQL text, outside its strings and comments."""
    code = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)
    return set(re.findall(r"(?<![\w$])\$([A-Za-z_]\w*)", code))


def _split(path: Path, text: str) -> tuple[dict[str, list[tuple[int, str]]], str]:
    """The header's lines by key, each with its number in the file, and the text after the header."""
    header: dict[str, list[tuple[int, str]]] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if match := HEADER_KEY.fullmatch(line):
            key, value = match[1], match[2]
            if key not in REQUIRED + OPTIONAL:
                known = did_you_mean(key, REQUIRED + OPTIONAL, f"allowed: {', '.join(REQUIRED + OPTIONAL)}.")
                raise QueryError(f"{path} line {number}: '{key}' is no key of a query's header.", known)
            if key in header:
                raise QueryError(f"{path} line {number}: '{key}' stands twice in the header.")
            header[key] = [(number, value.strip())] if value else []
        elif header and (match := HEADER_MORE.fullmatch(line)):
            header[list(header)[-1]].append((number, match[2].strip()))
        else:
            return header, "\n".join(lines[number - 1 :]) + "\n"
    return header, ""


def _column(line: str, where: str) -> Column:
    match = COLUMN.fullmatch(line)
    if match is None or match[2] not in COLUMN_TYPES:
        raise QueryError(
            f"{where}: '{line}' does not describe a column.",
            f"name, type ({', '.join(COLUMN_TYPES)}), range if it has one, meaning.",
        )
    kind: ColumnType = match[2]
    return Column(match[1], kind, match[3] or "", match[4] or "")


def _then(path: Path, text: str | None) -> str | None:
    if text is None:
        return None
    room, _, name = text.partition(".")
    if room != "statistics" or name not in STATISTICS:
        names = [f"statistics.{known}" for known in STATISTICS]
        hint = did_you_mean(text, names, f"allowed: {', '.join(names)}.")
        raise QueryError(f"{path}: '{text}' does not finish a query.", hint)
    return name
