"""The line that is rewritten while bytes come or rows go: on stderr, and rewritten on a terminal alone."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

SECONDS_BETWEEN_UPDATES = 0.1
SECONDS_BETWEEN_LOG_LINES = 60.0


class _Line:
    """One line rewritten on a terminal and gone at the end; elsewhere a line a minute at most."""

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._interval = SECONDS_BETWEEN_UPDATES if self._rewrites else SECONDS_BETWEEN_LOG_LINES
        self._next = time.monotonic() + self._interval
        self._written = False

    def __enter__(self) -> Self:
        return self

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._interval
        sys.stderr.write(f"\r\x1b[K{text}" if self._rewrites else f"{text}\n")
        sys.stderr.flush()
        self._written = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rewrites and self._written:
            sys.stderr.write("\r\x1b[K")  # the command's last line says what came of it
            sys.stderr.flush()


class Transfer(_Line):
    """Progress of a download."""

    def update(self, name: str, n_bytes: int, total: int | None) -> None:
        """Tell how far the file `name` has come; `total` is None where the other side does not say."""
        of = "" if total is None else f" of {total / 1e6:.1f}"
        self.show(f"{name}: {n_bytes / 1e6:.1f}{of} MB")


class CopiedRows(_Line):
    """Progress of copying rows, under the name of the command that copies."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._started = time.monotonic()

    def update(self, done: int, total: int) -> None:
        """Tell how many rows are copied, of how many."""
        rate = done / max(time.monotonic() - self._started, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if done else ""
        self.show(f"{self._name}: {done:,} of {total:,} rows, {rate:,.0f} rows/s{left}")
