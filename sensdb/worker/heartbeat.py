"""The heartbeat: renews a worker's leases from a thread and a connection of its own (queue-lessons.md 6)."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping

from sensdb.database.engine import open_engine
from sensdb.errors import DatabaseError
from sensdb.jobs.queue import Pair, Queue

log = logging.getLogger(__name__)

RECONNECT_SECONDS = (0.5, 10.0)
BEATS_BEFORE_REAPING = 2


class Heartbeat(threading.Thread):
    """Renews the leases of everything one worker runs, and carries back what was cancelled or lost.

    One beat every `beat_seconds` +- 10 %, six a lease, so that five may fail. Between beats it reaps the lapsed
    leases of others, but never before two beats of its own have succeeded since it last reconnected: after an
    outage the owners are back first (promise P15).

    The thread holds no model and decides nothing: the loop asks `lost` and `cancelled` between training steps.
    """

    def __init__(self, database_url: str, worker_id: str) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._engine = open_engine(database_url, application_name=worker_id, pool_size=1)
        self._queue = Queue(self._engine)
        self._worker_id = worker_id
        self._ended = threading.Event()
        self._answer: dict[Pair, bool] = {}
        self._asked_at = float("-inf")
        self._good_beats = 0
        self._next_reap = 0.0
        self.models_done = 0
        self.model_steps_per_second: float | None = None

    def run(self) -> None:
        """Beat until `end` is called; no fault of the database ends the thread."""
        pause = 0.0
        backoff = RECONNECT_SECONDS[0]
        while not self._ended.wait(pause):
            try:
                self._beat()
                self._reap_when_due()
                backoff = RECONNECT_SECONDS[0]
                pause = self._queue.settings.beat_seconds * random.uniform(0.9, 1.1)
            except DatabaseError as error:
                self._good_beats = 0
                log.warning("heartbeat: %s Trying again in %.1f s.", error.message, backoff)
                self._engine.dispose()
                pause = backoff * random.uniform(0.5, 1.0)
                backoff = min(2 * backoff, RECONNECT_SECONDS[1])
        self._engine.dispose()

    def end(self) -> None:
        """Stop beating and wait for the thread; a beat in flight is given five seconds."""
        self._ended.set()
        if self.is_alive():
            self.join(timeout=5.0)

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
        self._good_beats += 1

    def _reap_when_due(self) -> None:
        if self._good_beats < BEATS_BEFORE_REAPING or time.monotonic() < self._next_reap:
            return
        self._next_reap = time.monotonic() + self._queue.settings.reap_seconds * random.uniform(0.5, 1.5)
        reaped = self._queue.reap()
        if reaped:
            log.warning("took back %d jobs of workers not heard from for a lease.", len(reaped))
