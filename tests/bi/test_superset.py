"""Apache Superset itself: the bundle is imported, and every chart of it asked. In an environment of its own.

Environment:
    SENSDB_BI_SUPERSET: 1 to install it (800 MB, some minutes), or the folder of an environment that has it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sensdb.database.bundled import bundled
from sensdb.database.views import VIEWS
from tests.bi.expected import WRITES
from tests.reader import Reader

# flask-caching 2.5 breaks a fresh Superset 6.1, which forgets to ask for rich and cachetools: look at its next version.
PACKAGES = ("apache-superset==6.1.0", "flask-caching==2.3.1", "rich", "cachetools", "psycopg2-binary")
BUNDLE = bundled("workers") / "bi" / "superset"
PROGRAM = Path(__file__).with_name("superset_client.py")
SECONDS = 900


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with Superset."""
    asked = os.environ.get("SENSDB_BI_SUPERSET", "")
    if not asked:
        pytest.skip("SENSDB_BI_SUPERSET=1 installs Superset and imports the bundle into it")
    folder = tmp_path_factory.mktemp("superset") if asked == "1" else Path(asked)
    programs = folder / "bin"
    if not (programs / "superset").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", *PACKAGES], check=True, timeout=2 * SECONDS)
    return programs


@pytest.fixture(scope="module")
def answer(superset: Path, reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a new Superset says after the import."""
    home = tmp_path_factory.mktemp("home")
    password = secrets.token_urlsafe(12)
    settings = [f"SECRET_KEY = '{secrets.token_urlsafe(42)}'", f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{home}/own.db'"]
    (home / "superset_config.py").write_text("\n".join([*settings, "WTF_CSRF_ENABLED = False", ""]))
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "SENSDB"))}
    environment |= {"SUPERSET_CONFIG_PATH": str(home / "superset_config.py"), "SUPERSET_HOME": str(home)}
    environment |= {"FLASK_APP": "superset"}

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            arguments, cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    run(superset / "superset", "db", "upgrade")
    name = ("--firstname", "a", "--lastname", "b", "--email", "a@localhost")
    run(superset / "superset", "fab", "create-admin", "--username", "admin", *name, "--password", password)
    run(superset / "superset", "init")
    run(superset / "superset", "import-dashboards", "-p", zipped(reader, home), "-u", "admin")
    printed = run(superset / "python", PROGRAM, "admin", password, json.dumps(WRITES))
    said: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return said


def zipped(reader: Reader, folder: Path) -> Path:
    """The bundle with the reader's database in it."""
    shutil.copytree(BUNDLE, folder / "bundle" / "superset")
    written = folder / "bundle" / "superset" / "databases" / "sensdb.yaml"
    described = YAML(typ="safe").load(written) | {"sqlalchemy_uri": reader.url("postgresql+psycopg2")}
    YAML().dump(described, written)
    return Path(shutil.make_archive(str(folder / "sensdb"), "zip", folder / "bundle", "superset"))


def test_superset_has_both_dashboards_after_the_import(answer: dict[str, Any]) -> None:
    assert sorted(answer["dashboards"]) == ["sensdb: progress", "sensdb: results"]


def test_superset_shows_rows_in_every_chart(answer: dict[str, Any]) -> None:
    titles = {YAML(typ="safe").load(path)["slice_name"] for path in BUNDLE.glob("charts/*.yaml")}

    assert answer["charts"].keys() == titles
    assert {title: found for title, found in answer["charts"].items() if not isinstance(found, int) or found < 1} == {}


def test_superset_lists_every_view(answer: dict[str, Any]) -> None:
    assert set(answer["views"]) == VIEWS.keys()


def test_superset_describes_the_columns_of_a_new_dataset(answer: dict[str, Any]) -> None:
    assert answer["columns"] == {column.name: column.description for column in VIEWS["v_models"].columns}


def test_superset_is_refused_every_write_even_where_it_would_let_it_through(answer: dict[str, Any]) -> None:
    assert len(answer["written"]) == len(WRITES)
    assert [text for text in answer["written"] if text == "done"] == []
