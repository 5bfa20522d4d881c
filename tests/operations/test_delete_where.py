"""Delete by a condition: the models that meet it go, wherever they are in the queue, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensdb.errors import NothingMatched, QueryError
from sensdb.jobs.queue import Queue
from sensdb.operations.choose_models import models_where
from tests.cli import conftest as command_line
from tests.cli.running import Here
from tests.conformance import conftest as conformance
from tests.conformance.factories import enqueue, scalar, some_specs
from tests.mirror.stored import add_models

folder = command_line.folder
sensdb = command_line.sensdb
queue = conformance.queue

STUDY = [
    {"hidden_layers": 1, "width": 8, "points": [{}]},
    {"hidden_layers": 2, "width": 8, "train_accuracy": 0.5, "points": [{}]},
    {"hidden_layers": 2, "width": 9, "fitted": False, "learning_rate": 0.125},
    {"hidden_layers": 3, "result": False},
]


FOUND = {
    "hidden_layers = 2": (2, 3),
    "hidden_layers >= 2": (2, 3, 4),  # of the spec alone: models without a result too
    "train_accuracy < 1": (2,),
    "fitted = false": (3,),
    "learning_rate in (0.125, 0.25)": (3,),
    "not width = 8 and dataset = 'digits'": (3, 4),
    "created_at > '2001-01-01'": (1, 2, 3, 4),
    "created_at < '2001-01-01T00:00:00+02:00'": (),
    "n_points_stored = 1 and width is not null": (1, 2),
}


def test_a_condition_means_the_same_on_both_databases(queue: Queue) -> None:
    add_models(queue.engine, STUDY, sweep="a")

    assert {condition: models_where(queue, [condition]).model_ids for condition in FOUND} == FOUND


def test_within_a_sweep_models_that_another_holds_stay(queue: Queue) -> None:
    enqueue(queue, some_specs(4), "mine")
    enqueue(queue, some_specs(2), "other")

    assert models_where(queue, ["seed >= 1"], ["mine"]).n_kept == 1
    assert len(models_where(queue, ["seed >= 1"], ["mine"]).model_ids) == 2


REFUSED = {
    "hidden_layer = 2": "--where: no column 'hidden_layer' in v_models.",
    "width = 'many'": "--where: width is a number, not 'many'",
    "created_at > yesterday": "--where: 'yesterday' is no moment.",
    "1; drop table jobs": "--where: a column is expected, not '1'",
}


def test_what_is_no_condition_is_refused(queue: Queue) -> None:
    for condition, said in REFUSED.items():
        with pytest.raises(QueryError) as caught:
            models_where(queue, [condition])
        assert caught.value.message.startswith(said)


def test_the_command_deletes_what_meets_the_condition(
    queue: Queue,
    database_url: str,
    sensdb: Here,
    folder: Path,
) -> None:
    add_models(queue.engine, STUDY, sweep="a")

    ran = sensdb("--database", database_url, "delete", "--where", "hidden_layers = 2", "--yes")

    assert (ran.code, ran.err) == (0, "deleted 2 models with 1 point row.\n")
    assert scalar(queue.engine, "select count(*) from models") == 2
    assert scalar(queue.engine, "select count(*) from point_metrics") == 1
    assert scalar(queue.engine, "select count(*) from sweeps") == 1


def test_nothing_that_matches_is_exit_code_3(queue: Queue, database_url: str, sensdb: Here) -> None:
    ran = sensdb("--database", database_url, "delete", "--where", "hidden_layers = 200", "--yes")

    assert ran.code == NothingMatched.exit_code == 3
    assert ran.err.startswith("Error: no model meets the condition.")


def test_neither_sweep_nor_condition_is_wrong_usage(sensdb: Here) -> None:
    ran = sensdb("delete", "--yes")

    assert (ran.code, ran.err.splitlines()[0]) == (2, "Error: sensdb delete needs --sweep or --where.")
