"""The time that `sensdb enqueue --dry-run` foretells follows what this machine's models really took."""

from __future__ import annotations

import socket

import pytest
import sqlalchemy as sa

from sensdb.cli import main
from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.definitions.spec import TrainingSpec
from sensdb.jobs.queue import Queue
from sensdb.operations.pace import FEWEST, pace_here
from sensdb.results.writer import store
from tests.conformance.factories import a_result, a_worker, all_metrics, enqueue, some_specs


@pytest.fixture
def queue(engine: sa.Engine) -> Queue:
    """Of an empty database with two workers on two hosts."""
    queue = Queue(engine)
    queue.register_worker(a_worker("near", host=socket.gethostname()))
    queue.register_worker(a_worker("far", host="there"))
    return queue


def finish(queue: Queue, worker: str, n_models: int, factor: float) -> None:
    """Let a worker do models in `factor` times what the rates say of the steps they took, a quarter of them all."""
    for job in queue.claim(worker, n_models):
        assert isinstance(job.spec, TrainingSpec)
        info = dataset_info(job.spec.dataset)
        said = training_seconds(job.spec, info) / 4 + measuring_seconds(job.spec, job.measure, info)
        numbers = {"steps": job.spec.max_steps // 4, "train_seconds": factor * said / 2}
        metrics = {**all_metrics(), **numbers, "measure_seconds": factor * said / 2}
        assert store(queue, [a_result(job, metrics=metrics, device_class="cpu-avx2")])


def test_the_pace_is_that_of_the_models_trained_on_this_host(queue: Queue) -> None:
    enqueue(queue, some_specs(2 * FEWEST + 5, max_steps=400))
    finish(queue, "near", FEWEST, 3.0)
    finish(queue, "far", FEWEST + 5, 50.0)

    found = pace_here(queue)

    assert found is not None
    assert (round(found.factor, 2), found.n_models) == (3.0, FEWEST)


def test_few_models_say_nothing_of_the_pace(queue: Queue) -> None:
    enqueue(queue, some_specs(FEWEST, max_steps=400))
    finish(queue, "near", FEWEST - 1, 3.0)

    assert pace_here(queue) is None


def test_a_dry_run_says_what_the_pace_makes_of_its_time(
    queue: Queue, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enqueue(queue, some_specs(FEWEST, max_steps=400))
    finish(queue, "near", FEWEST, 4.0)
    monkeypatch.setattr("sensdb.operations.enqueue_text.usable_cores", lambda: 1)
    url = engine.url.render_as_string(hide_password=False)

    assert main(["--database", url, "enqueue", "digits", "--dry-run"]) == 0

    out = capsys.readouterr().out
    assert "about 72 s of one CPU core" in out
    assert "the last 20 models trained on this machine took 4 times as long as that says: about 5 min" in out
