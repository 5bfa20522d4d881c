"""SQL of the user's own over the mirror: one SELECT, or EXPLAIN of one, that can read nothing but results."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sensdb.analysis.answer import kind_of, without_nan
from sensdb.analysis.saved_queries import Column, ColumnType, parameters_in
from sensdb.database.views import VIEWS
from sensdb.errors import QueryError, UsageError, did_you_mean

ALLOWED = "allowed: one SELECT, or EXPLAIN of one."
EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\b\s*(?:analyze\b\s*)?(?:\([^)]*\)\s*)?", re.IGNORECASE | re.DOTALL
)
LARGEST = 2**63 - 1


def check_select(text: str, where: str = "--sql") -> None:
    """Refuse a text that is not one SELECT or an EXPLAIN of one; errors begin with `where`.

    What DuckDB counts as a SELECT may still hold an INSERT in its WITH: the transaction is read-only beside this.

    Raises:
        QueryError: no statement, several, or another kind; or one DuckDB cannot read.
    """
    kind, body = _only_statement(text, where), text
    if kind == "EXPLAIN":
        body = EXPLAIN.sub("", text, count=1)
        kind = _only_statement(body, where)
    if kind != "SELECT":
        hint = "PIVOT needs its values: on column in (...)." if kind == "MULTI" else ALLOWED
        raise QueryError(f"{where}: {kind} is refused.", hint)


def _only_statement(text: str, where: str) -> str:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise sql_error(error, where) from None
    if len(statements) != 1:
        raise QueryError(f"{where}: {len(statements)} statements.", ALLOWED)
    return str(statements[0].type).rpartition(".")[2]


def check_parameters(text: str, parameters: Mapping[str, Any]) -> None:
    """Every `$name` has a value and every value a `$name`.

    Raises:
        UsageError: one is missing or too many.
    """
    named = parameters_in(text)
    for name in parameters:
        if name not in named:
            known = f"it has {', '.join(f'${each}' for each in sorted(named))}." if named else "it has none."
            raise UsageError(f"--sql: there is no ${name} in the text.", did_you_mean(name, named, known))
    for name in sorted(named - set(parameters)):
        raise UsageError(f"--sql: ${name} has no value.", f"-p {name}=... gives it.")


def fetch(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, Any], where: str = "--sql"
) -> pa.Table:
    """Run a SELECT and fetch all of it; errors begin with `where`.

    Raises:
        QueryError: DuckDB refused or could not finish it.
        duckdb.IOException: a file of the mirror is gone.
    """
    with _asked(connection, text, parameters, where) as relation:
        return relation.to_arrow_table()


def fetch_numpy(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """As `fetch`, in columns as statistics take them: numbers with NaN, everything else with None where missing."""
    with _asked(connection, text, parameters, where) as relation:
        return {name: _with_gaps(column) for name, column in relation.fetchnumpy().items()}


def _with_gaps(column: Any) -> Any:
    missing = np.ma.getmaskarray(column)
    if not missing.any():
        return np.ma.getdata(column)
    numbers = column.dtype.kind in "iuf"
    values = np.ma.getdata(column).astype(np.float64 if numbers else object)
    values[missing] = np.nan if numbers else None
    return values


@contextmanager
def _asked(
    connection: duckdb.DuckDBPyConnection, text: str, parameters: Mapping[str, Any], where: str
) -> Iterator[duckdb.DuckDBPyRelation]:
    """The answer to a SELECT, in a transaction that cannot write."""
    try:
        connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield connection.sql(text, params=dict(parameters)) if parameters else connection.sql(text)
        finally:
            connection.execute("ROLLBACK")
    except duckdb.IOException:
        raise
    except duckdb.Error as error:
        raise sql_error(error, where) from None


def plain_table(table: pa.Table) -> pa.Table:
    """The table in types that every format has: DuckDB's sums of whole numbers are whole again, decimals are reals.

    A name that stands for several columns gets a number from the second on, a, a_1, a_2: JSON, Parquet and DataFrames
    would keep one of them.
    """
    import pyarrow.compute as pc  # a tenth of the time of a question that a statistic finishes, which needs none of it

    made = []
    for column in table.columns:
        if pa.types.is_decimal(column.type):
            fits = column.type.scale == 0 and abs(pc.max(pc.abs(column)).as_py() or 0) <= LARGEST
            column = column.cast(pa.int64() if fits else pa.float64())
        made.append(without_nan(column))
    return pa.table(made, names=_distinct(table.column_names))


def _distinct(names: Sequence[str]) -> list[str]:
    made: list[str] = []
    for name in names:
        free = (f"{name}_{number}" for number in itertools.count(1))
        made.append(name if name not in made else next(each for each in free if each not in made and each not in names))
    return made


def columns_of_table(table: pa.Table) -> tuple[Column, ...]:
    """Columns as a header would declare them; what no header has a word for counts as text."""
    kinds: list[ColumnType] = [kind_of(field.type) or "text" for field in table.schema]  # type: ignore[misc]
    return tuple(Column(name, kind) for name, kind in zip(table.column_names, kinds, strict=True))


def sql_error(error: duckdb.Error, where: str) -> QueryError:
    """What DuckDB said, on one line; its own hint only where it names a view of ours."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = lines[0] if lines else type(error).__name__
    if isinstance(error, duckdb.PermissionException):
        return QueryError(
            f"{where}: files other than the mirror's are out of reach.", "-o FILE writes the answer to a file."
        )
    missing = re.search(r"Table with name (\S+) does not exist", message)
    if missing:
        hint = did_you_mean(missing[1], VIEWS, f"views: {', '.join(VIEWS)}.")
        return QueryError(f"{where}: there is no table or view {missing[1]}.", hint)
    suggested = re.search(r"Candidate bindings: (.*)", str(error))
    hint = f"did you mean {suggested[1].strip()}?" if suggested else "the table data_dictionary lists all columns."
    return QueryError(f"{where}: {message}", hint)
