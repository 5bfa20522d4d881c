"""Export: other programs read from the files what the database holds, and a folder is an export whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from sensdb.analysis.population import Filters
from sensdb.database import schema
from sensdb.database.engine import open_engine, writing
from sensdb.errors import NothingMatched, QueryError, SensdbError
from sensdb.operations import export_files
from sensdb.operations.export import Exported, export
from tests.conformance.factories import query
from tests.database.planted import plant
from tests.mirror.stored import add_models, replace_result


def url_of(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def planted(engine: sa.Engine) -> sa.Engine:
    """Four models with a result in two sweeps, one of them in both; points with and without values."""
    with writing(engine) as connection:
        plant(connection)
        n_points = sa.text("(select count(*) from point_metrics p where p.model_id = model_metrics.model_id)")
        connection.execute(schema.model_metrics.update().values(n_points_stored=n_points))
        if engine.dialect.name == "postgresql":  # the rows above brought their numbers
            connection.exec_driver_sql("select setval(pg_get_serial_sequence('models', 'model_id'), 100)")
            connection.exec_driver_sql("select setval(pg_get_serial_sequence('sweeps', 'sweep_id'), 100)")
    return engine


@pytest.fixture
def study(engine: sa.Engine) -> sa.Engine:
    """A small study on either kind of database."""
    return planted(engine)


@pytest.fixture
def file_study(sqlite_url: str) -> Iterator[sa.Engine]:
    """The same on SQLite alone: what follows comes from the mirror, which is the same for both."""
    made = open_engine(sqlite_url)
    yield planted(made)
    made.dispose()


def run(engine: sa.Engine, folder: Path, file_format: str = "parquet", **filters: Any) -> Exported:
    return export(url_of(engine), folder.parent / "cache", folder, file_format=file_format, filters=Filters(**filters))


def files_of(folder: Path) -> dict[str, str]:
    """Every file but the manifest with its checksum."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }


def points(engine: sa.Engine) -> list[tuple[Any, ...]]:
    return query(engine, "select model_id, point_index, correct, transitions from point_metrics order by 1, 2")


def test_points_lie_by_data_set_and_sweep_and_none_twice(study: sa.Engine, tmp_path: Path) -> None:
    done = run(study, tmp_path / "out")

    assert (done.n_models, done.n_points) == (4, 7)
    assert [path for path in files_of(tmp_path / "out") if path.startswith("point_metrics")] == [
        "point_metrics/dataset=digits/sweep=depth/part-00000.parquet",
        "point_metrics/dataset=digits/sweep=noise/part-00000.parquet",
    ]
    found = duckdb.sql(f"select sweep, count(*) from '{tmp_path}/out/point_metrics/**/*.parquet' group by 1 order by 1")
    assert found.fetchall() == [("depth", 6), ("noise", 1)]


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_duckdb_reads_flags_numbers_and_missing_values(file_study: sa.Engine, tmp_path: Path, file_format: str) -> None:
    run(file_study, tmp_path / "out", file_format)

    reader = "read_parquet" if file_format == "parquet" else "read_csv"
    rows = duckdb.sql(
        "select model_id, point_index, correct, transitions from"
        f" {reader}('{tmp_path}/out/point_metrics/**/*.{file_format}', hive_partitioning = true) order by 1, 2"
    ).fetchall()
    expected = [(a, b, None if c is None else bool(c), d) for a, b, c, d in points(file_study)]
    assert rows == expected
    assert any(value is None for row in rows for value in row)


def test_pandas_reads_the_folder_with_its_partitions(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out")

    models = pd.read_parquet(tmp_path / "out" / "v_models")

    assert sorted(models["model_id"]) == [1, 2, 4, 5]
    assert dict(zip(models["model_id"], models["sweep"], strict=True)) == {
        1: "depth",
        2: "depth",
        4: "depth",
        5: "noise",
    }
    assert str(models["created_at"].dtype) == "datetime64[us, UTC]"
    assert models["created_at"].iloc[0] == pd.Timestamp("2026-01-31T23:59:59.123456Z")
    assert math.isnan(models.set_index("model_id")["test_loss"][4])


def test_files_follow_the_conventions_of_spark(file_study: sa.Engine, tmp_path: Path) -> None:
    with writing(file_study) as connection:
        connection.execute(sa.text("update models set dataset = 'npz:abc' where model_id = 5"))
    run(file_study, tmp_path / "out")

    part = tmp_path / "out" / "point_metrics" / "dataset=npz%3Aabc" / "sweep=noise" / "part-00000.parquet"
    file = pq.ParquetFile(part)
    assert not {"dataset", "sweep"} & set(file.schema_arrow.names)
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    created = pq.read_schema(next((tmp_path / "out" / "v_models").rglob("*.parquet"))).field("created_at")
    assert str(created.type) == "timestamp[us, tz=UTC]"
    named = duckdb.sql(
        f"select distinct dataset from '{tmp_path}/out/point_metrics/**/*.parquet' order by 1"
    ).fetchall()
    assert named == [("digits",), ("npz:abc",)]


def test_csv_tells_empty_text_from_none(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out", "csv")

    lines = (tmp_path / "out" / "data_dictionary.csv").read_text().splitlines()
    assert lines[0] == '"table_name","column_name","data_type","unit","description"'
    assert any(line.startswith('"artifacts","","",""') for line in lines)
    (part,) = (tmp_path / "out" / "v_models").rglob("sweep=noise/*.csv")
    header, row = part.read_text().splitlines()
    place = header.split(",").index('"width"')
    assert row.split(",")[place] == ""


def test_a_duckdb_file_holds_every_view_with_comments(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out", "duckdb", sweep="noise")

    with duckdb.connect(tmp_path / "out" / "sensdb.duckdb", read_only=True) as connection:
        assert connection.sql("select model_id, sweep from v_sweep_models order by 1").fetchall() == [
            (1, "noise"),
            (5, "noise"),
            (6, "noise"),
        ]
        assert connection.sql("select count(*) from v_points").fetchall() == [(4,)]
        uncommented = connection.sql(
            "select table_name, column_name from duckdb_columns()"
            " where table_name like 'v\\_%' escape '\\' and comment is null"
        )
        assert uncommented.fetchall() == []


def test_a_filter_takes_its_models_and_their_points_alone(file_study: sa.Engine, tmp_path: Path) -> None:
    done = run(file_study, tmp_path / "out", sweep="noise", where="hidden_layers = 0")

    assert (done.n_models, done.n_points) == (1, 1)


def test_a_model_of_two_sweeps_lies_under_the_one_asked_for(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out", sweep="noise")

    found = duckdb.sql(f"select distinct sweep, model_id from '{tmp_path}/out/v_models/**/*.parquet' order by 2")
    assert found.fetchall() == [("noise", 1), ("noise", 5)]


def test_the_manifest_names_every_file_with_its_checksum(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out")

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {file["path"]: file["sha256"] for file in manifest["files"]} == files_of(tmp_path / "out")
    assert manifest["tables"]["point_metrics"]["rows"] == 7
    loss = next(column for column in manifest["tables"]["point_metrics"]["columns"] if column["name"] == "loss")
    assert loss["type"] == "real"
    assert loss["description"]


def test_a_repeated_export_writes_nothing_until_results_change(study: sa.Engine, tmp_path: Path) -> None:
    run(study, tmp_path / "out")
    manifest = (tmp_path / "out" / "manifest.json").read_bytes()

    assert run(study, tmp_path / "out").written is False
    assert (tmp_path / "out" / "manifest.json").read_bytes() == manifest

    replace_result(study, 1, points=[{"loss": 0.5}])
    again = run(study, tmp_path / "out")
    assert (again.written, again.n_points) == (True, 5)
    assert sum(pq.read_metadata(path).num_rows for path in (tmp_path / "out" / "point_metrics").rglob("*.parquet")) == 5


def test_the_same_rows_give_the_same_files(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "one")
    run(file_study, tmp_path / "two")

    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_long_partitions_are_cut_into_files(
    file_study: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_files, "FILE_ROWS", 4)

    run(file_study, tmp_path / "out")

    depth = sorted((tmp_path / "out" / "point_metrics" / "dataset=digits" / "sweep=depth").iterdir())
    assert [pq.read_metadata(path).num_rows for path in depth] == [4, 2]


def test_a_folder_with_files_of_others_is_refused_and_left(file_study: sa.Engine, tmp_path: Path) -> None:
    run(file_study, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")

    with pytest.raises(SensdbError, match=r"out holds notes.txt, which no export of sensdb wrote"):
        run(file_study, tmp_path / "out", "csv")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_nothing_to_export_leaves_no_folder(file_study: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(NothingMatched, match="no model to export has a result"):
        run(file_study, tmp_path / "out", sweep="empty")
    with pytest.raises(QueryError, match="there is no sweep 'noize'"):
        run(file_study, tmp_path / "out", sweep="noize")
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


KILLED = """
import sys, time
from pathlib import Path
from sensdb.operations import export
write = export.TableWriter.write
def slowly(*arguments):
    write(*arguments)
    time.sleep(0.2)
export.TableWriter.write = slowly
export.export(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), file_format="parquet")
"""


def test_a_kill_leaves_the_export_before_it_and_the_next_one_cleans_up(study: sa.Engine, tmp_path: Path) -> None:
    run(study, tmp_path / "out")
    before = files_of(tmp_path / "out")
    add_models(study, [{"seed": 7, "points": [{}, {}]}], sweep="later")
    arguments = [url_of(study), str(tmp_path / "cache"), str(tmp_path / "out")]
    child = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
    partial = tmp_path / ".out.partial"
    while not list(partial.rglob("*.parquet")) and child.poll() is None:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert partial.exists()
    assert files_of(tmp_path / "out") == before

    assert run(study, tmp_path / "out").n_models == 5

    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == ["out"]
