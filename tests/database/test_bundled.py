"""The folders at the top of the repository are found in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensdb import version
from sensdb.database.bundled import bundled
from sensdb.errors import SensdbError

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that sensdb seems to be installed in."""
    package = tmp_path / "site-packages" / "sensdb"
    package.mkdir(parents=True)
    monkeypatch.setattr(version, "__file__", str(package / "version.py"))
    return package


@pytest.mark.parametrize("name", ["migrations", "queries", "workers"])
def test_a_checkout_uses_its_own_folders(name: str) -> None:
    assert bundled(name) == CHECKOUT / name


def test_an_installed_wheel_uses_the_copy_within_it(installed: Path) -> None:
    (installed / "_bundled" / "migrations").mkdir(parents=True)
    (installed.parent / "migrations").mkdir()  # another project's, which a wheel must not take for ours

    assert bundled("migrations") == installed / "_bundled" / "migrations"


def test_a_damaged_installation_names_what_is_missing(installed: Path) -> None:
    (installed.parent / "migrations").mkdir()

    with pytest.raises(SensdbError) as raised:
        bundled("migrations")

    assert raised.value.message == f"the folder migrations of sensdb is missing at {installed}/_bundled/migrations."
    assert raised.value.hint == "pip install --force-reinstall sensdb"
