"""The verdict as a report shows it: a table of the 25 claims and the sentences beside it."""

from __future__ import annotations

from pathlib import Path

from sensdb.analysis.ask_verdict import ask_verdict
from sensdb.analysis.population import Filters
from sensdb.analysis.report.held import Table

TITLE = "What do the data say to each claim of the paper, and to the controls?"


def verdict_table(database_url: str, cache: Path, filters: Filters, flags: str) -> tuple[Table, str]:
    """The table and the two sentences; the mirror is asked as it is.

    Args:
        flags: the filters as options of a command.
    """
    answer = ask_verdict(database_url, cache, {}, filters, sync=False)
    *notes, summary = answer.meta["notes"]
    left_out = ", ".join(f"{n} {reason}" for reason, n in answer.meta["left_out"].items())
    used = f"{answer.meta['n_models']} models used in row 12{f'; left out: {left_out}' if left_out else ''}."
    words = (
        "Controls (11, 20 to 25) count neither for nor against the paper. The parameter by=number gives all numbers."
    )
    columns = tuple((column.name, column.description) for column in answer.columns)
    rows = tuple(tuple(row.values()) for row in answer.rows)
    command = f"sensdb query verdict{flags} -o verdict.csv"
    return Table("verdict", TITLE, " ".join([used, words, *notes]), command, columns, rows, len(rows)), summary
