"""The heartbeat: renews a worker's leases from a thread and a connection of its own (queue-lessons.md 6)."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping

from sensdb.database.engine import open_engine
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Pair, Queue

log = logging.getLogger(__name__)

RECONNECT_SECONDS = (0.5, 10.0)
BEATS_BEFORE_REAPING = 2
BEATS_BEFORE_RELEASING = 2
ANSWER_SECONDS = 30.0
"""A server that does not answer a beat for so long is frozen: a new connection is tried."""


class Heartbeat(threading.Thread):
    """Renews the leases of everything one worker runs, and carries back what was cancelled or lost.

    One beat every `beat_seconds` +- 10 %, six a lease, so that five may fail. Between beats it reaps the lapsed
    leases of others, but never before two beats of its own have succeeded since it last reconnected: after an
    outage the owners are back first (promise P15).

    The thread holds no model and decides nothing: the loop asks `lost`, `cancelled` and `fenced` between training
    steps.

    Args:
        holds: what this worker holds, results in its spool among it; None while it is claiming. Jobs that two beats
            in a row name and nobody holds are released: the answer to their claim was lost.
    """

    def __init__(
        self,
        database_url: str,
        worker_id: str,
        holds: Callable[[], frozenset[Pair] | None] = lambda: None,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._engine = open_engine(database_url, application_name=worker_id, pool_size=1)
        self._queue = Queue(self._engine, answer_seconds=answer_seconds)
        self._worker_id = worker_id
        self._holds = holds
        self._unheld: dict[Pair, int] = {}
        self._ended = threading.Event()
        self._answer: dict[Pair, bool] = {}
        self._asked_at = float("-inf")
        self._lease_ends_at = float("inf")
        self._good_beats = 0
        self._failed = False
        self._next_reap = 0.0
        self.models_done = 0
        self.model_steps_per_second: float | None = None

    def start(self) -> None:
        """Begin to beat; what is claimed from now on lives by it.

        Raises:
            DatabaseError: the database is away.
        """
        self._lease_ends_at = time.monotonic() + self._queue.settings.lease_seconds
        super().start()

    def run(self) -> None:
        """Beat until `end` is called; no fault ends the thread."""
        pause = 0.0
        backoff = RECONNECT_SECONDS[0]
        while not self._ended.wait(pause):
            try:
                self._beat()
                self._release_unheld()
                self._reap_when_due()
                backoff = RECONNECT_SECONDS[0]
                pause = self._queue.settings.beat_seconds * random.uniform(0.9, 1.1)
            except Exception as error:  # noqa: BLE001  (a worker without a heartbeat would stand still for ever)
                self._good_beats, self._failed = 0, True
                said = error.message if isinstance(error, DatabaseError) else f"{type(error).__name__}: {error}"
                log.warning("heartbeat: %s Trying again in %.1f s.", said, backoff)
                self._engine.dispose()
                pause = backoff * random.uniform(0.5, 1.0)
                backoff = min(2 * backoff, RECONNECT_SECONDS[1])
        self._engine.dispose()

    def end(self) -> None:
        """Stop beating and wait for the thread; a beat in flight is given five seconds."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=5.0)

    @property
    def answered(self) -> bool:
        """Whether the last beat that was tried went through; true before the first."""
        return not self._failed

    @property
    def heard_at(self) -> float:
        """When the last beat that went through was sent, by time.monotonic()."""
        return self._asked_at

    def fenced(self) -> bool:
        """Whether the leases may have ended: no beat went through that was sent less than a lease ago.

        By this host's own steady clock, counted from before the beat was sent, so it is true before the database
        lets another worker have the jobs. Then this worker must neither go on with them nor give anything in, until
        a beat says which are still its own.
        """
        return time.monotonic() > self._lease_ends_at

    def lost(self, held: Mapping[Pair, float]) -> set[Pair]:
        """Those of `held` that are another's by now: claimed before the last beat was sent, not in its answer.

        Args:
            held: (model_id, attempt) -> time.monotonic() after its claim returned.
        """
        answer, asked_at = self._answer, self._asked_at
        return {pair for pair, claimed_at in held.items() if claimed_at < asked_at and pair not in answer}

    def cancelled(self) -> set[Pair]:
        """Jobs of this worker whose cancellation was asked for, as of the last beat."""
        return {pair for pair, cancel_requested in self._answer.items() if cancel_requested}

    def _beat(self) -> None:
        asked_at = time.monotonic()
        rows = self._queue.beat(
            self._worker_id, models_done=self.models_done, model_steps_per_second=self.model_steps_per_second
        )
        self._answer = {(model_id, attempt): cancel for model_id, attempt, cancel, _held in rows}
        self._asked_at = asked_at
        self._lease_ends_at = asked_at + self._queue.settings.lease_seconds
        self._good_beats, self._failed = self._good_beats + 1, False

    def _release_unheld(self) -> None:
        """Give back jobs that this worker runs by the database's word alone; beats would keep them for ever."""
        held = self._holds()
        if held is None:
            self._unheld = {}
            return
        self._unheld = {pair: self._unheld.get(pair, 0) + 1 for pair in self._answer if pair not in held}
        strays = [pair for pair, beats in self._unheld.items() if beats >= BEATS_BEFORE_RELEASING]
        if strays:
            log.warning("released %d jobs whose claim was never answered.", len(self._queue.release(strays)))

    def _reap_when_due(self) -> None:
        if self._good_beats < BEATS_BEFORE_REAPING or time.monotonic() < self._next_reap:
            return
        self._next_reap = time.monotonic() + self._queue.settings.reap_seconds * random.uniform(0.5, 1.5)
        reaped = self._queue.reap()
        if reaped:
            log.warning("took back %d jobs of workers not heard from for a lease.", len(reaped))
