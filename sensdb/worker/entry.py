"""The first function of a worker process; imports torch only there, so that the parent stays light."""

from __future__ import annotations

import logging
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from sensdb.worker.progress import LogLine, ProcessProgress

if TYPE_CHECKING:
    from sensdb.worker.options import Allowance, WorkerOptions


class Reporter(logging.Handler):
    """Sends progress and log lines to the parent; `orphaned` once the parent is gone."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.INFO)
        self._connection = connection
        self.orphaned = False

    def progress(self, message: ProcessProgress) -> None:
        """Report what this process has done so far."""
        self._send(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one log record on as a line of text."""
        self._send(LogLine(record.levelname.lower(), record.getMessage()))

    def _send(self, message: object) -> None:
        self.acquire()  # several threads send
        try:
            self._connection.send(message)
        except OSError:
            self.orphaned = True
        finally:
            self.release()


def work_in_process(options: WorkerOptions, allowance: Allowance, connection: Connection) -> None:
    """Run one worker in this process and leave with its exit code."""
    # Ctrl-C reaches the whole group; the parent passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reporter = Reporter(connection)
    root = logging.getLogger("sensdb")
    root.addHandler(reporter)
    root.setLevel(logging.INFO)
    root.propagate = False

    from sensdb.worker.loop import Worker

    worker = Worker(options, allowance, reporter)
    code = worker.run()
    if not worker.quiet:
        # A thread that computes in torch while the interpreter takes itself apart would end it with a signal.
        os._exit(code)
    sys.exit(code)
