"""How tests run the command line: in this process, in a process of its own, and on a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensdb.cli import main

CONSOLE = (sys.executable, "-c", "import sys; from sensdb.cli import main; sys.exit(main())")


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Here:
    """Runs commands in this process; stdout and stderr are kept apart."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        streams = self._capsys.readouterr()
        return Ran(code, streams.out, streams.err)


def run_apart(*arguments: str | Path, text_in: str | None = None) -> Ran:
    """Run a command in a process of its own, its stdin `text_in` or nothing, its streams pipes."""
    done = subprocess.run(
        [*CONSOLE, *map(str, arguments)], input=text_in or "", capture_output=True, text=True, check=False, timeout=120
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def run_on_terminal(
    *arguments: str | Path, columns: int = 80, typed: str = "", until: str = "", interrupt: bool = False
) -> Ran:
    """Run a command whose stdin and stdout are a terminal of `columns`; stderr stays a pipe.

    Where `interrupt`, it gets SIGINT once `until` has been printed.
    """
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [*CONSOLE, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        if typed:
            os.write(ours, typed.encode())
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says EIO when the last writer has closed its end
                break
            if not piece:
                break
            pieces.append(piece)
            if interrupt and until.encode() in b"".join(pieces):
                process.send_signal(signal.SIGINT)
                interrupt = False
        assert process.stderr is not None
        err = process.stderr.read().decode()
        code = process.wait(timeout=120)
    os.close(ours)
    return Ran(code, b"".join(pieces).decode().replace("\r\n", "\n"), err)
