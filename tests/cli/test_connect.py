"""`sensdb.connect`, the notebook's door: the rows of the command line, typed, and nothing printed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import sensdb as package
from sensdb.errors import QueryError
from tests.cli.running import Here
from tests.cli.study import N_MODELS, N_POINTS, write_sweep


@pytest.fixture(autouse=True)
def results(finished_tiny: Path, folder: Path) -> None:
    """All models of the sweep tiny with made-up results, in sqlite:///sensdb.db."""
    shutil.copyfile(finished_tiny, folder / "sensdb.db")
    write_sweep(folder)


def test_import_is_light():
    code = "import sys, sensdb; sensdb.connect(); print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    heavy = {"sqlalchemy", "duckdb", "pandas", "numpy", "torch", "click"}
    assert heavy & {name.partition(".")[0] for name in done.stdout.split()} == set()


def test_query_gives_the_rows_of_the_command_line(sensdb: Here):
    frame = package.connect().query("correlation", labels="all")

    shown = json.loads(sensdb("query", "correlation", "-p", "labels=all", "-f", "json").out)
    assert frame.astype(object).where(frame.notna(), None).to_dict("records") == shown


def test_columns_have_the_types_of_the_header():
    frame = package.connect().query("correlation")

    assert pd.api.types.is_string_dtype(frame["metric"])
    assert pd.api.types.is_integer_dtype(frame["n_models"])
    assert pd.api.types.is_float_dtype(frame["spearman"])
    assert list(frame.index) == list(range(len(frame)))


def test_times_are_utc():
    frame = package.connect().sql("select created_at from v_models limit 1")

    assert str(frame["created_at"].dtype.tz) == "UTC"


def test_attrs_say_what_the_answer_is_made_of():
    attrs = package.connect().query("correlation", sweep="tiny").attrs

    assert attrs["query"] == "correlation"
    assert attrs["filters"] == {"sweep": ["tiny"]}
    assert attrs["left_out"] == {"random labels": 3}
    assert attrs["mirror_at"].endswith("Z")
    assert attrs["sensdb_version"] == package.__version__


def test_sql_binds_its_parameters():
    frame = package.connect().sql("select count(*) as n from v_points where model_id = $model", model=1)

    assert frame["n"].tolist() == [N_POINTS]


def test_models_and_points_are_whole_views():
    db = package.connect()

    assert len(db.models()) == N_MODELS
    assert len(db.points(where="hidden_layers = 2")) == 3 * N_POINTS


def test_queries_lists_names_and_questions():
    frame = package.connect().queries()

    assert list(frame.columns) == ["query", "question", "parameters"]
    assert "correlation" in set(frame["query"])


def test_errors_are_those_of_the_command_line():
    with pytest.raises(QueryError) as raised:
        package.connect().query("corelation")

    assert raised.value.message == "no saved query 'corelation'."
    assert raised.value.hint == "did you mean 'correlation'? sensdb query lists all."


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]):
    with package.connect() as db:
        db.query("correlation")
        db.models()

    assert capsys.readouterr() == ("", "")


def test_repr_masks_the_password_and_says_how_much_there_is():
    db = package.connect()
    before = repr(db)
    db.query("correlation")

    assert before == "<sensdb.Database sqlite:///sensdb.db: not synced yet>"
    assert repr(db).startswith(f"<sensdb.Database sqlite:///sensdb.db: {N_MODELS} models done, mirror as of 20")
    assert "canary" not in repr(package.connect("postgresql://bob:canary@host/name"))


def test_the_url_wins_over_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENSDB_DATABASE_URL", "sqlite:///nowhere.db")

    assert len(package.connect("sqlite:///sensdb.db").models()) == N_MODELS


def test_two_connections_share_the_mirror(folder: Path):
    package.connect().models()

    package.connect().models(sync=False)

    assert len(list((folder / "cache" / "mirror").glob("*/manifest.json"))) == 1
