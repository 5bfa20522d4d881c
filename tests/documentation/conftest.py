"""A folder in which every example of the documentation can be run as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sensdb.cli import main
from tests.cli import conftest as command_line
from tests.cli.study import SWEEP, finish_jobs, kill_jobs, note_weights, write_network, write_sweep

folder = command_line.folder
sensdb = command_line.sensdb


@pytest.fixture(scope="session")
def study_of_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with a small sweep named digits: results, dead and queued jobs (models 18, 17), weights (1)."""
    place = tmp_path_factory.mktemp("study")
    url = f"sqlite:///{place / 'sensdb.db'}"
    text = SWEEP.replace("name: tiny", "name: digits").replace("seeds: 3", "seeds: 6")
    main(["--database", url, "init"])
    main(["--database", url, "enqueue", str(write_sweep(place, text))])
    finish_jobs(url)
    main(["--database", url, "retry", "18", "--retrain", "--yes"])
    kill_jobs(url, 1)
    main(["--database", url, "retry", "17", "--retrain", "--yes"])
    note_weights(url, 1)
    return place / "sensdb.db"


@pytest.fixture
def digits_here(study_of_digits: Path, folder: Path) -> Path:
    """Copies of that study in the working folder, as sensdb.db and as study.db, and a network to take in."""
    write_network(folder, 64, 8, 10)
    for name in ("sensdb.db", "study.db"):
        shutil.copyfile(study_of_digits, folder / name)
    return folder
