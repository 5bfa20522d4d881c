"""The short form of the storm, and the proof that it sees what it is looking for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm.faults import FAULTS, RESTART
from tests.storm.storm import Storm

pytestmark = pytest.mark.long


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database; the storm starts a server of its own."""
    if request.param == "postgresql":
        request.getfixturevalue("postgresql_server")  # skips where PostgreSQL is to be left out
    return str(request.param)


def test_p1_to_p5_p15_p16_in_a_storm_nothing_is_lost_and_nothing_is_twice(kind: str, tmp_path: Path) -> None:
    report = Storm(kind, tmp_path / "storm", n_models=300, n_faults=40, n_restarts=2, seed=3, spacing=0.15).run()

    print(report.table())
    assert report.verdict.violations == []
    assert report.leftovers == []
    assert report.verdict.models >= 300
    assert report.verdict.acknowledged >= report.verdict.models / 2
    kinds = {fault.kind for fault in report.faults}
    assert len(report.faults) == 40
    assert kinds == FAULTS[kind].keys() | ({RESTART} if kind == "postgresql" else set())


STOPS = ("SIGSTOP past the lease",)


def test_p3_the_fence_alone_keeps_out_workers_that_mind_no_lease(tmp_path: Path) -> None:
    storm = Storm("sqlite", tmp_path / "storm", n_models=60, n_faults=4, seed=1, kinds=STOPS, careless=True)

    report = storm.run()

    assert report.verdict.violations == []


def test_a_storm_without_the_fence_reports_results_lost_and_doubled(tmp_path: Path) -> None:
    storm = Storm(
        "sqlite", tmp_path / "storm", n_models=60, n_faults=4, seed=1, kinds=STOPS, careless=True, fenced=False
    )

    report = storm.run()

    assert report.verdict.doubled
    assert report.verdict.lost
    assert "two results were acknowledged" in report.table()
