"""`sensdb report` on the command line: the file, what is said of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.analysis.conftest import Study
from tests.cli import conftest as command_line
from tests.cli.running import Here

folder = command_line.folder
sensdb = command_line.sensdb


@pytest.fixture
def asked(study: Study, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """An empty study as the database of the command line."""
    monkeypatch.setenv("SENSDB_DATABASE_URL", study.url)
    return study


def test_the_page_is_written_and_what_it_lacks_is_said_on_stderr(asked: Study, sensdb: Here) -> None:
    asked.add({})

    ran = sensdb("report", "-o", "r.html")

    first, *others = ran.err.splitlines()
    assert (ran.code, ran.out) == (0, "")
    assert first.startswith("wrote r.html (3 figures, ")
    assert others
    assert all(line.startswith("not in it: ") for line in others)
    assert Path("r.html").read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in Path().glob("*.part")] == []


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        ((), 1, "no model has a result to report.", "sensdb status shows the queue."),
        (
            ("-o", "r.pdf"),
            2,
            "-o r.pdf: a report is a page; allowed: .html, .htm.",
            "sensdb plot draws a single figure.",
        ),
        (("-o", "no/r.html"), 1, "no/r.html cannot be written: there is no folder no.", "-o names another place."),
        (("--dataset", "mnst"), 1, "there is no data set 'mnst'.", "did you mean 'mnist'? sensdb data list shows all."),
        (("--sweep", "x"), 1, "there is no sweep 'x'.", "sensdb status lists all."),
        (("-p", "x=1"), 2, "sensdb report has no option '-p'.", "sensdb report --help lists all."),
    ],
)
def test_what_cannot_be_reported_is_one_line_and_one_hint(asked: Study, sensdb: Here, words, code, message, hint):
    ran = sensdb("report", *words)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err == f"Error: {message}\nHint: {hint}\n"
    assert not Path("report.html").exists()
