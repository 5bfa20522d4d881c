"""Claims whose answer was lost: the database may have given a worker jobs that the worker never heard of.

Beats would keep them for ever while nobody trains them. They are known by this: they run under the worker, and its
queue has never handed them out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import sqlalchemy as sa

from sensdb.jobs.claiming import running_jobs
from sensdb.jobs.records import Job, Pair

PAIRS_KEPT = 4096
"""Attempts of a worker remembered before those that have ended are sorted out, which costs a look at its jobs."""

LOOKS = 2
"""The server may still be at the lost statement at the first."""


class Unanswered:
    """The claims of one queue whose answers were lost.

    Args:
        read: runs work in a reading transaction.
    """

    def __init__(self, read: Callable[[Callable[[sa.Connection], list[Job]]], list[Job]]) -> None:
        self._read = read
        self._looks = 0
        self.handed_out: defaultdict[str, set[Pair]] = defaultdict(set)

    def note(self, worker_id: str, jobs: list[Job]) -> list[Job]:
        """Remember jobs that are handed out; returns them."""
        pairs = self.handed_out[worker_id]
        pairs.update((job.model_id, job.attempt) for job in jobs)
        if len(pairs) > PAIRS_KEPT:
            running = self._read(lambda connection: running_jobs(connection, worker_id, ()))
            pairs.intersection_update((job.model_id, job.attempt) for job in running)
        return jobs

    def lost(self, worker_id: str) -> list[Job]:
        """Note that the answer to a claim was lost, and look for what it claimed."""
        self._looks = LOOKS
        return self.found(worker_id)

    def found(self, worker_id: str) -> list[Job]:
        """Jobs of a lost claim, if one was lost and is found by now; then they count as handed out.

        As from a claim, all are of one pack_key and of equal losses; those of a second lost claim come with the next
        call.
        """
        if self._looks == 0:
            return []
        known = self.handed_out[worker_id]
        jobs = self._read(lambda connection: running_jobs(connection, worker_id, known))
        alike = [job for job in jobs if (job.pack_key, job.losses) == (jobs[0].pack_key, jobs[0].losses)]
        if len(alike) == len(jobs):
            self._looks = 0 if jobs else self._looks - 1
        return self.note(worker_id, alike)
