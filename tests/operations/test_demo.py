"""The demo, on a sweep of a few small networks: the same path, real training, real figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.operations.demo import FIGURES, STORY, run_demo
from tests.once import made_once

pytestmark = pytest.mark.long

SWEEP = """
seeds: 2
fixed: {dataset: digits, n_train: 300, learning_rate: 0.05, batch_size: 32, max_steps: 1500, stop: fitted}
grid: {width: [32, 64], hidden_layers: [1, 2]}
measure: {transitions: {points: 10}}
"""


class Told:
    """What a demo showed and noted."""

    def __init__(self) -> None:
        self.sections: dict[str, list[dict[str, object]]] = {}
        self.notes: list[str] = []

    def show(self, title: str, rows: Sequence[dict[str, object]], columns: Sequence[str]) -> None:
        self.sections[title] = [{name: row[name] for name in columns} for row in rows]


def demo(folder: Path) -> Told:
    told = Told()
    code = run_demo(
        folder / "demo", (), folder / "cache", show=told.show, note=told.notes.append, sweep=str(folder / "tiny.yaml")
    )
    assert code == 0
    return told


def first_demo(folder: Path) -> None:
    (folder / "tiny.yaml").write_text(SWEEP)
    (folder / "told.json").write_text(json.dumps(vars(demo(folder))))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a demo has run once, in the folder `demo` of it; to be read alone."""
    return made_once(tmp_path_factory, "first-demo", first_demo)


@pytest.fixture(scope="module")
def told(first: Path) -> Told:
    """What that demo told."""
    told = Told()
    vars(told).update(json.loads((first / "told.json").read_text()))
    return told


def test_the_demo_answers_each_question_of_its_story(told: Told) -> None:
    correlation, _pairs, quantiles, auroc = (told.sections[title] for title, *_ in STORY)

    assert [row["metric"] for row in correlation] == ["jacobian_norm", "transitions"]
    assert correlation[0]["n_models"] == 8
    assert [row["quantile"] for row in quantiles] == list(range(1, 11))
    assert auroc[0]["metric"] == "jacobian_norm"


def test_the_demo_writes_its_figures(first: Path) -> None:
    for name in FIGURES:
        assert (first / "demo" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_demo_trains_nothing_and_says_the_same(first: Path, told: Told, tmp_path: Path) -> None:
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)

    again = demo(tmp_path)

    assert again.sections == told.sections
    assert "8 trained already" in again.notes[0]
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'demo' / 'sensdb.db'}")
    with engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from attempts")).scalar_one() == 8
    engine.dispose()


def test_the_demo_ends_with_commands_to_try(told: Told) -> None:
    start = told.notes.index("\nTry next:")

    lines = [line.strip() for line in told.notes[start + 1 :]]
    assert [line.partition(" ")[0] for line in lines if not line.startswith("export")] == ["sensdb"] * 5
    assert any(line.startswith("export SENSDB_DATABASE_URL=sqlite:///") for line in lines)
