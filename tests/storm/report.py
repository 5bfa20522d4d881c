"""What came of a storm: how long each fault was felt, and the count."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.storm.journal import Entry, Verdict


@dataclass
class Fault:
    """One that was injected. victims: the workers it struck; for all of them where it struck the database.

    takes_jobs: whether the victims' jobs must come back, or else the victims themselves must. faulty: the victim is a
    worker that can do nothing with what it claims.
    """

    kind: str
    time: float
    victims: tuple[int, ...]
    takes_jobs: bool
    faulty: bool = False
    recovered_after: float | None = None


@dataclass
class Report:
    """What came of a storm."""

    kind: str
    seed: int
    seconds: float
    faults: list[Fault]
    verdict: Verdict
    leftovers: list[str]

    def table(self) -> str:
        """A line a fault kind: how many, recovery median and worst in seconds; then the count."""
        by_kind: dict[str, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            by_kind[fault.kind].append(fault)
        lines = [f"{'fault':36}{'n':>5}{'median s':>10}{'worst s':>9}"]
        for kind, faults in sorted(by_kind.items()):
            times = [fault.recovered_after for fault in faults if fault.recovered_after is not None]
            shown = f"{statistics.median(times):10.2f}{max(times):9.2f}" if times else f"{'-':>10}{'-':>9}"
            lines.append(f"{kind:36}{len(faults):>5}{shown}")
        found = self.verdict
        lines.append(
            f"{self.kind}, seed {self.seed}: {found.models} models, {found.attempts} attempts, {len(self.faults)}"
            f" faults in {self.seconds:.0f} s; jobs lost {len(found.lost)}, doubled {len(found.doubled)},"
            f" violations {len(found.violations)}"
        )
        return "\n".join([*lines, *_few_of_each(found.violations), *self.leftovers])


def _few_of_each(violations: Sequence[str], most: int = 10) -> list[str]:
    """The first lines of each rule that was broken: many of one must not hide another."""
    n_of: Counter[str] = Counter()
    shown = []
    for line in violations:
        rule = re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d+", "", line)
        n_of[rule] += 1
        if n_of[rule] <= most:
            shown.append(line)
    return shown


def recovery(fault: Fault, entries: Sequence[Entry]) -> float | None:
    """Seconds until what the fault struck was back; None where it struck nothing.

    Where it took jobs: until each job that a victim held is finished or somebody's again. Else: until each victim that
    lived on has been given a claim or has stored a result again.
    """
    if not fault.takes_jobs:
        back = []
        for victim in fault.victims:
            after = [entry.time for entry in entries if entry.worker == victim and entry.time > fault.time]
            back += after[:1]
        return max(back) - fault.time if back else None
    waits = []
    for model_id, since in _held(fault, entries).items():
        after = [
            entry.time
            for entry in entries
            if entry.time > since and entry.event != "released" and any(pair[0] == model_id for pair in entry.pairs)
        ]
        waits += [after[0] - since] if after else []
    return max(waits) if waits else None


def _held(fault: Fault, entries: Sequence[Entry]) -> dict[int, float]:
    """The models that the victims had claimed and not given back: model_id -> from when they were missed."""
    held: dict[int, float] = {}
    for entry in entries:
        if entry.worker not in fault.victims or (entry.time > fault.time and not fault.faulty):
            continue
        for model_id, _ in entry.pairs:
            if entry.event == "claimed":
                held[model_id] = max(entry.time, fault.time)
            elif not fault.faulty:
                held.pop(model_id, None)
    return held
