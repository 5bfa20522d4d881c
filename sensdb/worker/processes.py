"""One worker process a core (or a GPU): starts them, shows what they do, passes signals on, replaces the killed.

Measured on two cores: two processes of one thread each always beat one process of two threads, which falls to a
hundredth when anything else runs (training-engine.md 0.1).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from sensdb.database.engine import open_engine, require_schema
from sensdb.errors import DatabaseError, NothingMatched, QueueError, UsageError
from sensdb.jobs.queue import Queue
from sensdb.worker.entry import work_in_process
from sensdb.worker.identity import boot_id, usable_cores
from sensdb.worker.options import Allowance, WorkerOptions
from sensdb.worker.progress import Display, LogLine, ProcessProgress, Tally

SECONDS_BETWEEN_COUNTS = 2.0
REPLACEMENTS_AT_MOST = 20


def devices(choice: str, processes: int | None) -> list[str]:
    """The devices `sensdb worker --device CHOICE` runs one process each on.

    Args:
        choice: auto (every GPU, else the CPU), cpu, cuda:N or all (every GPU).
        processes: how many on the CPU; None for one a usable core.

    Raises:
        UsageError: an unknown choice, or a GPU that is not there.
    """
    on_cpu = ["cpu"] * (processes or usable_cores())
    if choice == "cpu":
        return on_cpu
    # Importing torch costs over a second: not where no driver is loaded.
    n_gpus = _n_gpus() if Path("/proc/driver/nvidia").exists() or choice != "auto" else 0
    gpus = [f"cuda:{index}" for index in range(n_gpus)]
    if choice == "auto":
        return gpus or on_cpu
    if choice == "all" and gpus:
        return gpus
    if choice in gpus:
        return [choice]
    if choice == "all" or choice.startswith("cuda:"):
        raise UsageError(
            f"--device {choice}: torch finds {n_gpus} GPUs here.", "--device cpu uses all cores; see sensdb doctor."
        )
    raise UsageError(f"--device: '{choice}' is none of auto, cpu, cuda:N, all.", "for example --device cuda:0")


def require_kernels(kind: str, places: Sequence[str]) -> None:
    """Refuse `sensdb worker --resident` or `--fused` where no such steps can be taken.

    Args:
        kind: resident or fused.

    Raises:
        UsageError: some of it would run on the CPU, or triton is not installed.
    """
    if "cpu" in places:
        raise UsageError(f"--{kind}: only GPUs have {kind} steps, not the CPU.", f"leave --{kind} out.")
    if find_spec("triton") is None:
        raise UsageError(f"--{kind} needs triton, which is not installed.", "pip install triton")


def _n_gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@dataclass
class _Child:
    number: int
    options: WorkerOptions
    process: BaseProcess
    messages: Connection


class _Signals:
    """Counts SIGTERM and SIGINT while the processes run, so that each is passed on once."""

    def __init__(self) -> None:
        self.count = 0
        self.interrupted = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.interrupted = self.interrupted or number == signal.SIGINT

    @contextmanager
    def counted(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def run_processes(options: WorkerOptions, on_devices: list[str], display: Display) -> tuple[int, Tally]:
    """Run one worker process a device until all have left; the body of `sensdb worker`.

    SIGTERM and SIGINT are passed on: the processes release what is not finished and leave. A process that was
    killed (out of memory, say) is replaced, and its jobs are taken back at once.

    Returns:
        The exit code (0 done; 1 if a process could do none of the work; 130 after Ctrl-C), and the tally.

    Raises:
        DatabaseError: no schema, or an older or newer one; nothing was started.
        QueueError: no sweep of that name.
    """
    engine = open_engine(options.database_url, application_name="sensdb worker", pool_size=1)
    try:
        require_schema(engine)
        return _Crew(Queue(engine), options, on_devices, display).run()
    finally:
        engine.dispose()


class _Crew:
    """The processes of one `sensdb worker`."""

    def __init__(self, queue: Queue, options: WorkerOptions, on_devices: list[str], display: Display) -> None:
        self._queue = queue
        self._display = display
        self._sweep_id = None if options.sweep is None else _sweep_id(queue, options.sweep)
        self._allowance = Allowance(options.max_models)
        # Two threads on one core gain nothing; a GPU takes kernels of both.
        a_core_is_free = usable_cores() > len(on_devices)
        self._options = [
            replace(options, device=device, measure_aside=a_core_is_free or device != "cpu") for device in on_devices
        ]
        self._running: dict[int, _Child] = {}
        self._n_started = 0
        self._signals = _Signals()
        self._tally = Tally(device=", ".join(dict.fromkeys(on_devices)), processes=len(on_devices))
        self._next_count = 0.0

    def run(self) -> tuple[int, Tally]:
        # Threads are set before torch is first imported in a child: later settings do not reach MKL.
        os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        # cuBLAS gives equal bits only from a workspace of one size, whatever other streams do (training-engine.md 4).
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        code = 0
        passed_on = 0
        with self._signals.counted():
            for options in self._options:
                self._start(options)
            while self._running:
                for child in self._receive():
                    code = max(code, self._ended(child))
                if self._signals.count > passed_on:
                    passed_on = self._signals.count
                    self._pass_on_the_signal()
                if time.monotonic() >= self._next_count:
                    self._count_unfinished()
                self._display.update(self._tally)
            self._count_unfinished()
        self._display.close(self._tally)
        return (130 if self._signals.interrupted else code), self._tally

    def _start(self, options: WorkerOptions) -> None:
        context = multiprocessing.get_context("spawn")
        messages, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=work_in_process, args=(options, self._allowance, theirs), name=f"sensdb-worker-{self._n_started}"
        )
        # Ctrl-C reaches the whole group; a process that is still starting would print a traceback. It inherits the
        # blocked signal. The tracker is started before, for starting it unblocks the signal.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._running[self._n_started] = _Child(self._n_started, options, process, messages)
        self._n_started += 1

    def _receive(self) -> list[_Child]:
        """Take in what the processes sent, waiting at most a fifth of a second; those that ended are returned."""
        ended = []
        by_connection = {child.messages: child for child in self._running.values()}
        for ready in wait(list(by_connection), timeout=0.2):
            assert isinstance(ready, Connection)
            child = by_connection[ready]
            try:
                message = ready.recv()
            except (EOFError, OSError):
                ended.append(child)
                continue
            if isinstance(message, ProcessProgress):
                self._tally.parts[child.number] = message
            elif isinstance(message, LogLine):
                self._display.log(message.level, message.text)
        return ended

    def _ended(self, child: _Child) -> int:
        """Note that a process is gone, replace it if it was killed; its share of the exit code."""
        child.process.join()
        child.messages.close()
        del self._running[child.number]
        self._tally.parts[child.number] = replace(self._tally.parts.get(child.number, ProcessProgress()), pack=None)
        code = child.process.exitcode or 0
        if code >= 0:
            return min(code, 1)
        if self._signals.count and -code == signal.SIGTERM:
            return 0  # our own signal, passed on before the process could listen: it had claimed nothing
        killed = f"worker process {child.process.pid} was killed by signal {-code}"
        if self._signals.count or self._n_started >= len(self._options) + REPLACEMENTS_AT_MOST:
            self._display.log("error", f"{killed}.")
            return 1
        self._display.log("warning", f"{killed}; replaced.")
        try:
            self._queue.reap_dead_processes(
                boot_id(), lambda pid: pid != child.process.pid, how=f"its process was killed by signal {-code}"
            )
        except DatabaseError as error:
            self._display.log("warning", f"{error.message} Its jobs come back when their leases end.")
        self._start(child.options)
        return 0

    def _pass_on_the_signal(self) -> None:
        for child in self._running.values():
            if child.process.is_alive() and child.process.pid is not None:
                os.kill(child.process.pid, signal.SIGTERM)

    def _count_unfinished(self) -> None:
        """Ask how much is left; the last known count stands while the database is away."""
        self._next_count = time.monotonic() + SECONDS_BETWEEN_COUNTS
        try:
            self._tally.count(self._queue.count_unfinished(self._sweep_id))
        except DatabaseError as error:
            self._display.log("warning", error.message)


def _sweep_id(queue: Queue, name: str) -> int:
    """The sweep's key; a wrong name is a request that could not be met (exit code 1), not an empty filter (3)."""
    try:
        return queue.sweep_id(name)
    except NothingMatched as error:
        raise QueueError(error.message, error.hint) from None
