"""What goes into the queue and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import Spec

Pair = tuple[int, int]
"""(model_id, attempt): what a worker owns, and the fence of all it writes."""


@dataclass(frozen=True)
class QueueSettings:
    """The one row of `queue_settings`: what all workers must agree on. Times in seconds."""

    lease_seconds: float
    beat_seconds: float
    reap_seconds: float
    poll_seconds: float
    exception_budget: int
    loss_budget: int


@dataclass(frozen=True)
class SweepRecord:
    """The sweep that specs are enqueued under; `definition` is its file's text, `priority` higher first."""

    name: str
    description: str | None
    priority: int
    definition: str
    definition_sha256: str


@dataclass(frozen=True)
class WorkerRecord:
    """A worker process at its start; columns of table `workers`, `versions` as JSON."""

    worker_id: str
    host: str
    boot_id: str | None
    pid: int
    device: str
    device_name: str | None
    device_class: str
    versions: str


@dataclass(frozen=True)
class Job:
    """One attempt a worker has claimed; all jobs of one claim have one pack_key, kind (train or measure) and losses."""

    model_id: int
    attempt: int
    kind: str
    pack_key: str
    spec: Spec
    measure: MeasureSettings
    losses: int


class Beat(NamedTuple):
    """What a beat says of one running job; what a worker holds and no beat names is another's by now."""

    model_id: int
    attempt: int
    cancel_requested: bool
    held: bool


class Reaped(NamedTuple):
    """A job taken back from a worker that was lost, and the state it came to."""

    model_id: int
    attempt: int
    state: str


@dataclass(frozen=True)
class Enqueued:
    """What enqueuing specs did, or would do (`Queue.preview`); counts of different specs.

    n_specs: all of them, = n_new + n_queued_already + n_done_already + n_dead + n_cancelled.
    n_new: had no model; n_held of them wait until the paused sweep is resumed. n_queued_already: queued or running.
    n_measured_again: done, but asked to measure more, and queued for it because their weights are kept; counted in
        n_done_already. n_without_weights: done and asked to measure more, but no weights are kept.
    n_running_with_less: running, with less to measure than is asked for now; enqueue again once they are done.
    n_joined: had a model, and belong to this sweep only from now on.
    n_earlier: models of earlier texts of this sweep, not among these specs; they remain.
    """

    n_specs: int = 0
    n_new: int = 0
    n_held: int = 0
    n_queued_already: int = 0
    n_done_already: int = 0
    n_dead: int = 0
    n_cancelled: int = 0
    n_measured_again: int = 0
    n_without_weights: int = 0
    n_running_with_less: int = 0
    n_joined: int = 0
    n_earlier: int = 0

    def __add__(self, other: Enqueued) -> Enqueued:
        return Enqueued(**{name: count + getattr(other, name) for name, count in self.__dict__.items()})


@dataclass(frozen=True)
class Cancelled:
    """What a cancel did.

    n_cancelled: were queued and have ended. n_requested: are running; their workers hear of it with the next beat.
    n_shared: left alone, because another sweep that is not paused wants them too.
    """

    n_cancelled: int
    n_requested: int
    n_shared: int


@dataclass(frozen=True)
class Remeasured:
    """What `measure` did: models queued for measuring again, and done models that have no stored weights."""

    n_queued: int
    n_without_weights: int
