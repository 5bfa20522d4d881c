"""Names and texts nobody expects: stored and shown as they are, or refused with a reason; never run, never cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Here
from tests.cli.study import SWEEP, kill_jobs, write_sweep

TEXTS = {
    "quotes": 'it\'s "quoted"; drop table models; --',
    "lines": "two\nlines\r\nand a\ttab",
    "emoji": "🦑 naïve ☃",
    "long": "x" * 10_000,
    "percent": "100 % %s {name} :name $1 ?",
}


@pytest.fixture(autouse=True)
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of database, by the environment."""
    monkeypatch.setenv("SENSDB_DATABASE_URL", database_url)
    return database_url


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_an_error_message_is_stored_and_shown_as_it_is(sensdb: Here, folder: Path, database: str, text: str) -> None:
    sensdb("enqueue", write_sweep(folder))
    kill_jobs(database, message=text)

    (shown,) = json.loads(sensdb("jobs", "--state", "dead", "-f", "json").out)
    (counted,) = json.loads(sensdb("status", "--failures", "-f", "json").out)

    assert (shown["error_message"], counted["error_message"]) == (text, text)


def test_a_message_with_nul_and_half_a_surrogate_is_stored_readably(sensdb: Here, folder: Path, database: str) -> None:
    sensdb("enqueue", write_sweep(folder))
    kill_jobs(database, message="nul \0 and \ud800 end")

    (shown,) = json.loads(sensdb("jobs", "--state", "dead", "-f", "json").out)

    assert shown["error_message"] == "nul \\0 and \\ud800 end"


@pytest.mark.parametrize("text", [text for text in TEXTS.values() if not text.isalnum()])
def test_a_sweep_name_is_refused_with_the_characters_allowed(sensdb: Here, folder: Path, text: str) -> None:
    path = write_sweep(folder, SWEEP.replace("name: tiny", f"name: {json.dumps(text, ensure_ascii=False)}"))

    ran = sensdb("enqueue", path)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_description_is_stored_or_refused_in_one_line(sensdb: Here, folder: Path, text: str) -> None:
    described = SWEEP.replace("Twelve networks too small to be of use.", json.dumps(text, ensure_ascii=False))

    ran = sensdb("enqueue", write_sweep(folder, described))

    assert ran.code in (0, 1)
    assert ran.code == 0 or len(ran.err.splitlines()) <= 2
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", [["jobs", "--sweep"], ["cancel", "--yes", "--sweep"]])
@pytest.mark.parametrize("text", [*TEXTS.values(), "nul \0"], ids=[*TEXTS, "nul"])
def test_a_name_given_to_a_command_matches_nothing(sensdb: Here, command: list[str], text: str) -> None:
    ran = sensdb(*command, text)

    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("Error: no sweep ")
