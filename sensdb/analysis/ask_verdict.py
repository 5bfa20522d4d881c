"""The verdict as an answer: what the command line, the report and a notebook ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensdb.analysis.answer import Answer, table_of_lists
from sensdb.analysis.ask import ask, one_mirror
from sensdb.analysis.claims import judge
from sensdb.analysis.parameters import Parameter, values
from sensdb.analysis.population import Filters
from sensdb.analysis.saved_queries import Column
from sensdb.analysis.verdict import COLUMNS, PARTS, by_claim, summary
from sensdb.mirror.sync import Progress

NAME = "verdict"
PARAMETERS = (
    Parameter("by", "text", "claim", False, "{claim, number}", "one row a claim, or one a claim, data set and number"),
)


def ask_verdict(
    database_url: str,
    cache: Path,
    parameters: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
    *,
    sync: bool = True,
    queries: Path | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Judge the 25 claims of paper.md 14.

    Args:
        parameters: `by`: claim or number.
        database_url, cache, filters, sync, queries, progress: as for `ask`.

    Returns:
        25 rows (`verdict.COLUMNS`), or every number behind them (`verdict.PARTS`). The last of `notes` in meta is two
        sentences on what the data support.

    Raises:
        UsageError: a parameter that does not exist or has a wrong value.
        QueryError, DatabaseError: as for `ask`.
    """
    by = values(PARAMETERS, parameters or {})["by"]
    filters = filters or Filters()
    metas: list[Mapping[str, Any]] = []

    def ask_one(query: str, *, where: str, **given: Any) -> Answer:
        among = Filters(filters.of("sweep"), filters.of("dataset"), (*filters.of("where"), where))
        answer = ask(
            *(database_url, cache, query, given, among), sync=sync and not metas, queries=queries, progress=progress
        )
        metas.append(answer.meta)
        return answer

    with one_mirror():
        parts, answers = judge(ask_one)
    columns, rows = (COLUMNS, by_claim(parts)) if by == "claim" else (PARTS, parts)
    about = {"query": NAME, "parameters": {"by": by}, "n_models": answers.n_models, "left_out": answers.left_out}
    origin = {name: metas[0][name] for name in ("database", "mirror_at", "sensdb_version")}
    meta = {**about, "notes": (summary(parts),), "filters": filters.given(), **origin}
    return Answer(columns, _table(columns, rows), meta)


def _table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> Any:
    return table_of_lists(columns, {column.name: [row[column.name] for row in rows] for column in columns})
