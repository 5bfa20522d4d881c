"""Copy: what is in one database is in the other afterwards, in all four directions, once, and whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import open_engine, reading, writing
from sensdb.errors import DatabaseError, NothingMatched, UsageError
from sensdb.jobs.queue import Queue
from sensdb.operations.copy import Copied, copy_sweeps
from sensdb.results.artifacts import ArtifactStore, note_artifacts
from sensdb.results.writer import store
from tests.conformance.factories import (
    a_result,
    a_spec,
    claim_one,
    enqueue,
    execute,
    query,
    scalar,
    some_specs,
)
from tests.database.planted import plant

TENTH = np.float32(0.1).item()
"""What a 4-byte column holds of 0.1; read as text it would come back as the double 0.1."""

# Of each table what names its rows elsewhere, instead of the numbers a database gives out.
DUMPS = {
    "models": "select * from models",
    "sweeps": "select * from sweeps",
    "jobs": "select m.spec_sha256, t.* from jobs t join models m on m.model_id = t.model_id",
    "attempts": "select m.spec_sha256, t.* from attempts t join models m on m.model_id = t.model_id",
    "workers": "select * from workers",
    "model_metrics": "select m.spec_sha256, t.* from model_metrics t join models m on m.model_id = t.model_id",
    "point_metrics": "select m.spec_sha256, t.* from point_metrics t join models m on m.model_id = t.model_id",
    "trajectory_metrics": "select m.spec_sha256, t.* from trajectory_metrics t"
    " join models m on m.model_id = t.model_id",
    "region_slices": "select m.spec_sha256, a.uri, t.* from region_slices t join models m on m.model_id = t.model_id"
    " left join artifacts a on a.artifact_id = t.artifact_id",
    "artifacts": "select m.spec_sha256, t.* from artifacts t join models m on m.model_id = t.model_id",
    "sweep_models": "select m.spec_sha256, s.name from sweep_models t join models m on m.model_id = t.model_id"
    " join sweeps s on s.sweep_id = t.sweep_id",
    "sweep_definitions": "select s.name, t.* from sweep_definitions t join sweeps s on s.sweep_id = t.sweep_id",
    "datasets": "select * from datasets",
    "dataset_points": "select * from dataset_points",
}
NUMBERED = ("model_id", "sweep_id", "artifact_id")


def dump(engine: sa.Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of what a study is made of, in the words of our own types, without numbers a database gives out."""
    found = {}
    with reading(engine) as connection:
        for name, text in DUMPS.items():
            table = schema.metadata.tables[name]
            rows = connection.execute(sa.text(text).columns(**{column.name: column.type for column in table.columns}))
            # psycopg reads 4-byte reals as text; their bits are those of the nearest 4-byte number.
            narrow = {column.name for column in table.columns if isinstance(column.type, sa.REAL)}
            found[name] = sorted(
                (
                    tuple(
                        (key, np.float32(row[key]).item() if key in narrow and row[key] is not None else row[key])
                        for key in sorted(row)
                        if key not in NUMBERED
                    )
                    for row in rows.mappings()
                ),
                key=repr,
            )
    return found


def another(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A second database of this kind, migrated; tests make theirs by copying one, so it gets an identity of its own."""
    if kind == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copyfile(template, tmp_path / "target.db")
        url = f"sqlite:///{tmp_path / 'target.db'}"
    else:
        make: Callable[..., str] = request.getfixturevalue("new_postgresql")
        url = make(request.getfixturevalue("postgresql_template"))
    made = open_engine(url)
    execute(made, "update database_identity set identity = :identity", identity=str(uuid.uuid4()))
    made.dispose()
    return url


@pytest.fixture
def target_url(engine: sa.Engine, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A second database, of the other kind."""
    return another("postgresql" if engine.dialect.name == "sqlite" else "sqlite", request, tmp_path)


@pytest.fixture
def target(target_url: str) -> Iterator[sa.Engine]:
    """An engine on it."""
    made = open_engine(target_url)
    yield made
    made.dispose()


def run(engine: sa.Engine, target_url: str, *names: str, artifacts: Path | str = "nowhere") -> Copied:
    return copy_sweeps(url_of(engine), target_url, names, artifacts_url=str(artifacts))


def url_of(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def plant_study(engine: sa.Engine) -> None:
    """Rows of every kind, with numbers that only their own width holds, and none running."""
    with writing(engine) as connection:
        plant(connection)
        connection.execute(schema.point_metrics.update().where(schema.point_metrics.c.model_id == 1).values(loss=TENTH))
        connection.execute(schema.trajectory_metrics.update().values(angle=TENTH))
        n_points = sa.text("(select count(*) from point_metrics p where p.model_id = model_metrics.model_id)")
        connection.execute(schema.model_metrics.update().values(test_loss=0.1 + 0.2, n_points_stored=n_points))
        connection.execute(
            schema.sweep_definitions.insert().values(
                sweep_id=1, definition_sha256="d" * 64, definition="name: depth\n", n_models=4
            )
        )
        named = {"dataset": "digits", "name": "digits", "n_train": 2, "n_test": 1, "height": 8, "width": 8}
        connection.execute(
            schema.datasets.insert().values(named | {"channels": 1, "n_classes": 10, "checksum": "c" * 64})
        )
        connection.execute(
            schema.dataset_points.insert(),
            [{"dataset": "digits", "split": "train", "point_index": place, "label": place + 3} for place in (0, 1)],
        )


def stop_running(engine: sa.Engine) -> None:
    """Bring all to a state that a copy carries over as it is; jobs in the queue follow their sweeps."""
    execute(engine, "update sweeps set priority = 0")
    execute(engine, "update jobs set held = false, priority = 0")
    execute(engine, "update workers set stopped_at = beat_at")
    execute(engine, "update jobs set state = 'queued', lease_until = null, worker_id = null where state = 'running'")
    execute(engine, "update attempts set outcome = 'released', ended_at = claimed_at where outcome is null")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_everything_is_in_the_other_database_afterwards(
    engine: sa.Engine, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    target_url = another(kind, request, tmp_path)
    plant_study(engine)
    stop_running(engine)

    copied = run(engine, target_url)

    target = open_engine(target_url)
    assert (copied.n_sweeps, copied.n_models, copied.n_new) == (3, 7, 7)
    assert (copied.n_results, copied.n_points, copied.n_compared) == (4, 7, 4)
    assert dump(target) == dump(engine)
    target.dispose()


def test_models_get_numbers_of_their_own_where_others_are_there(
    engine: sa.Engine, target: sa.Engine, target_url: str
) -> None:
    enqueue(Queue(target), some_specs(3, width=7), "others")
    plant_study(engine)

    run(engine, target_url)

    sha = f"{1:064d}"
    assert scalar(target, f"select model_id from models where spec_sha256 = '{sha}'") > 3
    points = query(target, f"select point_index, loss from v_points where spec_sha256 = '{sha}' order by 1")
    assert [(place, np.float32(loss)) for place, loss in points] == [(place, np.float32(0.1)) for place in range(3)]


def test_a_second_copy_changes_nothing_and_compares(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    plant_study(engine)
    run(engine, target_url)
    before = dump(target)

    again = run(engine, target_url)

    assert (again.n_new, again.n_results, again.n_same, again.n_compared) == (0, 0, 4, 4)
    assert dump(target) == before


def test_there_and_into_a_new_file_is_the_same(
    engine: sa.Engine, target: sa.Engine, target_url: str, tmp_path: Path
) -> None:
    plant_study(engine)
    stop_running(engine)
    run(engine, target_url)
    third = f"sqlite:///{tmp_path / 'third.db'}"  # without a schema: the copy makes it

    run(target, third)

    back = open_engine(third)
    assert dump(back) == dump(engine)
    back.dispose()


def test_one_sweep_takes_its_models_and_no_others(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    plant_study(engine)

    copied = run(engine, target_url, "noise")

    assert (copied.n_sweeps, copied.n_new) == (1, 3)
    assert query(target, "select distinct name from sweeps") == [("noise",)]
    assert scalar(target, "select count(*) from sweep_models") == 3


def test_a_running_job_is_queued_in_the_copy_and_its_attempt_released(
    engine: sa.Engine, target: sa.Engine, target_url: str
) -> None:
    queue = Queue(engine)
    enqueue(queue, some_specs(2))
    job = claim_one(queue)

    run(engine, target_url)

    assert query(target, "select distinct state from jobs") == [("queued",)]
    assert query(target, "select attempt, outcome from attempts") == [(job.attempt, "released")]
    assert claim_one(Queue(target)).attempt == job.attempt + 1
    assert query(engine, "select state from jobs order by state") == [("queued",), ("running",)]


def test_a_result_reaches_a_model_that_was_queued_in_the_target(
    engine: sa.Engine, target: sa.Engine, target_url: str
) -> None:
    queue = Queue(engine)
    enqueue(queue, some_specs(2))
    run(engine, target_url)
    store(queue, [a_result(claim_one(queue))])

    copied = run(engine, target_url)

    assert (copied.n_new, copied.n_results) == (0, 1)
    assert query(target, "select state from jobs order by state") == [("done",), ("queued",)]
    assert query(target, "select result_id from model_metrics") == query(engine, "select result_id from model_metrics")


def test_a_model_that_runs_in_the_target_is_left_to_its_worker(
    engine: sa.Engine, target: sa.Engine, target_url: str
) -> None:
    queue = Queue(engine)
    enqueue(queue, [a_spec()])
    run(engine, target_url)
    running = claim_one(Queue(target))
    store(queue, [a_result(claim_one(queue))])

    copied = run(engine, target_url)

    assert (copied.n_running, copied.n_results) == (1, 0)
    assert store(Queue(target), [a_result(running)]) == [(running.model_id, running.attempt)]


def test_the_target_keeps_a_result_of_its_own(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    queue = Queue(engine)
    enqueue(queue, [a_spec()])
    run(engine, target_url)
    for one in (queue, Queue(target)):
        store(one, [a_result(claim_one(one))])
    own = query(target, "select result_id from model_metrics")

    copied = run(engine, target_url)

    assert (copied.n_other, copied.n_results, copied.n_compared) == (1, 0, 0)
    assert query(target, "select result_id from model_metrics") == own


def test_a_row_that_differs_is_an_error(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    plant_study(engine)
    run(engine, target_url)
    execute(target, "update point_metrics set margin = margin + 1 where point_index = 2 and loss > 0.05 and loss < 0.2")

    with pytest.raises(DatabaseError, match=r"result result-1 of model 1 differs: 3 point rows"):
        run(engine, target_url)


def test_a_row_that_is_missing_is_an_error(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    plant_study(engine)
    run(engine, target_url)
    execute(target, "delete from point_metrics where point_index = 2 and loss > 0.05 and loss < 0.2")

    with pytest.raises(DatabaseError, match=r"3 point rows in .*, 2 in "):
        run(engine, target_url)


def test_other_arrays_under_the_same_name_are_refused(engine: sa.Engine, target: sa.Engine, target_url: str) -> None:
    plant_study(engine)
    run(engine, target_url, "empty")
    execute(target, "insert into datasets select 'digits', 'digits', null, 1, 1, 8, 8, 1, 10, :sum", sum="e" * 64)

    with pytest.raises(DatabaseError, match="data set 'digits' is not the same in both: checksum cccccccccccc"):
        run(engine, target_url)
    assert scalar(target, "select count(*) from models") == 0


def test_files_are_stored_under_the_name_of_the_other_database(
    engine: sa.Engine, target: sa.Engine, target_url: str, tmp_path: Path
) -> None:
    queue = Queue(engine)
    enqueue(queue, some_specs(2))
    files = ArtifactStore(str(tmp_path / "files"), queue.identity)
    kept = files.put("weights", b"numbers", "safetensors")
    lost = files.put("weights", b"lost", "safetensors")
    with writing(engine) as connection:
        note_artifacts(connection, {1: [kept], 2: [lost]})
    files.remove([lost.uri])

    copied = run(engine, target_url, artifacts=tmp_path / "files")

    (left,) = copied.files_left
    assert left.startswith(f"{lost.uri}: artifact {lost.uri} is missing")
    assert files.remove([kept.uri]) == []
    ((uri,),) = query(target, "select uri from artifacts where sha256 = :sha", sha=kept.sha256)
    identity = Queue(target).identity
    assert uri.startswith(f"{identity}/")
    assert (tmp_path / "files" / uri).read_bytes() == b"numbers"


def test_a_database_is_not_copied_onto_itself(engine: sa.Engine) -> None:
    url = url_of(engine)

    with pytest.raises(UsageError, match="are one database"):
        copy_sweeps(url, url, artifacts_url="nowhere")


def test_a_sweep_that_is_not_there_is_named(engine: sa.Engine, target_url: str) -> None:
    enqueue(Queue(engine), [a_spec()], "depth")

    with pytest.raises(NothingMatched, match="no sweep 'depht'"):
        run(engine, target_url, "depht")


KILLED = """
import sys
from sensdb.operations import copy
copy.PAGE_ROWS = 20
copy.copy_sweeps(sys.argv[1], sys.argv[2], artifacts_url="nowhere")
"""


def test_after_a_kill_in_the_middle_the_same_copy_does_the_rest(
    engine: sa.Engine, target: sa.Engine, target_url: str
) -> None:
    queue = Queue(engine)
    enqueue(queue, some_specs(60))
    while jobs := queue.claim("worker", 60):
        store(queue, [a_result(job, n_points=20) for job in jobs])
    child = subprocess.Popen([sys.executable, "-c", KILLED, url_of(engine), target_url])
    while (n_before := scalar(target, "select count(*) from model_metrics")) == 0 and child.poll() is None:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    n_before = scalar(target, "select count(*) from model_metrics")
    assert 0 < n_before < 60
    assert scalar(target, "select count(*) from point_metrics") == 20 * n_before
    assert scalar(target, "select count(*) from jobs") == scalar(target, "select count(*) from models") == n_before

    copied = run(engine, target_url)

    assert (copied.n_results, copied.n_same) == (60 - n_before, n_before)
    assert copied.n_compared == 60
    assert dump(target) == dump(engine)
