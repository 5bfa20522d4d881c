"""The jobs one worker holds, and how it comes to more of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from sensdb.jobs.queue import Job, Pair, Queue
from sensdb.worker.options import Allowance, WorkerOptions

FIRST_CLAIM = 16
"""Jobs claimed before their pack key, and so the number of slots, is known; a model of a large network has few."""

LARGEST_CLAIM = 128
SECONDS_BETWEEN_EMPTY_CLAIMS = (1.0, 15.0)

T = TypeVar("T")


class Insist(Protocol):
    """Calls the database until it answers."""

    def __call__(self, call: Callable[[], T]) -> T | None:
        """The answer; None where the worker is stopping."""


class Claims:
    """Claims jobs for one worker, no more than its even share of what is left, and knows which it holds.

    The share is counted over the workers alive, so that a small queue is not one worker's while the others idle.
    """

    def __init__(
        self,
        queue: Queue,
        worker_id: str,
        options: WorkerOptions,
        allowance: Allowance,
        insist: Insist,
    ) -> None:
        self._queue = queue
        self._worker_id = worker_id
        self._bound = options.pack_size or LARGEST_CLAIM
        self._allowance = allowance
        self._insist = insist
        self._claiming = False
        self._ask_again = 0.0
        self._pause = SECONDS_BETWEEN_EMPTY_CLAIMS[0]
        self.sweep_id: int | None = None
        self.held: dict[Pair, float] = {}
        """(model_id, attempt) -> time.monotonic() after its claim returned."""
        self.skip: set[str] = set()
        """Pack keys this worker cannot train."""

    def first(self) -> list[Job] | None:
        """A first lot of whatever comes first in the queue; None where no more models are allowed."""
        share = self._share(self._bound)
        # Asked for even where nothing is there: None tells that no more are allowed.
        wanted = self._allowance.take(max(1, min(FIRST_CLAIM, self._bound, share)))
        if wanted == 0:
            return None
        if share == 0:
            self._allowance.give_back(wanted)
            return []
        self._pause, self._ask_again = SECONDS_BETWEEN_EMPTY_CLAIMS[0], 0.0
        return self._claim(
            wanted, lambda: self._queue.claim(self._worker_id, wanted, skip=self.skip, sweep_id=self.sweep_id)
        )

    def more(self, pack_key: str, wanted: int, in_hand: int) -> list[Job]:
        """Up to `wanted` more for a running pack; none where others come first, or just now there were none.

        Args:
            in_hand: jobs that the pack has yet to train; its share counts these, not those that are being stored.
        """
        if time.monotonic() < self._ask_again:
            return []
        wanted = min(wanted, self._bound, self._share(in_hand + wanted) - in_hand)
        taken = self._allowance.take(wanted) if wanted > 0 else 0
        jobs: list[Job] = []
        if taken > 0:
            jobs = self._claim(
                taken,
                lambda: self._queue.claim(
                    self._worker_id, taken, skip=self.skip, sweep_id=self.sweep_id, pack_key=pack_key
                ),
            )
        if jobs:
            self._pause = SECONDS_BETWEEN_EMPTY_CLAIMS[0]
        else:
            self._ask_again = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, SECONDS_BETWEEN_EMPTY_CLAIMS[1])
        return jobs

    def of_model(self, model_id: int) -> list[Job]:
        """The job of this model; none where another worker was first, or it is held."""
        return self._claim(1, lambda: self._queue.claim(self._worker_id, 1, model_id=model_id), counted=False)

    def still_held(self, jobs: Iterable[Job]) -> list[Job]:
        """Those of the jobs that have not ended here."""
        return [job for job in jobs if (job.model_id, job.attempt) in self.held]

    def drop(self, pairs: Iterable[Pair], *, unused: bool = False) -> None:
        """Hold these no longer; `unused` where nothing came of them, so that other models may be claimed instead."""
        dropped = [pair for pair in pairs if self.held.pop(pair, None) is not None]
        if unused:
            self._allowance.give_back(len(dropped))

    def holds(self, spooled: frozenset[Pair]) -> frozenset[Pair] | None:
        """What this worker holds, as its heartbeat asks; None while it is claiming."""
        # The list is made in one step of the interpreter, whatever the other thread does to the dictionary.
        return None if self._claiming else spooled.union(list(self.held))

    def _share(self, at_most: int) -> int:
        return self._insist(lambda: self._queue.fair_share(self.sweep_id, at_most=at_most)) or 0

    def _claim(self, taken: int, claim: Callable[[], list[Job]], *, counted: bool = True) -> list[Job]:
        self._claiming = True
        try:
            jobs: Sequence[Job] = self._insist(claim) or []
            claimed_at = time.monotonic()
            self.held.update({(job.model_id, job.attempt): claimed_at for job in jobs})
        finally:
            self._claiming = False
        if counted:
            self._allowance.give_back(taken - len(jobs))
        return list(jobs)
