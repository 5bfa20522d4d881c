"""The rows of `sensdb plot scatter`: a query over two or three columns of v_models that whoever asks names."""

from __future__ import annotations

from pathlib import Path

from sensdb.analysis.parameters import Parameter
from sensdb.analysis.saved_queries import Column, ColumnType, SavedQuery
from sensdb.analysis.where import nearest_column
from sensdb.database.views import VIEWS, ViewColumn
from sensdb.errors import QueryError, UsageError

AXES = ("x", "y", "color")
PARAMETERS = (
    Parameter(
        "labels", "text", "all", False, "{true, random, all}", "models trained on true labels, on random, or all"
    ),
    Parameter("min_train_accuracy", "real", 1.0, False, "[0, 1]", "models at least this accurate on training points"),
)
KINDS: dict[str, ColumnType] = {
    "text": "text",
    "integer": "int",
    "real": "real",
    "boolean": "bool",
    "timestamp": "time",
}
COLUMNS = {column.name: column for column in VIEWS["v_models"].columns if column.name != "spec"}
NUMBERS = [name for name, column in COLUMNS.items() if column.data_type in ("integer", "real")]


def scatter_query(x: str | None, y: str | None, color: str | None = None) -> SavedQuery:
    """The query behind a scatter: fitted models with their number, data set and the columns named.

    Args:
        x, y: number columns of v_models; the name of a test-point metric means its mean.
        color: any of its columns.

    Raises:
        UsageError: x or y is missing.
        QueryError: there is no such column, or no such number column; with the nearest match.
    """
    if x is None or y is None:
        raise UsageError("scatter needs two columns, X and Y.", "sensdb plot scatter jacobian_norm generalization_gap")
    chosen = [column_of(x, numbers=True), column_of(y, numbers=True)]
    if color is not None:
        chosen.append(column_of(color, numbers=False))
    names = list(dict.fromkeys(["model_id", "dataset", *(column.name for column in chosen)]))
    text = (
        f"select {', '.join(names)} from v_models\n"
        "where train_accuracy >= $min_train_accuracy and stop_reason <> 'diverged'\n"
        "    and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end\n"
        "order by model_id"
    )
    axes = tuple(Parameter(name, "text") for name in AXES)
    columns = tuple(Column(name, KINDS[COLUMNS[name].data_type], "", COLUMNS[name].description) for name in names)
    question = f"How do {chosen[0].name} and {chosen[1].name} of models go together?"
    return SavedQuery(
        "scatter", question, "model_id", (*PARAMETERS, *axes), columns, None, "", "", text, Path("scatter")
    )


def column_of(name: str, *, numbers: bool) -> ViewColumn:
    """A column of v_models by its name, or by that of the test-point metric whose mean it is.

    Raises:
        QueryError: there is none, or it holds no numbers where `numbers` are needed.
    """
    allowed = NUMBERS if numbers else list(COLUMNS)
    for known in (name, f"{name}_mean"):
        if known in allowed:
            return COLUMNS[known]
    close = nearest_column(name, allowed)
    lists = "he table data_dictionary lists all, with units."
    hint = f"t{lists}" if close is None else f"did you mean '{close.removesuffix('_mean')}'? T{lists}"
    raise QueryError(f"no {'number ' if numbers else ''}column '{name}' in v_models.", hint)
