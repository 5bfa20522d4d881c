"""How a worker gives its results in: stored, or kept on disk while the database does not take them (P15, P16)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from sensdb.errors import DatabaseError, WorkerFault
from sensdb.jobs.queue import Pair, Queue
from sensdb.results.spool import Spool
from sensdb.results.writer import Result, store
from sensdb.worker.heartbeat import Heartbeat

log = logging.getLogger(__name__)

SECONDS_BETWEEN_TRIES = 60.0
SECONDS_FOR_THE_OTHER = 5.0


class Storing:
    """Gives the results of one worker in.

    Stored first and spooled on failure; spooled first where the last beat failed or the leases may have ended, for
    then nobody knows whose the attempts are. What was spooled is tried again with the first beat that goes through,
    once a minute otherwise, and at the start of the next worker on this host.
    """

    def __init__(self, queue: Queue, spool: Spool, heartbeat: Heartbeat) -> None:
        self.queue = queue
        self._spool = spool
        self._heartbeat = heartbeat
        self._tried_at = float("-inf")
        self._one = threading.Lock()  # one thread gives in while another may take in

    def give_in(self, results: Sequence[Result]) -> list[Pair]:
        """Store results, or spool them; the attempts whose results are stored.

        Of the others some are spooled (`Spool.waiting`), the rest were refused by the fence.

        Raises:
            DatabaseError: neither could be done; the same call may be repeated, and no more should be claimed until
                it goes through.
        """
        with self._one:
            why = "the leases may have ended" if self._heartbeat.fenced() else "the last beat was not answered"
            if self._heartbeat.answered and not self._heartbeat.fenced():
                try:
                    return store(self.queue, results)
                except DatabaseError as error:
                    why = error.message
            try:
                for result in results:
                    self._spool.put(result)
            except WorkerFault as fault:
                raise DatabaseError(f"results can be neither stored ({why}) nor spooled: {fault.message}") from fault
            self._tried_at = time.monotonic()
            log.warning("%d results wait in the spool of this host: %s", len(results), why)
            return []

    def take_in(self, *, now: bool = False) -> list[Pair]:
        """Store spooled results if it is time to try again; the attempts whose results are stored.

        Args:
            now: whether it is time or not.
        """
        # Training does not wait for a transaction of the other thread.
        if (not now and not self._due()) or not self._one.acquire(timeout=SECONDS_FOR_THE_OTHER if now else 0.0):
            return []
        try:
            self._tried_at = time.monotonic()
            taken = self._spool.take_in(self.queue)
        except DatabaseError as error:
            log.warning("spooled results cannot be stored yet: %s", error.message)
            return []
        finally:
            self._one.release()
        if taken.stored:
            log.info("stored %d spooled results.", len(taken.stored))
        return taken.stored

    def close(self) -> None:
        """Try a last time, and leave what still waits to the next worker on this host."""
        if self._spool.waiting:
            self.take_in(now=True)
        self._spool.close()

    def _due(self) -> bool:
        if self._heartbeat.fenced():
            return False
        heard = bool(self._spool.waiting) and self._heartbeat.heard_at > self._tried_at
        return heard or time.monotonic() - self._tried_at > SECONDS_BETWEEN_TRIES
