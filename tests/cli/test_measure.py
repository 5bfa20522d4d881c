"""`sensdb measure` and `sensdb import`: what they queue, and what they say where there is nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.definitions.measure import MeasureSettings
from tests.cli.running import Here
from tests.cli.study import N_MODELS, finish_jobs, note_weights, write_network, write_sweep


@pytest.fixture
def study(sensdb: Here, folder: Path, database_url: str) -> str:
    """The URL of a database with a finished sweep `tiny`, on each kind; weights of models 1 and 2 are kept."""
    sensdb("--database", database_url, "init")
    sensdb("--database", database_url, "enqueue", write_sweep(folder))
    finish_jobs(database_url)
    note_weights(database_url, 1, 2)
    return database_url


def jobs_of(sensdb: Here, url: str, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(sensdb("--database", url, "jobs", *arguments, "-f", "json").out)
    return rows


class TestMeasure:
    def test_models_whose_weights_are_kept_are_queued(self, sensdb: Here, study: str) -> None:
        ran = sensdb("--database", study, "measure", "--sweep", "tiny")

        assert (ran.code, ran.out) == (0, "")
        left = f"left {N_MODELS - 2} trained models without stored weights"
        assert ran.err == f"queued 2 jobs of measuring, {left}. Next: sensdb worker --drain\n"
        queued = jobs_of(sensdb, study, "--state", "queued")
        assert [(row["model_id"], row["kind"]) for row in queued] == [(1, "measure"), (2, "measure")]

    def test_single_models_can_be_named(self, sensdb: Here, study: str) -> None:
        ran = sensdb("--database", study, "measure", "2")

        assert ran.err == "queued 1 job of measuring. Next: sensdb worker --drain\n"

    def test_what_is_added_to_what_was_measured(self, sensdb: Here, study: str, engine: sa.Engine) -> None:
        sensdb("--database", study, "measure", "1", "--what", "regions", "--what", "transitions.points=5000")

        with engine.connect() as connection:
            text = connection.execute(sa.text("select measure from jobs where model_id = 1")).scalar_one()
        assert MeasureSettings.from_canonical(text) == MeasureSettings(transitions_points=5000, regions=True)

    def test_nothing_with_weights_exits_3_and_says_how_they_are_kept(self, sensdb: Here, study: str) -> None:
        ran = sensdb("--database", study, "measure", "3", "4")

        assert (ran.code, ran.out) == (3, "")
        assert ran.err == (
            "Error: nothing to measure: 2 trained models without stored weights.\n"
            "Hint: sensdb worker --keep-weights keeps them; sensdb retry --retrain trains models once more.\n"
        )

    def test_no_such_model_exits_3(self, sensdb: Here, study: str) -> None:
        ran = sensdb("--database", study, "measure", "999")

        assert (ran.code, ran.err) == (3, "Error: nothing to measure: 0 trained models without stored weights.\n")

    def test_a_sweep_that_does_not_exist_exits_3_with_the_nearest(self, sensdb: Here, study: str) -> None:
        ran = sensdb("--database", study, "measure", "--sweep", "tinny")

        assert ran.code == 3
        assert "did you mean 'tiny'?" in ran.err

    def test_models_and_a_sweep_together_are_a_wrong_call(self, sensdb: Here) -> None:
        ran = sensdb("measure", "1", "--sweep", "tiny")

        assert ran.code == 2
        assert ran.err.startswith("Error: sensdb measure needs either model ids or --sweep.\n")

    def test_a_key_that_does_not_exist_is_refused_with_the_nearest(self, sensdb: Here) -> None:
        ran = sensdb("measure", "1", "--what", "trajectory=3")

        assert ran.code == 1
        assert (
            ran.err == "Error: --what.trajectory: no such key.\nHint: did you mean 'trajectories'? "
            "allowed: points, transitions, spectral, trajectories, regions, keep_weights.\n"
        )


class TestImport:
    def test_a_network_becomes_a_model_that_waits(self, sensdb: Here, folder: Path, database_url: str) -> None:
        sensdb("--database", database_url, "init")
        file = write_network(folder, 64, 8, 10)

        ran = sensdb("--database", database_url, "import", file, "--dataset", "digits", "--nonlinearity", "tanh")

        shape = "model 1 (64-8-10) of sweep imported"
        assert (ran.code, ran.out) == (0, "")
        assert ran.err == f"imported {file} as {shape}; it waits to be measured. Next: sensdb worker --drain\n"
        (job,) = jobs_of(sensdb, database_url, "--sweep", "imported")
        expected = {"kind": "measure", "state": "queued", "dataset": "digits", "nonlinearity": "tanh", "seed": None}
        assert {name: job[name] for name in expected} == expected

    def test_without_torch_a_network_is_taken_in_and_now_says_what_measuring_needs(
        self, sensdb: Here, folder: Path
    ) -> None:
        sensdb("init")
        file = write_network(folder, 64, 8, 10)
        code = "import sys; sys.modules['torch'] = None; from sensdb.cli import main; sys.exit(main(sys.argv[1:]))"
        given = ["import", file, "--dataset", "digits", "--nonlinearity", "relu"]

        runs = [
            subprocess.run([sys.executable, "-c", code, *given, *more], capture_output=True, text=True, cwd=folder)
            for more in ([], ["--now"])
        ]

        assert [run.returncode for run in runs] == [0, 1]
        assert "it waits to be measured" in runs[0].stderr
        assert runs[1].stderr == (
            "Error: model 1 is queued; measuring it needs torch, which is not installed here.\n"
            "Hint: pip install 'sensdb[worker]', or leave it to a worker elsewhere.\n"
        )

    def test_a_sweep_that_is_there_can_be_named_and_stays_what_it_is(
        self, sensdb: Here, folder: Path, study: str, engine: sa.Engine
    ) -> None:
        file = write_network(folder, 64, 8, 10)
        given = ("--dataset", "digits", "--nonlinearity", "relu", "--name", "tiny")

        sensdb("--database", study, "import", file, *given)

        sweeps = json.loads(sensdb("--database", study, "status", "-f", "json").out)
        assert [(row["sweep"], row["n_models"], row["queued"]) for row in sweeps] == [("tiny", N_MODELS + 1, 1)]
        with engine.connect() as connection:
            description = connection.execute(sa.text("select description from sweeps")).scalar_one()
        assert description == "Twelve networks too small to be of use."

    def test_a_network_that_does_not_fit_is_refused_with_the_sizes(self, sensdb: Here, folder: Path) -> None:
        sensdb("init")

        ran = sensdb("import", write_network(folder, 64, 8, 3), "--dataset", "digits", "--nonlinearity", "relu")

        assert ran.code == 1
        assert ran.err == (
            "Error: the network has 3 outputs, and digits has 10 classes.\n"
            "Hint: the last tensor of weights gives the logits, one a class.\n"
        )

    def test_a_misspelt_nonlinearity_is_refused_with_the_nearest(self, sensdb: Here, folder: Path) -> None:
        file = write_network(folder, 64, 10)

        ran = sensdb("import", file, "--dataset", "digits", "--nonlinearity", "hardtanh")

        assert ran.code == 2
        assert "did you mean 'hard_tanh'?" in ran.err

    def test_choices_are_those_of_a_spec(self) -> None:
        from sensdb.cli.measure import NONLINEARITIES
        from sensdb.definitions.spec_fields import NONLINEARITIES as ALLOWED

        assert NONLINEARITIES == ALLOWED
