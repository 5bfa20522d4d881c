"""Which saved queries are answered from the mirror's summaries of each model, and when: the answer is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sensdb.analysis.saved_queries import SavedQuery
from sensdb.database.bundled import bundled
from sensdb.mirror.summaries import GROUPS, RANKED

FOLDER = "from_summaries"
"""Beside the saved queries: a file of the same name for each that can be answered so, without a header of its own."""


def from_summaries(query: SavedQuery, bound: Mapping[str, Any]) -> SavedQuery:
    """The query over summaries where they hold what it asks for; else as it is, over all points.

    A query of the user's own that has the name of one of sensdb's is left as it is.
    """
    folder = bundled("queries")
    if query.path.parent != folder or not _is_summarised(query.name, bound):
        return query
    return replace(query, sql=(folder / FOLDER / f"{query.name}.sql").read_text(encoding="utf-8"))


def _is_summarised(name: str, bound: Mapping[str, Any]) -> bool:
    if name == "points_by_quantile":
        return bound["quantiles"] in GROUPS
    return name in ("point_auroc", "point_correlation") and set(bound["metric"] or ()) <= set(RANKED)
