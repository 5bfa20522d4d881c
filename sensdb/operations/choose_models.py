"""Models by a condition, asked of the database itself: what is deleted follows from it, not from a mirror."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sensdb.analysis.where import parse_where
from sensdb.database import schema
from sensdb.database.columns import UtcTimestamp
from sensdb.database.views import VIEWS
from sensdb.errors import QueryError
from sensdb.jobs.dialects import rows_json
from sensdb.jobs.reader import QueueReader
from sensdb.jobs.transactions import inspect

KINDS = {"integer": "int", "real": "real", "text": "text", "boolean": "bool", "timestamp": "time"}
COLUMNS = {column.name: KINDS[column.data_type] for column in VIEWS["v_models"].columns}
_OF_SPEC = frozenset(schema.models.c.keys())
_MOMENT = "CAST(? AS TIMESTAMPTZ)"


@dataclass(frozen=True)
class Chosen:
    """The models that meet the conditions; `n_kept` more do, but a sweep that was not named holds them."""

    model_ids: tuple[int, ...]
    n_kept: int = 0


def models_where(queue: QueueReader, conditions: Sequence[str], sweeps: Sequence[str] = ()) -> Chosen:
    """The models that meet all conditions of `--where` (analysis/where.py).

    A condition on the spec alone finds models without a result too.

    Args:
        sweeps: only models of these that no other sweep holds; none: whatever sweeps hold them.

    Raises:
        QueryError: one is no condition, or names a column that v_models does not have.
        NothingMatched: there is no such sweep.
    """
    texts: list[str] = []
    values: dict[str, Any] = {}
    for condition in conditions:
        parsed = parse_where(condition, COLUMNS)
        table = "models" if parsed.columns <= _OF_SPEC else "v_models"
        texts.append(f"m.model_id in (select model_id from {table} where {_bound(parsed, values)})")
    alone = "0"
    if sweeps:
        given = queue.dialect.records("sweeps", key="bigint")
        values["sweeps"] = rows_json([key] for key in queue.sweep_ids(list(sweeps)))
        texts.append(f"m.model_id in (select model_id from sweep_models where sweep_id in ({given}))")
        alone = f"(select count(*) from sweep_models o where o.model_id = m.model_id and o.sweep_id not in ({given}))"
    statement = sa.text(f"select m.model_id, {alone} as n_others from models m where {' and '.join(texts)} order by 1")
    statement = statement.bindparams(
        *(sa.bindparam(name, type_=UtcTimestamp()) for name, value in values.items() if isinstance(value, dt.datetime))
    )
    rows = inspect(queue.engine, lambda connection: connection.execute(statement, values).all())
    kept = [row.model_id for row in rows if not row.n_others]
    return Chosen(tuple(kept), len(rows) - len(kept))


def _bound(condition: Any, values: dict[str, Any]) -> str:
    """The condition's SQL with a named parameter for each value; moments become moments of either database."""
    waiting = iter(condition.values)

    def name(found: re.Match[str]) -> str:
        parameter = f"value{len(values)}"
        value = next(waiting)
        values[parameter] = _moment(value) if found[0] == _MOMENT else value
        return f":{parameter}"

    return re.sub(rf"{re.escape(_MOMENT)}|\?", name, condition.sql)


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise QueryError(
            f"--where: '{text}' is no moment.", "a moment reads '2026-01-31' or '2026-01-31T12:00:00Z'."
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
