"""What workers say they did, written outside the database, and the check of the database against it."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sensdb.jobs.queue import Pair
from tests.conformance.factories import query


class Journal:
    """The file of one worker. One write a line, so that a kill leaves whole lines."""

    def __init__(self, folder: Path, worker: int) -> None:
        self._worker = worker
        self._file = os.open(folder / f"journal-{worker}.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def note(self, event: str, pairs: Iterable[Pair], results: Iterable[str] = ()) -> None:
        """Note what has been acknowledged just now; time is the host's steady clock, the same in all processes."""
        line = {
            "time": time.monotonic(), "worker": self._worker, "event": event, "pairs": list(pairs),
            "results": list(results),
        }  # fmt: skip
        os.write(self._file, json.dumps(line).encode() + b"\n")


@dataclass(frozen=True)
class Entry:
    """One line of a journal. event: claimed, done or released; results: their ids, of done ones."""

    time: float
    worker: int
    event: str
    pairs: tuple[Pair, ...]
    results: tuple[str, ...]


def read_journals(folder: Path) -> list[Entry]:
    """All lines of all workers, in order of time."""
    entries = []
    for path in folder.glob("journal-*.jsonl"):
        for line in path.read_text().splitlines():
            given = json.loads(line)
            pairs = tuple((model_id, attempt) for model_id, attempt in given["pairs"])
            entries.append(Entry(given["time"], given["worker"], given["event"], pairs, tuple(given["results"])))
    return sorted(entries, key=lambda entry: entry.time)


@dataclass
class Verdict:
    """What the check found. lost, doubled: models; violations: a line each."""

    models: int = 0
    attempts: int = 0
    acknowledged: int = 0
    lost: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    def claim(self, holds: bool, what: str) -> None:
        """Note a violation unless it holds."""
        if not holds:
            self.violations.append(what)


def check(engine: sa.Engine, entries: Sequence[Entry], *, made_up: bool = True) -> Verdict:
    """Replay the journals against the database after everything has ended (promises P1 to P5).

    Args:
        made_up: whether results are those of the storm, whose first point tells the attempt that measured it.
    """
    found = Verdict()
    jobs = {row[0]: row[1:] for row in query(engine, "select model_id, state, attempt, exceptions, losses from jobs")}
    results = {
        row[0]: row[1:]
        for row in query(engine, "select model_id, attempt, result_id, n_points_stored from model_metrics")
    }
    attempts: dict[int, dict[int, str | None]] = defaultdict(dict)
    for model_id, attempt, outcome in query(engine, "select model_id, attempt, outcome from attempts"):
        attempts[model_id][attempt] = outcome
    found.models, found.attempts = len(jobs), sum(map(len, attempts.values()))
    _replay(found, entries, results)
    for model_id, (state, attempt, exceptions, losses) in jobs.items():
        outcomes = attempts[model_id]
        count = Counter(outcomes.values())
        if state != "done" or model_id not in results:
            found.lost.add(model_id)
            found.violations.append(f"model {model_id} is {state}, with outcomes {outcomes}")
        if count["done"] > 1:
            found.doubled.add(model_id)
            found.violations.append(f"model {model_id} was accepted {count['done']} times")
        found.claim(sorted(outcomes) == list(range(1, attempt + 1)), f"model {model_id}: attempts {sorted(outcomes)}")
        found.claim(None not in outcomes.values(), f"model {model_id}: an attempt never ended")
        found.claim(exceptions == count["failed"], f"model {model_id}: {exceptions} exceptions charged, {count}")
        # An adopted attempt was lost before it was done, and stays charged.
        found.claim(losses in (count["lost"], count["lost"] + 1), f"model {model_id}: {losses} losses, {count}")
        if model_id in results:
            stored_by = results[model_id][0]
            found.claim(outcomes.get(stored_by) == "done", f"model {model_id}: result of an attempt that is not done")
    _check_rows(found, engine, results, made_up=made_up)
    return found


def _replay(found: Verdict, entries: Sequence[Entry], results: dict[int, Any]) -> None:
    owners: dict[Pair, int] = {}
    accepted: dict[int, str] = {}
    for entry in entries:
        if entry.event == "claimed":
            for pair in entry.pairs:
                found.claim(owners.setdefault(pair, entry.worker) == entry.worker, f"{pair} was handed out twice")
        if entry.event != "done":
            continue
        for (model_id, attempt), result_id in zip(entry.pairs, entry.results, strict=True):
            found.acknowledged += 1
            if accepted.setdefault(model_id, result_id) != result_id:
                found.doubled.add(model_id)
                found.violations.append(f"model {model_id}: two results were acknowledged")
            if results.get(model_id, (None, None))[:2] != (attempt, result_id):
                found.lost.add(model_id)
                found.violations.append(f"model {model_id}: result {result_id} was acknowledged and is not there")


def _check_rows(found: Verdict, engine: sa.Engine, results: dict[int, Any], *, made_up: bool) -> None:
    rows = query(engine, "select model_id, count(*), min(loss), max(point_index) from point_metrics group by model_id")
    points = {model_id: (n, first, last) for model_id, n, first, last in rows}
    for model_id in points.keys() - results.keys():
        found.violations.append(f"model {model_id}: points without a result")
    for model_id, (attempt, _, n_points) in results.items():
        n, first, last = points.get(model_id, (0, None, None))
        found.claim(n == n_points == (last or -1) + 1, f"model {model_id}: {n} point rows, {n_points} promised")
        # The loss of the first point is the number of the attempt that measured it.
        found.claim(
            not made_up or first == attempt, f"model {model_id}: points of attempt {first}, result of attempt {attempt}"
        )
    stray = query(engine, "select count(*) from attempts where model_id not in (select model_id from jobs)")
    found.claim(stray == [(0,)], f"{stray} attempts without a job")
    running = query(engine, "select count(*) from jobs where state = 'running' or lease_until is not null")
    found.claim(running == [(0,)], f"{running} jobs still run")
