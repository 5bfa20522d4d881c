"""The 25 claims of paper.md 14 against what is stored: a number, its interval, n and a status each.

The statuses, written down once. Claims have numbers, each with its value where nothing happens (the null), a direction
and a threshold of paper.md 14:

    not covered     nothing is stored that the number is about
    underpowered    the number exists, its interval holds the null, and there are fewer clusters than POWER asks for;
                    or there is no interval
    supported       the threshold is met, and the interval lies wholly on the claim's side of the null
    contradicted    the interval lies wholly on the other side of the null
    not supported   all else

A claim may need several numbers. On one data set it has the worst status of those it rests on, in the order of WORST:
supported takes all of them, and one that is not covered leaves the claim not covered. Numbers that paper.md 14 wants
reported beside have a status of their own and decide nothing.

A claim on several data sets is contradicted if one of them contradicts it, else not supported if one that could tell
does not support it, else supported if one supports it; data sets too small to tell decide only where no other can, or
where the claim is about each of them (row 12). Which data set says what stands in the column `by_dataset`.

A control (rows 11, 20 to 25) is judged by the same rules and never counts for or against the paper: the first of the
two sentences leaves it out. POWER is the number of configurations, or of pairs, that finds Spearman 0.4 or a share of
0.7 in 80 % of cases (paper.md 13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sensdb.analysis.answer import Answer
from sensdb.analysis.saved_queries import Column

Row = Mapping[str, Any]
Ask = Callable[..., Answer]
POWER = 50
STATUSES = ("supported", "not supported", "contradicted", "underpowered", "not covered")
WORST = ("contradicted", "not supported", "underpowered", "not covered", "supported")
CONTROLS = (11, *range(20, 26))
ON_EACH = (12,)
"""Claims about every data set: one that is too small to tell leaves them underpowered."""

CLAIM = Column("claim", "int", "[1, 25]", "number of the claim in the study's list")
STATUS = Column("status", "text", "", "supported, not supported, contradicted, underpowered or not covered")
NUMBERS = (
    Column("number", "real", "", "the number that decides the status"),
    Column("low", "real", "", "low end of its 95 % interval"),
    Column("high", "real", "", "high end of its 95 % interval"),
    Column("n", "int", "[0, inf)", "how many the interval is over"),
    Column("unit", "text", "", "what they are: configurations, pairs, environments or deals"),
    Column("measure", "text", "", "what the number is"),
)
STATEMENT = Column("statement", "text", "", "the claim; controls are no claims of the paper")
QUERY = Column("query", "text", "", "the saved query that has the number")
DATASET = Column("dataset", "text", "", "data set of the number")
COLUMNS = (
    CLAIM,
    STATUS,
    STATEMENT,
    *NUMBERS,
    DATASET,
    Column("by_dataset", "text", "", "which data sets say what"),
    Column("remarks", "text", "", "why there is no number; else what is reported beside it, on its data set"),
    QUERY,
)
"""Of one row a claim."""
PARTS = (
    CLAIM,
    DATASET,
    STATUS,
    STATEMENT,
    *NUMBERS,
    Column("decides", "bool", "", "whether the claim rests on it; the others are reported beside"),
    Column("remarks", "text", "", "why there is no number"),
    QUERY,
)
"""Of one row a claim, data set and number."""


@dataclass(frozen=True)
class Evidence:
    """One number for a claim on one data set.

    Attributes:
        number, low, high: the estimate and its 95 % interval; None where they do not exist.
        null: the value where nothing happens.
        above: whether the claim is that the number lies above the null.
        meets: whether the threshold of paper.md 14 is met.
        n, unit: what the interval is over.
        decides: whether the claim rests on it; else it is reported beside.
        not_above: whether the claim is that the number does not lie above the null, be it there or below.
        why: why there is no number.
        query: the saved query that has the number.
    """

    dataset: str
    number: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    measure: str
    null: float = 0.0
    above: bool = True
    meets: bool = True
    decides: bool = True
    not_above: bool = False
    why: str = ""
    query: str = ""


def status_of(evidence: Evidence) -> str | None:
    """The status of one number by the rules above; None of one without an interval that nothing rests on."""
    if not evidence.decides and evidence.low is None:
        return None
    if evidence.number is None:
        return "not covered" if evidence.n == 0 else "underpowered"
    if evidence.low is None or evidence.high is None:
        return "underpowered"
    above, below = evidence.low > evidence.null, evidence.high < evidence.null
    if evidence.not_above:
        return "contradicted" if above else "supported" if below or evidence.n >= POWER else "underpowered"
    if above if evidence.above else below:
        return "supported" if evidence.meets else "not supported"
    if below if evidence.above else above:
        return "contradicted"
    return "underpowered" if evidence.n < POWER else "not supported"


def of_dataset(statuses: Sequence[str]) -> str:
    """The status of a claim on one data set, by those of the numbers it rests on."""
    return next((status for status in WORST if status in statuses), "not covered")


def overall(statuses: Sequence[str], *, on_each: bool = False) -> str:
    """The status of a claim by its statuses on several data sets."""
    covered = [each for each in statuses if each != "not covered"]
    order = ("contradicted", "not supported", *(("underpowered", "supported") if on_each else ("supported",)))
    return next((status for status in order if status in covered), "underpowered" if covered else "not covered")


def by_claim(parts: Sequence[Row]) -> list[dict[str, Any]]:
    """One row a claim of all its numbers: that which decides, on the data set that decides, the widest of equals."""
    made = []
    for _, group in groupby(parts, key=lambda row: row["claim"]):
        rows = list(group)
        statuses = dataset_statuses(rows)
        status = overall(list(statuses.values()), on_each=rows[0]["claim"] in ON_EACH)
        deciding = [row for row in rows if row["decides"] and row["status"] == statuses[row["dataset"]] == status]
        shown = max(deciding, key=lambda row: row["n"])
        first = next(row for row in deciding if row["dataset"] == shown["dataset"])
        beside = [row for row in rows if row["dataset"] == first["dataset"] and row is not first]
        remarks = "; ".join(filter(None, [first["remarks"], *map(_in_words, beside)]))
        row = {
            **first,
            "remarks": remarks or None,
            "by_dataset": _grouped(statuses),
            "dataset": short(first["dataset"]),
        }
        made.append({column.name: row[column.name] for column in COLUMNS})
    return made


def dataset_statuses(rows: Sequence[Row]) -> dict[str | None, str]:
    """The status of each data set among the numbers of one claim."""
    datasets = dict.fromkeys(row["dataset"] for row in rows if row["decides"])
    return {
        dataset: of_dataset([row["status"] for row in rows if row["decides"] and row["dataset"] == dataset])
        for dataset in datasets
    }


def short(dataset: str | None) -> str | None:
    """A data set's name where space is short: of one known by its content the first 8 of 64 characters."""
    return dataset[:12] if dataset is not None and dataset.startswith("npz:") else dataset


def summary(parts: Sequence[Row]) -> str:
    """Two sentences: how the claims stand, and what they rest on."""
    by_status: dict[str, list[str]] = {}
    n_claims = 0
    for row in by_claim([each for each in parts if each["claim"] not in CONTROLS]):
        said = set(dataset_statuses([each for each in parts if each["claim"] == row["claim"]]).values())
        split = {"supported", "contradicted"} <= said
        by_status.setdefault(row["status"], []).append(f"{row['claim']}{' (not everywhere)' if split else ''}")
        n_claims += 1
    told = [f"{status} {', '.join(by_status[status])}" for status in STATUSES if by_status.get(status)]
    first = f"Of the paper's {n_claims} claims the data leave: {'; '.join(told)}."
    datasets = sorted(
        {str(short(row["dataset"])) for row in parts if row["dataset"] and row["status"] != "not covered"}
    )
    if not datasets:
        return f"{first} Nothing that bears on them is stored yet."
    statuses = {row["claim"]: row["status"] for row in by_claim([each for each in parts if each["claim"] in CONTROLS])}
    net = dataset_statuses([row for row in parts if row["claim"] == 20])
    held = sum(status == "supported" for status in net.values())
    told_20 = bool({*net.values()} - {"not covered"})
    beyond = (
        f"net of confidence and training loss the norm still goes with the gap on {held} of {len(net)}"
        if told_20
        else "whether the norm says more than confidence and training loss cannot be told"
    )
    controls = f"a random metric is {_passes(statuses.get(24))}, the gap with noise {_passes(statuses.get(25))}"
    return f"{first} They rest on {', '.join(datasets)}; {beyond}; of the controls {controls}."


def _passes(status: str | None) -> str:
    words = {"supported": "as it must be", "underpowered": "too rare to judge", "not covered": "not covered"}
    return words.get(status or "not covered", "not as it must be")


def _grouped(statuses: Mapping[str | None, str]) -> str | None:
    told = [
        f"{status}: {', '.join(str(short(dataset)) for dataset, each in statuses.items() if each == status)}"
        for status in WORST
        if any(each == status and dataset for dataset, each in statuses.items())
    ]
    return "; ".join(told) or None


def _in_words(row: Row) -> str:
    if row["number"] is None:
        return f"{row['measure']}: {row['remarks'] or 'no number'}"
    ends = "" if row["low"] is None else f" [{row['low']:.3g}, {row['high']:.3g}]"
    return f"{row['measure']} {row['number']:.3g}{ends}" + (f" {row['status']}" if row["decides"] else "")
