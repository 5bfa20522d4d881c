"""Starts `sensdb` from a process that has imported torch already: 4 s of CPU less a start, and there are 200 of them.

All after the imports is the worker's own: a process a command with its own session, streams, folder and environment,
and processes of its own that hold nothing of their parent. The tests of starting itself run the script.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing import context, forkserver, util
from pathlib import Path
from typing import Any, NoReturn

MINUTES = 300.0
"""How long a test waits for what must come: longer than a loaded machine takes."""

LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")


class Started:
    """A command that was started, used as a `subprocess.Popen[str]` would be."""

    def __init__(self, connection: socket.socket, pid: int, streams: Sequence[Path]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection
        self._streams = streams

    def poll(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._wait(0)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process itself, not to its group."""
        os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end: all that it wrote to stdout and to stderr.

        Raises:
            subprocess.TimeoutExpired: it runs still.
        """
        if self._wait(timeout) is None:
            raise subprocess.TimeoutExpired("sensdb", timeout or 0)
        out, err = (stream.read_text(encoding="utf-8") for stream in self._streams)
        return out, err

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                answer = self._connection.recv(STATUS.size, socket.MSG_WAITALL)
            except (TimeoutError, BlockingIOError):
                return None
            if not answer:
                raise RuntimeError("the process that starts the workers is gone")
            self.returncode = STATUS.unpack(answer)[0]
            self._connection.close()
        return self.returncode


class Launcher:
    """A process that has everything imported, and forks on request."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sensdb-launcher-")
        self._n_started = 0
        self._address = str(Path(self._folder.name) / "socket")
        # Threads are set before torch is imported, as the worker does for its processes.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.worker.prepared", self._address],
            cwd=Path(__file__).parents[2], env=environment, stdin=subprocess.PIPE,
        )  # fmt: skip

    def start(self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> Started:
        """Start `sensdb ARGUMENTS` in `folder`, in a process group of its own."""
        self._n_started += 1
        streams = [Path(self._folder.name) / f"{self._n_started}.{name}" for name in ("out", "err")]
        request = [list(arguments), str(folder), dict(environment), [str(stream) for stream in streams]]
        body = json.dumps(request).encode()
        connection = self._connected()
        connection.sendall(LENGTH.pack(len(body)) + body)
        pid = STATUS.unpack(connection.recv(STATUS.size, socket.MSG_WAITALL))[0]
        return Started(connection, pid, streams)

    def stop(self) -> None:
        """End the launcher; what it started goes on."""
        self._process.communicate()
        self._folder.cleanup()

    def _connected(self) -> socket.socket:
        deadline = time.monotonic() + MINUTES
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self._address)
            except OSError:
                connection.close()
                assert time.monotonic() < deadline, "the process that starts the workers did not come up"
                time.sleep(0.05)
            else:
                return connection


def serve(address: str) -> None:
    """Fork a command a request until stdin ends; tell each requester its pid, and later how it ended."""
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen()
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for descriptor in (listener.fileno(), woken, 0):
            selector.register(descriptor, selectors.EVENT_READ)
        running: dict[int, socket.socket] = {}
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if 0 in ready:
                return
            if woken in ready:
                os.read(woken, 4096)
                _tell_the_ended(running)
            if listener.fileno() in ready:
                connection, _ = listener.accept()
                pid = _forked(connection)
                running[pid] = connection
                connection.sendall(STATUS.pack(pid))


def _tell_the_ended(running: dict[int, socket.socket]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with running.pop(pid) as connection:
            try:
                connection.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))
            except OSError:
                continue  # nobody waits for it any more


def _forked(connection: socket.socket) -> int:
    (length,) = LENGTH.unpack(connection.recv(LENGTH.size, socket.MSG_WAITALL))
    arguments, folder, environment, streams = json.loads(connection.recv(length, socket.MSG_WAITALL))
    pid = os.fork()
    if pid == 0:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, path in enumerate((os.devnull, *streams)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
        os.closerange(3, 256)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _become_sensdb(arguments)
    return pid


def _become_sensdb(arguments: list[str]) -> NoReturn:
    from sensdb.cli import main

    code = 70  # of an exception, which is printed
    try:
        _fork_where_it_would_spawn()
        sys.argv = ["sensdb", *arguments]
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        # An interpreter's end, which would run it, is the server's here; without it processes are not waited for.
        standard: Any = util
        standard._exit_function()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _fork_where_it_would_spawn() -> None:
    """Let multiprocessing take its processes from a fork of this one, made before anything was opened.

    The standard library's own server of forks, but for its beginning: it would be a new interpreter.
    """
    address = f"\0sensdb-forks-{os.getpid()}"  # of Linux's own: no file is left
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    alive, keep_alive = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(keep_alive)
        try:
            forkserver.main(listener.detach(), alive, [])
        finally:
            os._exit(0)
    listener.close()
    os.close(alive)
    # No part of what others may rely on: a Python where they have other names fails here, at the first worker.
    server: Any = vars(forkserver)["_forkserver"]
    server._forkserver_address, server._forkserver_alive_fd, server._forkserver_pid = address, keep_alive, pid
    contexts: Any = vars(context)["_concrete_contexts"]
    contexts["spawn"] = multiprocessing.get_context("forkserver")


if __name__ == "__main__":
    import sensdb.cli.worker
    import sensdb.worker.loop
    import sensdb.worker.processes  # noqa: F401

    serve(sys.argv[1])
