"""Which models a question is about: the filters of the command line, and who a query's own conditions leave out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensdb.analysis.saved_queries import SavedQuery
from sensdb.analysis.where import Condition, nearest_column, parse_where
from sensdb.datasets.catalogue import DATASET_NAMES
from sensdb.errors import QueryError, UsageError, did_you_mean

if TYPE_CHECKING:
    import duckdb

KINDS = {
    "BOOLEAN": "bool",
    "FLOAT": "real",
    "DOUBLE": "real",
    "INTEGER": "int",
    "BIGINT": "int",
    "VARCHAR": "text",
    "TIMESTAMP WITH TIME ZONE": "time",
}
OTHER_METHOD = "other transitions method (of transitions alone)"
"""The one reason that leaves a model out of some rows of an answer and not of all."""


@dataclass(frozen=True)
class Filters:
    """The models a question is asked about; none of the three means all.

    Args:
        sweep: name or names; models of any of them.
        dataset: name or names, as in specs or as a file's stem; models of any of them.
        where: condition or conditions on columns of v_models; models that meet all of them.
    """

    sweep: str | Iterable[str] | None = None
    dataset: str | Iterable[str] | None = None
    where: str | Iterable[str] | None = None

    def of(self, name: str) -> tuple[str, ...]:
        """The values of one filter, none or one or more."""
        value = getattr(self, name)
        if value is None:
            return ()
        return (value,) if isinstance(value, str) else tuple(value)

    def __bool__(self) -> bool:
        return any(self.of(name) for name in ("sweep", "dataset", "where"))

    def given(self) -> dict[str, list[str]]:
        """The filters that were given, for the record."""
        return {name: list(self.of(name)) for name in ("sweep", "dataset", "where") if self.of(name)}


def apply_filters(connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
    """Take every model out of the connection's sight that a filter excludes.

    Raises:
        QueryError: a sweep, data set or column that is not there (nearest match), or no condition.
    """
    if not filters:
        return
    from sensdb.mirror.reader import keep_models

    conditions: list[str] = []
    values: list[Any] = []
    sweeps, datasets = filters.of("sweep"), filters.of("dataset")
    if sweeps:
        _check_names(sweeps, _words(connection, "SELECT name FROM sweeps"), "sweep", "sensdb status lists all.")
        conditions.append(
            f"model_id IN (SELECT b.model_id FROM sweep_models b JOIN sweeps s ON s.sweep_id = b.sweep_id"
            f" WHERE s.name IN ({_marks(sweeps)}))"
        )
        values += sweeps
    if datasets:
        known = _words(
            connection, "SELECT dataset FROM models UNION SELECT dataset FROM datasets UNION SELECT name FROM datasets"
        )
        _check_names(datasets, {*known, *DATASET_NAMES}, "data set", "sensdb data list shows all.")
        conditions.append(
            f"(dataset IN ({_marks(datasets)})"
            f" OR dataset IN (SELECT d.dataset FROM datasets d WHERE d.name IN ({_marks(datasets)})))"
        )
        values += [*datasets, *datasets]
    for text in filters.of("where"):
        condition = parse_where(text, columns_of(connection, "v_models"))
        conditions.append(
            f"model_id IN (SELECT model_id FROM {_smallest_table(connection, condition)} WHERE {condition.sql})"
        )
        values += condition.values
    keep_models(connection, " AND ".join(conditions), values)
    if sweeps:
        connection.execute(f"DELETE FROM sweeps WHERE name NOT IN ({_marks(sweeps)})", list(sweeps))
    else:
        connection.execute("DELETE FROM sweeps WHERE sweep_id NOT IN (SELECT sweep_id FROM sweep_models)")


def left_out(
    connection: duckdb.DuckDBPyConnection, query: SavedQuery, parameters: Mapping[str, Any]
) -> tuple[int, dict[str, int]]:
    """How many models with a result a saved query uses, and how many it does not, by reason.

    The reasons follow from the parameters `min_train_accuracy`, `labels` and `transitions_method`, which mean the
    same in every query; of several the first counts. A model whose transitions were counted in another way is left
    out of questions about transitions alone, so it is among those used as well.
    """
    cases: list[str] = []
    values: list[Any] = []
    threshold, labels = parameters.get("min_train_accuracy"), parameters.get("labels", "all")
    if threshold is not None:
        # Augmented models rarely see the plain images, so pairs keep them whatever they fitted (paper.md 2).
        held_to_it = "coalesce(augmentation, 'none') = 'none'" if query.then in ("factor_pairs", "pairs") else "true"
        unfitted = "not fitted" if threshold == 1 else f"training accuracy below {threshold:g}"
        cases += [
            "WHEN stop_reason = 'diverged' THEN 'diverged'",
            f"WHEN train_accuracy IS NULL AND {held_to_it} THEN 'no training accuracy'",
            f"WHEN train_accuracy < ? AND {held_to_it} THEN '{unfitted}'",
        ]
        values.append(threshold)
    if labels == "true":
        cases += ["WHEN label_noise = 1 THEN 'random labels'", "WHEN label_noise > 0 THEN 'noisy labels'"]
    elif labels == "random":
        cases.append("WHEN label_noise < 1 THEN 'labels not random'")
    reason = f"CASE {' '.join(cases)} END" if cases else "NULL"
    counted = connection.execute(
        f"SELECT {reason} AS reason, dataset, transitions_method, count(*) FROM v_models GROUP BY ALL ORDER BY ALL",
        values,
    ).fetchall()
    reasons: dict[str, int] = {}
    for why, _, _, n in counted:
        if why is not None:
            reasons[why] = reasons.get(why, 0) + n
    used = [row for row in counted if row[0] is None]
    if "transitions_method" in parameters:
        n_other = _counted_otherwise(used, parameters["transitions_method"])
        reasons |= {OTHER_METHOD: n_other} if n_other else {}
    return sum(row[3] for row in used), reasons


def _counted_otherwise(used: list[tuple[Any, ...]], method: str | None) -> int:
    """Models whose transitions were counted in another way than `method`, or than the commonest of their data set."""
    by_dataset: dict[str, dict[str, int]] = {}
    for _, dataset, counted_by, n in used:
        if counted_by is not None:
            ways = by_dataset.setdefault(dataset, {})
            ways[counted_by] = ways.get(counted_by, 0) + n
    n_other = 0
    for ways in by_dataset.values():
        chosen = method if method is not None else max(sorted(ways), key=lambda way: ways[way])
        n_other += sum(n for way, n in ways.items() if way != chosen)
    return n_other


def resolve_names(connection: duckdb.DuckDBPyConnection, view: str, parameter: str, names: Iterable[str]) -> list[str]:
    """The number columns of a view that a `names` parameter means; a test-point metric's name means its mean.

    Raises:
        UsageError: one is no number column of the view; with the nearest match.
    """
    numbers = [name for name, kind in columns_of(connection, view).items() if kind in ("int", "real", "bool")]
    found = []
    for name in names:
        column = name if name in numbers else f"{name}_mean"
        if column not in numbers or name == "model_id":
            close = nearest_column(name, numbers)
            hint = f"did you mean '{close.removesuffix('_mean')}'? " if close is not None else ""
            lists = f"{'T' if hint else 't'}he table data_dictionary lists all, with units."
            raise UsageError(f"parameter {parameter}: no number column '{name}' in {view}.", hint + lists)
        found.append(column)
    return list(dict.fromkeys(found))


def columns_of(connection: duckdb.DuckDBPyConnection, view: str) -> dict[str, str]:
    """The columns of a table or view in order, each with its kind: int, real, text, bool or time."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [view]
    ).fetchall()
    return {name: KINDS[kind] for name, kind in rows}


def _smallest_table(connection: duckdb.DuckDBPyConnection, condition: Condition) -> str:
    """Where a condition is looked up: in `models` if the spec answers it, so that models without a result count."""
    return "models" if condition.columns <= columns_of(connection, "models").keys() else "v_models"


def _check_names(given: Iterable[str], known: Iterable[str], what: str, otherwise: str) -> None:
    names = sorted(known)
    for name in given:
        if name not in names:
            raise QueryError(f"there is no {what} '{name}'.", did_you_mean(name, names, otherwise))


def _words(connection: duckdb.DuckDBPyConnection, select: str) -> list[str]:
    return [row[0] for row in connection.execute(select).fetchall()]


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" for _ in values)
