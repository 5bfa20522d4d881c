"""How progress is put into words."""

from __future__ import annotations

import io
import json

import pytest

from sensdb.worker import progress
from sensdb.worker.progress import SECONDS_BETWEEN_LINES, Lines, PackProgress, ProcessProgress, Tally, duration_text

PACK = PackProgress("64-50-10", slots_in_use=13, slots=16, step=12_000, median_loss=0.0213)
STARTING = PackProgress("64-8-10", slots_in_use=2, slots=64, step=0, median_loss=None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5399, "90 min"),
        (3.5 * 3600, "3.5 h"),
        (71.9 * 3600, "71.9 h"),
        (72 * 3600, "3 days"),
        (999 * 86_400, "999 days"),
        (1600 * 365.25 * 86_400, "1,600 years"),
    ],
)
def test_a_duration_is_said_in_the_unit_a_person_would_choose(seconds, text):
    assert duration_text(seconds) == text


class Clock:
    """Steady time that stands still until told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def halfway(clock: Clock) -> Tally:
    """Two processes after a hundred seconds: 10 models done, 1 failed, 30 left, one pack each."""
    tally = Tally(device="cpu", processes=2, started=clock.now)
    tally.parts = {0: ProcessProgress(7, 0, 300_000, PACK), 1: ProcessProgress(3, 1, 100_000, STARTING)}
    tally.count(30)
    clock.now += 100.0
    return tally


def test_the_line_says_what_is_done_how_fast_what_is_left_and_each_pack(clock: Clock) -> None:
    assert halfway(clock).line() == (
        "worker on cpu (2 processes): 10/40 done, 1 failed, 6 models/min, 4e+03 model-steps/s, 5 min left"
        " | 64-50-10 x 13/16, step 12,000, loss 0.021 | 64-8-10 x 2/64, step 0"
    )


def test_json_lines_hold_the_packs_as_numbers(clock: Clock) -> None:
    stream = io.StringIO()
    Lines(as_json=True, stream=stream).close(halfway(clock))

    said = json.loads(stream.getvalue())
    assert (said["models_done"], said["models_left"], said["seconds_left"]) == (10, 30, 300.0)
    assert said["model_steps_per_second"] == 4000.0
    assert said["packs"][0] == {
        "shape": "64-50-10", "slots_in_use": 13, "slots": 16, "step": 12_000, "median_loss": 0.0213,
    }  # fmt: skip
    assert said["packs"][1]["median_loss"] is None


def test_a_log_gets_one_line_a_minute(clock: Clock) -> None:
    stream = io.StringIO()
    tally = halfway(clock)
    lines = Lines(as_json=False, stream=stream)

    for _ in range(1000):
        clock.now += 2.5 * SECONDS_BETWEEN_LINES / 1000
        lines.update(tally)

    assert len(stream.getvalue().splitlines()) == 2
