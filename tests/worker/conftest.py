"""Real worker processes on a real queue: small sweeps on digits, and the `sensdb` script that trains them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.sweep import expand_sweep, load_sweep
from sensdb.jobs.queue import Queue, SweepRecord
from tests.worker.prepared import MINUTES, Launcher, Started

SENSDB = Path(sys.executable).parent / "sensdb"


@dataclass
class Bench:
    """A queue, and workers on it."""

    url: str
    engine: sa.Engine
    folder: Path
    processes: list[subprocess.Popen[str] | Started]
    launcher: Launcher

    @property
    def artifacts(self) -> Path:
        """The folder in which workers keep weights."""
        return self.folder / "artifacts"

    @property
    def queue(self) -> Queue:
        return Queue(self.engine)

    def enqueue(
        self, n_models: int, *, name: str = "small", measure: MeasureSettings | None = None, **fields: object
    ) -> None:
        """Queue n_models replicas of a small network on digits, fields overridden, those that are None left out."""
        spec = {
            "dataset": "digits", "hidden_layers": 1, "width": 16, "optimizer": "momentum", "learning_rate": 0.01,
            "batch_size": 64, "max_steps": 200, "n_train": 400, **fields,
        }  # fmt: skip
        lines = [
            f"name: {name}",
            f"seeds: {n_models}",
            "fixed:",
            *(f"  {key}: {value}" for key, value in spec.items() if value is not None),
        ]
        sweep = load_sweep("\n".join(lines) + "\n", source=f"{name}.yaml", folder=None)
        expansion = expand_sweep(sweep, dataset_info)
        self.queue.enqueue(
            expansion.specs,
            sweep=SweepRecord(sweep.name, sweep.description, sweep.priority, sweep.text, sweep.definition_sha256),
            measure=measure or MeasureSettings(transitions_points=20),
            infos={name: dataset_info(name) for name in {spec.dataset for spec in expansion.specs}},
            npz_paths={},
        )

    def start(self, *arguments: str, **environment: str) -> Started:
        """Start `sensdb worker` in a process group of its own, by a process that has torch imported."""
        process = self.launcher.start(
            self._command(arguments), folder=self.folder, environment=self._environment(environment)
        )
        self.processes.append(process)
        return process

    def start_script(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the script `sensdb worker` as a user would, in a process group of its own."""
        process = subprocess.Popen(
            [SENSDB, *self._command(arguments)],
            cwd=self.folder,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return ["--database", self.url, "worker", "--device", "cpu", "--processes", "1", *arguments]

    def _environment(self, changes: dict[str, str]) -> dict[str, str]:
        folders = {"SENSDB_ARTIFACTS": str(self.artifacts), "SENSDB_CACHE": str(self.folder)}
        return {**os.environ, **folders, **changes}

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run `sensdb worker` to its end: exit code and stderr; stdout must be empty."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=MINUTES)
        self.processes.remove(process)
        assert out == ""
        return process.returncode, err

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Poll until the condition holds; fails after MINUTES."""
        deadline = time.monotonic() + MINUTES
        while not condition():
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.05)

    def kill(self, process: subprocess.Popen[str] | Started) -> None:
        """SIGKILL the worker with all its processes."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        self.processes.remove(process)

    def rows(self, sql: str) -> list[sa.Row[tuple[object, ...]]]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(sql)))

    def value(self, sql: str) -> int:
        return int(str(self.rows(sql)[0][0]))


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """Starts workers without their imports."""
    made = Launcher()
    yield made
    made.stop()


@pytest.fixture
def bench(database_url: str, engine: sa.Engine, tmp_path: Path, launcher: Launcher) -> Iterator[Bench]:
    """A migrated database on each kind, and workers that are gone when the test is."""
    made = Bench(database_url, engine, tmp_path, [], launcher)
    yield made
    for process in list(made.processes):
        if process.poll() is None:
            made.kill(process)
