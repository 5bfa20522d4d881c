"""A folder that this user may not write in, as a database on a colleague's disk is: one line, a hint, exit code 1."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensdb.database.migrate import initialise
from tests.cli.running import CONSOLE

# Root may write everywhere, unless it gives that right up.
AS_OTHERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder with a database, both read-only."""
    if AS_OTHERS and shutil.which(AS_OTHERS[0]) is None:
        pytest.skip("root writes everywhere, and there is no setpriv (util-linux) to give that up")
    folder = tmp_path / "closed"
    folder.mkdir()
    initialise(f"sqlite:///{folder}/study.db")
    (folder / "study.db").chmod(0o444)
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def refused(*arguments: str) -> str:
    """What a command says on stderr that ends with 1 and prints nothing."""
    ran = subprocess.run([*AS_OTHERS, *CONSOLE, *arguments], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr


def test_init_in_a_folder_that_may_not_be_written_names_the_folder(closed: Path) -> None:
    assert refused("--database", f"sqlite:///{closed}/new.db", "init") == (
        f"Error: cannot write in {closed}: Permission denied.\nHint: name a database in a folder you may write in.\n"
    )


def test_reading_a_database_in_a_folder_that_may_not_be_written_says_why_that_is_needed(closed: Path) -> None:
    url = f"sqlite:///{closed}/study.db"

    assert refused("--database", url, "status") == (
        f"Error: cannot connect to {url}: attempt to write a readonly database\n"
        "Hint: may this user write the file and its folder? SQLite needs that even to read: copy the file to one of"
        " yours.\n"
    )
