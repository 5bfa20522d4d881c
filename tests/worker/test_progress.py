"""How progress is put into words."""

from __future__ import annotations

import pytest

from sensdb.worker.progress import duration_text


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
