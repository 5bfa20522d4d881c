"""Runs of steps that are recorded once and repeated by one call: on a GPU as CUDA graphs.

A step of a small net is some thirty kernels of a few microseconds, and to launch one takes as long; recorded, a run of
steps is one launch (training-engine.md 2). All that a step reads and writes lies at fixed places (window.py,
propagation.py), so a record stays good whatever models the pack holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

Record = Callable[[Callable[[], None]], Callable[[], object]]
"""Takes a call, without effect; what it returns does what the call would have done, as often as it is called."""


class RecordedSteps:
    """The steps of a window in runs of 1, 2, 4, ... steps, each recorded when it is first needed.

    A run begins at a multiple of its length, so a window of 64 steps has 127 runs of 448 steps together.

    Args:
        step: runs the step at a position of the window.
        record: how a run is recorded.
    """

    def __init__(self, step: Callable[[int], None], record: Record) -> None:
        self._step, self._record = step, record
        self._runs: dict[tuple[int, int], Callable[[], object]] = {}

    def advance(self, first: int, last: int) -> int:
        """Run the longest run that begins at `first` and ends at `last` or before; its number of steps."""
        length = run_length(first, last)
        repeat = self._runs.get((first, length))
        if repeat is None:
            repeat = self._runs[first, length] = self._record(partial(self._steps, first, length))
        repeat()
        return length

    def _steps(self, first: int, length: int) -> None:
        for position in range(first, first + length):
            self._step(position)


def run_length(first: int, last: int) -> int:
    """The greatest power of two that divides `first` and is at most last - first.

    >>> [run_length(0, 64), run_length(0, 63), run_length(48, 64), run_length(50, 64)]
    [64, 32, 16, 2]
    """
    longest = 1 << ((last - first).bit_length() - 1)
    return min(first & -first, longest) if first else longest


def record_on(device: torch.device) -> Record | None:
    """How steps are recorded on a device; None on the host, where a call costs less than what it does."""
    if device.type != "cuda":
        return None
    pool = torch.cuda.graph_pool_handle()  # graphs that are never repeated at once may share what they allocate

    def record(call: Callable[[], None]) -> Callable[[], object]:
        graph = torch.cuda.CUDAGraph()
        # Of this thread alone: another one measures and stores meanwhile, and may allocate.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            call()
        return graph.replay

    return record


@contextmanager
def beside(device: torch.device) -> Iterator[None]:
    """Within it, work goes to a stream of its own, after what was asked before and before what is asked later."""
    if device.type != "cuda":
        yield
        return
    own = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch gives its constructor no types
    current = torch.cuda.current_stream(device)
    own.wait_stream(current)
    with torch.cuda.stream(own):
        yield
    current.wait_stream(own)
