"""Lines that tell how far something is: rewritten on a terminal, rare elsewhere, always on stderr."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from sensdb.cli.progress import CopiedRows, Transfer

SHOWN = """
import time
from sensdb.cli.progress import Transfer
with Transfer() as transfer:
    time.sleep(0.2)
    transfer.update("train.gz", 1_500_000, 9_900_000)
"""


def test_off_a_terminal_nothing_is_written_within_the_first_minute(capsys: pytest.CaptureFixture[str]):
    with Transfer() as transfer, CopiedRows("sync") as rows:
        transfer.update("train.gz", 10, 100)
        rows.update(10, 100)

    assert capsys.readouterr() == ("", "")


def test_off_a_terminal_a_line_a_minute_has_no_carriage_return(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sensdb.cli.progress.SECONDS_BETWEEN_LOG_LINES", 0.0)

    with Transfer() as transfer:
        transfer.update("train.gz", 1_500_000, None)

    assert capsys.readouterr() == ("", "train.gz: 1.5 MB\n")


def test_on_a_terminal_one_line_is_rewritten_and_gone_at_the_end():
    ours, theirs = pty.openpty()

    done = subprocess.run([sys.executable, "-c", SHOWN], stdout=subprocess.PIPE, stderr=theirs, check=True)

    os.close(theirs)
    assert os.read(ours, 1000) == b"\r\x1b[Ktrain.gz: 1.5 of 9.9 MB\r\x1b[K"
    assert done.stdout == b""
    os.close(ours)


def test_rows_say_how_many_of_how_many_at_what_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sensdb.cli.progress.SECONDS_BETWEEN_LOG_LINES", 0.0)

    with CopiedRows("sync") as rows:
        rows.update(1000, 2000)

    err = capsys.readouterr().err
    assert err.startswith("sync: 1,000 of 2,000 rows, ")
    assert err.endswith(" s left\n")
