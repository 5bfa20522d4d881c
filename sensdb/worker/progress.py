"""What a worker says while it runs: one line rewritten on a terminal, one line a minute elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 60.0


@dataclass(frozen=True)
class PackProgress:
    """One worker process's pack: layer sizes joined by "-", slots in use, furthest step, median training loss."""

    shape: str
    slots_in_use: int
    slots: int
    step: int
    median_loss: float | None

    def __str__(self) -> str:
        loss = "" if self.median_loss is None else f", loss {self.median_loss:.2g}"
        return f"{self.shape} x {self.slots_in_use}/{self.slots}, step {self.step:,}{loss}"


@dataclass(frozen=True)
class ProcessProgress:
    """What one worker process has done since its own start, and the pack it is at; sent through its pipe."""

    done: int = 0
    failed: int = 0
    model_steps: int = 0
    pack: PackProgress | None = None


@dataclass(frozen=True)
class LogLine:
    """One line of one worker process's log, sent through its pipe so that it never cuts the bar in two."""

    level: str
    text: str


@dataclass
class Tally:
    """What all worker processes of this machine have done so far.

    Attributes:
        total: models done here and still to do anywhere, as of the last `count`; None before it.
        parts: what each process reported last, those that have ended included.
    """

    device: str
    processes: int
    total: int | None = None
    parts: dict[int, ProcessProgress] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Models stored by these processes."""
        return sum(part.done for part in self.parts.values())

    @property
    def failed(self) -> int:
        """Attempts of these processes that ended in an exception."""
        return sum(part.failed for part in self.parts.values())

    @property
    def model_steps(self) -> int:
        """Optimizer steps, summed over models."""
        return sum(part.model_steps for part in self.parts.values())

    @property
    def packs(self) -> list[PackProgress]:
        """The packs being trained now."""
        return [part.pack for part in self.parts.values() if part.pack is not None]

    def count(self, unfinished: int) -> None:
        """Take in how many models are queued or running anywhere, as the database says now."""
        self.total = self.done + unfinished

    @property
    def left(self) -> int | None:
        """Models still to do, never below 0: `done` of `total` never reads as more than all."""
        return None if self.total is None else max(self.total - self.done, 0)

    @property
    def models_per_second(self) -> float:
        """Models stored a second since the start; 0 before the first."""
        return self.done / max(time.monotonic() - self.started, 1e-9)

    @property
    def model_steps_per_second(self) -> float:
        """Optimizer steps a second since the start, summed over models and processes."""
        return self.model_steps / max(time.monotonic() - self.started, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Time until nothing is left at the rate so far; None before the first model is done."""
        if self.left is None or self.done == 0:
            return None
        return self.left / self.models_per_second

    def line(self) -> str:
        """The one line: done of total, failures, rates, time left, the packs."""
        total = "" if self.left is None else f"/{self.done + self.left}"
        parts = [f"worker on {self.device} ({self.processes} {'process' if self.processes == 1 else 'processes'})"]
        parts.append(f"{self.done}{total} done" + (f", {self.failed} failed" if self.failed else ""))
        parts.append(f"{60 * self.models_per_second:.3g} models/min, {self.model_steps_per_second:.3g} model-steps/s")
        if self.seconds_left is not None:
            parts.append(f"{duration_text(self.seconds_left)} left")
        return " | ".join([": ".join([parts[0], ", ".join(parts[1:])]), *map(str, self.packs)])

    def as_json(self) -> dict[str, object]:
        """The same as `line` for `--log-format json`: one object, flat but for `packs`."""
        return {
            "event": "progress",
            "device": self.device,
            "processes": self.processes,
            "models_done": self.done,
            "models_failed": self.failed,
            "models_left": self.left,
            "models_per_second": self.models_per_second,
            "model_steps_per_second": self.model_steps_per_second,
            "seconds_left": self.seconds_left,
            "packs": [asdict(pack) for pack in self.packs],
        }


def duration_text(seconds: float) -> str:
    """Seconds as a person says them: "8 s", "12 min", "3.5 h", "16 days", "1,600 years"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    days = seconds / 86_400
    if days < 3:
        return f"{seconds / 3600:.1f} h"
    return f"{days:,.0f} days" if days < 1000 else f"{days / 365.25:,.0f} years"


class Display(Protocol):
    """Where progress and log lines go; always stderr, never stdout."""

    def update(self, tally: Tally) -> None: ...
    def log(self, level: str, text: str) -> None: ...
    def close(self, tally: Tally) -> None: ...


class Lines:
    """For logs: a line a minute at most, no carriage returns; text or one JSON object a line."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._as_json = as_json
        self._stream = stream or sys.stderr
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def update(self, tally: Tally) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            self._progress(tally)

    def log(self, level: str, text: str) -> None:
        if self._as_json:
            self._write(json.dumps({"time": _now(), "event": "log", "level": level, "text": text}))
        else:
            self._write(text if level == "info" else f"{level}: {text}")

    def close(self, tally: Tally) -> None:
        self._progress(tally)

    def _progress(self, tally: Tally) -> None:
        self._write(json.dumps({"time": _now(), **tally.as_json()}) if self._as_json else tally.line())

    def _write(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar:
    """For a terminal: one bar, rewritten in place, with log lines above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(stderr=True, highlight=False)
        self._progress: Progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[detail]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("starting", total=None, detail="")
        self._progress.start()

    def update(self, tally: Tally) -> None:
        name, _, detail = tally.line().partition(": ")
        self._progress.update(
            self._task,
            description=name,
            total=None if tally.left is None else tally.done + tally.left,
            completed=tally.done,
            detail=detail,
        )

    def log(self, level: str, text: str) -> None:
        self._console.print(text if level == "info" else f"{level}: {text}", markup=False, soft_wrap=True)

    def close(self, tally: Tally) -> None:
        self._progress.stop()
        self._console.print(tally.line(), markup=False, soft_wrap=True)


def choose_display(log_format: str, stream: TextIO | None = None) -> Display:
    """A bar on a terminal, lines elsewhere, JSON lines where asked for."""
    target = stream or sys.stderr
    if log_format == "json":
        return Lines(as_json=True, stream=target)
    return Bar() if target.isatty() else Lines(as_json=False, stream=target)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
