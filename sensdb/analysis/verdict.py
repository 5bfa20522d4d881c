"""The 25 claims of paper.md 14 against what is stored: a number, its interval, n and a status each.

The statuses, written down once. Claims have a number, its value where nothing happens (the null), a direction and a
threshold of paper.md 14:

    not covered     nothing is stored that the claim is about
    underpowered    the number exists, its interval holds the null, and there are fewer clusters than POWER asks for;
                    or there is no interval
    supported       the threshold is met, and the interval lies wholly on the claim's side of the null
    contradicted    the interval lies wholly on the other side of the null
    not supported   all else

A claim on several data sets is judged on each: contradicted if one of them is, supported if all are, else the weakest
of what is left. A control (rows 11, 20 to 25) is judged by the same rule and never counts for or against the paper:
the two sentences at the end leave it out. POWER is the number of configurations, or of pairs, that finds Spearman 0.4
or a share of 0.7 in 80 % of cases (paper.md 13).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensdb.analysis.answer import Answer

Row = Mapping[str, Any]
Ask = Callable[..., Answer]
POWER = 50
STATUSES = ("supported", "not supported", "contradicted", "underpowered", "not covered")
CONTROLS = (11, *range(20, 26))
COLUMNS = ("claim", "dataset", "statement", "status", "number", "low", "high", "n", "unit", "measure", "query")


@dataclass(frozen=True)
class Evidence:
    """One number for a claim on one data set.

    Attributes:
        number, low, high: the estimate and its 95 % interval; None where they do not exist.
        null: the value where nothing happens.
        above: whether the claim is that the number lies above the null.
        meets: whether the threshold of paper.md 14 is met.
        n, unit: what the interval is over.
        covers: whether the claim is that the interval holds the null (the control by a random metric).
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
    covers: bool = False


def status_of(evidence: Evidence) -> str:
    """The status of one number by the rules above."""
    if evidence.number is None:
        return "not covered" if evidence.n == 0 else "underpowered"
    if evidence.low is None or evidence.high is None:
        return "underpowered"
    if evidence.covers:
        return "supported" if evidence.low <= evidence.null <= evidence.high else "contradicted"
    on_side = evidence.low > evidence.null if evidence.above else evidence.high < evidence.null
    against = evidence.high < evidence.null if evidence.above else evidence.low > evidence.null
    if on_side:
        return "supported" if evidence.meets else "not supported"
    if against:
        return "contradicted"
    return "underpowered" if evidence.n < POWER else "not supported"


def overall(statuses: Sequence[str]) -> str:
    """The status of a claim on several data sets."""
    covered = [each for each in statuses if each != "not covered"]
    if not covered:
        return "not covered"
    for status in ("contradicted", "not supported", "underpowered"):
        if status in covered:
            return status
    return "supported"


def summary(rows: Sequence[Row]) -> str:
    """Two sentences: how the claims stand, and what they rest on."""
    by_status: dict[str, list[int]] = {}
    for number in sorted({row["claim"] for row in rows if row["claim"] not in CONTROLS}):
        status = overall([row["status"] for row in rows if row["claim"] == number])
        by_status.setdefault(status, []).append(number)
    parts = [f"{status} {', '.join(map(str, by_status[status]))}" for status in STATUSES if by_status.get(status)]
    datasets = sorted({row["dataset"] for row in rows if row["dataset"] and row["status"] != "not covered"})
    first = f"Of the paper's {sum(map(len, by_status.values()))} claims the data leave: {'; '.join(parts)}."
    if not datasets:
        return f"{first} Nothing that bears on them is stored yet."
    net = [row for row in rows if row["claim"] == 20 and row["number"] is not None]
    held = [row["dataset"] for row in net if row["status"] == "supported"]
    beyond = (
        f"net of training loss, doubt and size the norm still goes with the gap on {len(held)} of {len(net)}"
        if net
        else "whether the norm says more than training loss and doubt cannot be told"
    )
    return f"{first} They rest on {', '.join(datasets)}, and {beyond}."
