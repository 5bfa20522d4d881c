"""The worker: claim jobs of one pack key, train them as a pack, measure and store them, repeat (design.md 6)."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TypeVar

import torch

from sensdb.database.engine import open_engine, require_revision, schema_revision
from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import DatabaseError, SensdbError
from sensdb.jobs.queue import Job, Pair, Queue, WorkerRecord
from sensdb.jobs.transactions import inspect
from sensdb.results.artifacts import ArtifactStore
from sensdb.results.spool import Spool, spool_folder
from sensdb.results.writer import Result
from sensdb.training.packing import device_class
from sensdb.worker.checkpoints import Checkpoints, checkpoint_folder
from sensdb.worker.claims import Claims
from sensdb.worker.data import LoadedData
from sensdb.worker.entry import Reporter
from sensdb.worker.finishing import SECONDS_AFTER_STOP, WORKER_FAULTS, Finishing
from sensdb.worker.heartbeat import Heartbeat
from sensdb.worker.identity import boot_id, new_worker_id, process_is_alive, versions
from sensdb.worker.options import Allowance, WorkerOptions
from sensdb.worker.pack import PackRun
from sensdb.worker.progress import PackProgress, ProcessProgress
from sensdb.worker.remeasure import MeasureRun
from sensdb.worker.storing import Storing

log = logging.getLogger(__name__)

LONGEST_PAUSE = 15.0
"""Of an idle worker between two looks at the queue, in first pauses."""

SECONDS_BEFORE_LEAVING = 0.2
RETRY_SECONDS = (0.5, 10.0)
SECONDS_FOR_FINISHING = SECONDS_AFTER_STOP + 2.0

T = TypeVar("T")


def pauses_when_idle(first: float, draw: Callable[[float, float], float] = random.uniform) -> Iterator[float]:
    """Seconds between the looks of a worker that finds nothing: doubled up to LONGEST_PAUSE.

    Each is drawn from half to one and a half of it, the longest too, or workers that were started together would ask
    together for ever.
    """
    pause = first
    while True:
        yield pause * draw(0.5, 1.5)
        pause = min(2 * pause, LONGEST_PAUSE * first)


def pause_at_start(poll: float, draw: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds before the first claim, up to a quarter of a poll: an array of workers does not claim in one moment."""
    return draw(0.0, poll / 4)


class StopNow(BaseException):
    """The second SIGTERM: release everything held and leave, whatever is going on."""


class Worker:
    """One worker process on one device.

    Faults of this worker (a missing data set, memory, a full disk) release the jobs uncharged and put their pack key
    on the skip list; what would fail anywhere charges the job. The database may be away for minutes: training goes
    on, and calls are repeated until it answers or the worker is told to stop.
    """

    def __init__(self, options: WorkerOptions, allowance: Allowance, reporter: Reporter) -> None:
        self.options = options
        self.device = torch.device(options.device)
        self._reporter = reporter
        self._stop = threading.Event()
        self._deadline = None if options.until_seconds is None else time.monotonic() + options.until_seconds
        self.worker_id = new_worker_id()
        self.queue = Queue(open_engine(options.database_url, application_name=self.worker_id, pool_size=1))
        self.claims = Claims(self.queue, self.worker_id, options, allowance, self.insist)
        self.heartbeat = Heartbeat(
            options.database_url, self.worker_id, lambda: self.claims.holds(frozenset(self.spool.waiting))
        )
        self.data = LoadedData(self.queue, options.data_paths, self.device)
        self.device_class = device_class(self.device)
        # Once `run` has asked the database for its identity:
        self.artifacts: ArtifactStore
        self.spool: Spool
        self.storing: Storing
        self.finishing = Finishing(self, aside=options.measure_aside)
        self.checkpoints: Checkpoints
        self.slots_at_most: dict[str, int] = {}
        """By pack key, once the memory of this device was too small for more."""
        self._at_once = False
        self.quiet = True
        """After `run`: whether no thread of this worker still computes, so that the process can end as usual."""
        self._progress = ProcessProgress()
        self._reported = 0.0
        self._parent = os.getppid()
        self._started = time.monotonic()

    def run(self) -> int:
        """Work until told to stop, until nothing is left (drain), or until the time or the number of models is up.

        Returns:
            The exit code: 0, or 1 if faults of this worker kept it from all that was left.
        """
        torch.set_num_threads(1)
        # Changes bits, so it may not depend on the machine (training-engine.md 3.2).
        torch.set_flush_denormal(True)
        signal.signal(signal.SIGTERM, self._signalled)
        # The database may be away just now, for a process that replaces one that was killed too.
        found = self.insist(lambda: (inspect(self.queue.engine, schema_revision), self.queue.identity))
        if found is None:
            return 0  # told to stop before it answered
        require_revision(self.queue.engine.url, found[0])
        if self.insist(lambda: self.queue.settings) is None:  # kept: later uses of them ask nothing
            return 0
        self.artifacts = ArtifactStore(self.options.artifacts_url, self.queue.identity)
        self.spool = Spool(spool_folder(self.options.cache_path, self.queue.identity), self.worker_id)
        # With a connection of its own: it stores while this thread claims.
        engine = open_engine(self.options.database_url, application_name=self.worker_id, pool_size=1)
        self.storing = Storing(Queue(engine), self.spool, self.heartbeat)
        checkpoints = checkpoint_folder(self.options.cache_path, self.queue.identity)
        self.checkpoints = Checkpoints(checkpoints, self.device, self.options.checkpoint_seconds)
        if (sweep := self.options.sweep) is not None:
            self.claims.sweep_id = self.insist(lambda: self.queue.sweep_id(sweep))
            if self.claims.sweep_id is None:
                return 0
        self.insist(lambda: self.queue.register_worker(self._record()))
        # Before the attempts they belong to are taken back.
        self.storing.take_in(now=True)
        self.insist(lambda: self.queue.reap_dead_processes(boot_id(), process_is_alive))
        self.insist(self.heartbeat.start)
        try:
            return self._serve() if self.options.model_id is None else self._serve_one(self.options.model_id)
        except StopNow:
            self._at_once = True
            return 0
        finally:
            self._leave()

    def stopping(self) -> bool:
        """Whether to claim no more and to release what is not finished."""
        if self._deadline is not None and time.monotonic() >= self._deadline:
            return True
        # An orphan must not go on unseen after its parent was killed.
        return self._stop.is_set() or self._reporter.orphaned or os.getppid() != self._parent

    def insist(self, call: Callable[[], T]) -> T | None:
        """Call the database until it answers; None once the worker is stopping and it still does not."""
        pause = RETRY_SECONDS[0]
        while True:
            try:
                return call()
            except DatabaseError as error:
                if self.stopping():
                    return None
                log.warning("%s Trying again in %.1f s.", error.message, pause)
                self._stop.wait(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, RETRY_SECONDS[1])

    def release(self, jobs: Sequence[Job]) -> None:
        """Give jobs back uncharged; a cancelled one ends cancelled by it."""
        pairs = [(job.model_id, job.attempt) for job in jobs]
        if pairs:
            self.insist(lambda: self.queue.release(pairs))
        self.claims.drop(pairs, unused=True)

    def fail(self, jobs: Sequence[Job], error: BaseException, *, permanent: bool = False) -> None:
        """End attempts in an exception, with the traceback on the attempt's row."""
        pairs = [(job.model_id, job.attempt) for job in jobs]
        text = "".join(traceback.format_exception(error))
        kind, message = type(error).__name__, str(error) or type(error).__name__
        self.insist(lambda: self.queue.fail(pairs, kind, message, text, permanent=permanent))
        log.warning("%d attempts failed: %s: %s", len(pairs), kind, message)
        for job in jobs:
            if isinstance(job.spec, TrainingSpec):
                # Its checkpoint may be what fails.
                self.checkpoints.forget(job, job.spec)
        self.claims.drop(pairs)
        self._report(failed=self._progress.failed + len(pairs))

    def finish(self, results: Sequence[Result]) -> None:
        """Store results; those whose attempt is no longer this worker's are refused by the fence and only logged."""
        self.note_stored(results, self.give_in(results))

    def give_in(self, results: Sequence[Result]) -> list[Pair] | None:
        """Store or spool results, from any thread; the attempts stored, None where the worker is stopping instead."""
        return self.insist(lambda: self.storing.give_in(results))

    def note_stored(self, results: Sequence[Result], accepted: list[Pair] | None) -> None:
        """Take in what `give_in` returned of these results: they are held no longer."""
        pairs = [(result.model_id, result.attempt) for result in results]
        spooled = self.spool.waiting.intersection(pairs)
        self.claims.drop(pairs)
        if accepted is None:
            log.warning("%d results were not stored: the database did not answer before the stop.", len(pairs))
            return
        refused = len(pairs) - len(accepted) - len(spooled.difference(accepted))
        if refused:
            log.warning("%d late results were refused: their attempts had ended.", refused)
        self._report(done=self._progress.done + len(accepted))

    def cannot_do(self, pack_key: str, error: Exception) -> None:
        """Claim jobs of this pack key no more, for a fault of this worker; those it holds are to be released."""
        self.claims.skip.add(pack_key)
        message, hint = (error.message, error.hint) if isinstance(error, SensdbError) else (str(error), None)
        log.error("%s%s Its jobs are released.", message, f" {hint}" if hint else "")

    def progress(self, model_steps: int, pack: PackProgress | None) -> None:
        """Note steps done and the state of the pack; reported twice a second at most."""
        self._progress = ProcessProgress(
            self._progress.done, self._progress.failed, self._progress.model_steps + model_steps, pack
        )
        if time.monotonic() - self._reported > 0.5:
            self._report()

    def obey(self) -> tuple[set[Pair], set[Pair]]:
        """What the last beat said of the jobs held here: (lost to another, cancellation asked for).

        Waits while the leases may have ended: nothing is trained further until a beat says what is still this
        worker's, and a long outage costs nothing else.
        """
        if self.heartbeat.fenced():
            log.warning("no beat was answered for a lease; training waits for one.")
            while self.heartbeat.fenced() and not self.stopping():
                self._stop.wait(RETRY_SECONDS[0])
        self._take_in()
        held = {pair: at for pair, at in self.claims.held.items() if pair not in self.finishing.in_hand}
        lost = self.heartbeat.lost(held)
        return lost, (self.heartbeat.cancelled() & held.keys()) - lost

    def forget(self, pairs: set[Pair]) -> None:
        """Drop jobs that are another's by now."""
        log.warning("%d jobs were taken by others after their leases lapsed; dropped.", len(pairs))
        self.claims.drop(pairs)

    def _serve(self) -> int:
        pauses = pauses_when_idle(self.queue.settings.poll_seconds)
        self._stop.wait(pause_at_start(self.queue.settings.poll_seconds))
        nothing_left = 0
        sweep_id, skip = self.claims.sweep_id, self.claims.skip
        while not self.stopping():
            self._take_in()
            jobs = self.claims.first()
            if not jobs:
                # Their faults count for what is said below, and room that they give back may be claimed again.
                had_some = bool(self.finishing.in_hand)
                self.finishing.settle(at_most=0)
                if had_some:
                    continue
            if jobs is None:
                return 0
            if jobs:
                pauses, nothing_left = pauses_when_idle(self.queue.settings.poll_seconds), 0
                self._work(jobs)
                continue
            # Twice, a poll apart: rows may have been locked just then by another's claim (queue-lessons.md 3.2).
            nothing_left = 0 if self.insist(lambda: self.queue.busy(sweep_id, skip)) else nothing_left + 1
            if nothing_left >= 2:
                skipped = self.insist(lambda: self.queue.busy(sweep_id))
                if skipped:
                    log.error("left with work that this worker cannot do: %s", ", ".join(sorted(skip)))
                    return 1
                if self.options.drain:
                    return 0
            self._report()
            # Of processes of this host that were killed since: their leases need not be waited for.
            self.insist(lambda: self.queue.reap_dead_processes(boot_id(), process_is_alive))
            leaving = nothing_left and self.options.drain
            self._stop.wait(min(next(pauses), SECONDS_BEFORE_LEAVING if leaving else math.inf))
        return 0

    def _serve_one(self, model_id: int) -> int:
        """Claim this model and work on it; nothing happens if another worker was first, or it is held."""
        jobs = self.claims.of_model(model_id)
        if jobs:
            self._work(jobs)
            self.finishing.settle(at_most=0)
        return 1 if self.claims.skip else 0

    def _take_in(self) -> None:
        stored = self.storing.take_in()
        if stored:
            self._report(done=self._progress.done + len(stored))

    def _work(self, jobs: list[Job]) -> None:
        """Work on jobs of one pack key, hence of one kind, and on what the pack claims beside them."""
        run: PackRun | MeasureRun | None = None
        try:
            run = MeasureRun(self, jobs) if jobs[0].kind == "measure" else PackRun(self, jobs)
            run.work()
        except WORKER_FAULTS as error:
            self.cannot_do(jobs[0].pack_key, error)
        except DatabaseError as error:
            # Of the first look at a data set, which is not repeated; the jobs come back with the database.
            log.error("%s The jobs of this pack are released.", error.message)
        except SensdbError as error:
            self.fail(self._all_held(jobs, run), error, permanent=True)
        except Exception as error:  # noqa: BLE001  (the one place: an exception ends an attempt, not the worker)
            self.fail(self.claims.still_held(jobs if run is None else run.running()), error)
        finally:
            self.release(self._all_held(jobs, run))
            self._report(pack=None)

    def _all_held(self, jobs: Sequence[Job], run: PackRun | MeasureRun | None) -> list[Job]:
        held = self.claims.still_held(jobs if run is None else run.jobs)
        return [job for job in held if (job.model_id, job.attempt) not in self.finishing.in_hand]

    def _report(self, **changes: object) -> None:
        fields = {**self._progress.__dict__, **changes}
        self._progress = ProcessProgress(**fields)
        self._reported = time.monotonic()
        self.heartbeat.models_done = self._progress.done
        self.heartbeat.model_steps_per_second = self._progress.model_steps / max(self._reported - self._started, 1e-9)
        self._reporter.progress(self._progress)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            raise StopNow
        self._stop.set()

    def _leave(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._stop.set()
        self.quiet = self.finishing.close(0.0 if self._at_once else SECONDS_FOR_FINISHING)
        if self.claims.held:
            held = list(self.claims.held)
            self.insist(lambda: self.queue.release(held))
        self.storing.close()
        self.storing.queue.engine.dispose()
        self.heartbeat.end()
        self.insist(lambda: self.queue.stop_worker(self.worker_id, models_done=self._progress.done))
        self.queue.engine.dispose()

    def _record(self) -> WorkerRecord:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device_class
        return WorkerRecord(
            worker_id=self.worker_id,
            host=socket.gethostname(),
            boot_id=boot_id(),
            pid=os.getpid(),
            device=str(self.device),
            device_name=name,
            device_class=self.device_class,
            versions=json.dumps(versions(), sort_keys=True),
        )
