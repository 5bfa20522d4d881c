"""`sensdb query regress`: a formula over models, asked of the mirror."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sensdb.analysis.answer import Answer, table_of_lists
from sensdb.analysis.ask import ask_sql
from sensdb.analysis.formula import FUNCTIONS, Formula, Term, parse_formula
from sensdb.analysis.parameters import Parameter, values
from sensdb.analysis.population import Filters
from sensdb.analysis.saved_queries import Column
from sensdb.analysis.statistics.finished import FloatArray, codes
from sensdb.analysis.statistics.regression import regression
from sensdb.database.views import VIEWS
from sensdb.errors import QueryError
from sensdb.mirror.sync import Progress

PARAMETERS = (
    Parameter("errors", "text", "cluster", range="{cluster, hc3, mixed}", description="how errors know replicas"),
    Parameter("labels", "text", "true", range="{true, random, all}", description="training labels of the models"),
    Parameter("min_train_accuracy", "real", 1.0, range="[0, 1]", description="models at least this accurate"),
)
COLUMNS = (
    Column("term", "text"),
    Column("slope", "real"),
    Column("slope_low", "real"),
    Column("slope_high", "real"),
    Column("p_value", "real"),
    Column("standardised", "real"),
    Column("standardised_low", "real"),
    Column("standardised_high", "real"),
    Column("n_models", "int"),
    Column("n_configurations", "int"),
    Column("r2", "real"),
    Column("r2_out_of_fold", "real"),
    Column("r2_gain", "real"),
    Column("errors", "text"),
)
LABELS = {"true": "label_noise = 0", "random": "label_noise = 1", "all": "true"}


def regress(
    database_url: str,
    cache: Path,
    text: str,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    sync: bool = True,
    progress: Progress | None = None,
) -> Answer:
    """Fit a formula over models that fitted; one row a coefficient.

    r2_gain is what the first term adds to the share of variance explained out of fold over all others; the three r2
    are of the whole fit and stand in every row. Models without a finite value of a term are left out and counted.

    Raises:
        UsageError, QueryError: as `parse_formula` and `parameters.values`; too few models, a constant.
        DatabaseError: as for `ask`.
    """
    formula = parse_formula(text, {column.name: column.data_type for column in VIEWS["v_models"].columns})
    chosen = values(PARAMETERS, dict(parameters or {}))
    listed = ", ".join(f'"{name}" AS c{place}' for place, name in enumerate(formula.columns))
    select = (
        f"SELECT configuration_sha256, {listed} FROM v_models WHERE stop_reason <> 'diverged'"
        f" AND train_accuracy >= $least AND {LABELS[chosen['labels']]} ORDER BY model_id"
    )
    bound = {"least": chosen["min_train_accuracy"]}
    asked = ask_sql(database_url, cache, select, bound, filters, sync=sync, progress=progress)
    table = {name: asked.table[f"c{place}"].to_pylist() for place, name in enumerate(formula.columns)}
    answer_rows, notes, n_used = _fitted(formula, table, asked.table["configuration_sha256"].to_pylist(), chosen)
    columns = {column.name: [row[place] for row in answer_rows] for place, column in enumerate(COLUMNS)}
    n_all = asked.meta["n_models"]
    n_asked = asked.table.num_rows
    left_out = {"not in the population": n_all - n_asked, "without a finite value of a term": n_asked - n_used}
    about = {"query": "regress", "parameters": {"formula": text, **chosen}, "n_models": n_used, "notes": notes}
    meta = {**asked.meta, **about, "left_out": {why: n for why, n in left_out.items() if n}}
    return Answer(COLUMNS, table_of_lists(COLUMNS, columns), meta)


def _fitted(
    formula: Formula, table: Mapping[str, list[Any]], configuration: list[Any], chosen: Mapping[str, Any]
) -> tuple[list[tuple[Any, ...]], tuple[str, ...], int]:
    """The rows, their notes and how many models they are made of."""
    kept = np.ones(len(configuration), dtype=bool)
    for term in (formula.response, *formula.terms):
        kept &= _exists(table[term.column], term)
    if not np.any(kept):
        return [], (f"no model of {len(kept)} has all terms of the formula.",) if len(kept) else (), 0
    response = _columns(formula.response, table, kept)[0][1]
    made = [_columns(term, table, kept) for term in formula.terms]
    names = [name for each in made for name, _ in each]
    if not names:
        raise QueryError("no regression: a term has one level alone.", "leave it out of the formula.")
    design = np.column_stack([values_of for each in made for _, values_of in each])
    cluster = codes([each for each, keep in zip(configuration, kept, strict=True) if keep])
    fit = regression(response, design, names, np.arange(len(made[0])), cluster, chosen["errors"])
    if isinstance(fit, str):
        raise QueryError(f"no regression: {fit}.", "fewer terms, or more models: sensdb status shows the queue.")
    whole = (fit.n, fit.n_clusters, fit.r2, fit.r2_out_of_fold, fit.r2_gain, chosen["errors"])
    rows = [
        (
            *(each.term, each.slope, each.low, each.high, each.p_value),
            *(each.standardised, each.standardised_low, each.standardised_high),
            *whole,
        )
        for each in fit.slopes
    ]
    return rows, fit.notes, fit.n


def _exists(given: list[Any], term: Term) -> Any:
    if term.categorical:
        return np.array([value is not None for value in given], dtype=bool)
    return np.isfinite(_taken(np.array(given, dtype=np.float64), term, ranked=False))


def _taken(given: FloatArray, term: Term, *, ranked: bool = True) -> FloatArray:
    if term.function is None or (term.function == "rank" and not ranked):
        return given
    with np.errstate(divide="ignore", invalid="ignore"):
        return FUNCTIONS[term.function](given)


def _columns(term: Term, table: Mapping[str, list[Any]], kept: Any) -> list[tuple[str, FloatArray]]:
    """The design's columns of a term with their names: one, or an indicator a level but the first."""
    given = [value for value, keep in zip(table[term.column], kept, strict=True) if keep]
    if not term.categorical:
        return [(term.text, _taken(np.array(given, dtype=np.float64), term))]
    levels = sorted(set(given), key=lambda level: (str(type(level)), level))
    return [
        (f"{term.column} = {level}", np.array([value == level for value in given], dtype=np.float64))
        for level in levels[1:]
    ]
