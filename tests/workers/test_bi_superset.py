"""The Superset bundle: its references, and every column, metric and chart asked as a reader on a migrated PostgreSQL.

tests/bi/test_superset.py imports it into Superset itself, where that is installed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ruamel.yaml import YAML

from sensdb.database.bundled import bundled
from sensdb.database.views import VIEWS
from tests.reader import Reader

BUNDLE = bundled("workers") / "bi" / "superset"
TYPES = {
    "bigint": "BIGINT",
    "integer": "BIGINT",
    "double precision": "DOUBLE PRECISION",
    "real": "DOUBLE PRECISION",
    "text": "TEXT",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}
VISUALISATIONS = {"table", "bubble_v2", "echarts_timeseries_bar", "echarts_timeseries_line"}
OPERATORS = {"==": "= {}", "IN": "in {}", "IS NULL": "is null"}


def loaded(kind: str) -> dict[str, dict[str, Any]]:
    """The bundle's files of a kind, by uuid."""
    made = [YAML(typ="safe").load(path) for path in sorted(BUNDLE.glob(f"{kind}/**/*.yaml"))]
    by_uuid = {one["uuid"]: one for one in made}
    assert len(by_uuid) == len(made)
    return by_uuid


DATABASES, DATASETS, CHARTS, DASHBOARDS = map(loaded, ("databases", "datasets", "charts", "dashboards"))


def name(given: Any) -> str:
    return str(given.get("table_name") or given.get("slice_name") or given.get("dashboard_title"))


def source(dataset: dict[str, Any]) -> str:
    """What stands after FROM when Superset asks the dataset."""
    return f"({dataset['sql']}) as virtual" if dataset["sql"] else f"public.{dataset['table_name']}"


def metrics(dataset: dict[str, Any]) -> dict[str, str]:
    return {one["metric_name"]: one["expression"] for one in dataset["metrics"]}


def described(reader: Reader, text: str) -> dict[str, str]:
    """The columns of a query with their types, as the server names them."""
    with reader.connected() as connection:
        asked = connection.exec_driver_sql(f"select * from {text} limit 0").cursor
        assert asked is not None
        ids = [(column.name, column.type_code) for column in asked.description]
        named = "select format_type(cast(:id as oid), null)"
        return {column: connection.execute(sa.text(named), {"id": kind}).scalar_one() for column, kind in ids}


def test_the_bundle_has_the_folders_that_an_import_takes() -> None:
    about = YAML(typ="safe").load(BUNDLE / "metadata.yaml")

    assert (about["version"], about["type"]) == ("1.0.0", "Dashboard")
    assert {path.name for path in BUNDLE.iterdir()} == {
        "metadata.yaml",
        "databases",
        "datasets",
        "charts",
        "dashboards",
    }
    for made in (DATABASES, DATASETS, CHARTS, DASHBOARDS):
        assert {one["version"] for one in made.values()} == {"1.0.0"}


def test_every_reference_leads_to_a_file_of_the_bundle() -> None:
    assert {one["database_uuid"] for one in DATASETS.values()} == DATABASES.keys()
    assert {one["dataset_uuid"] for one in CHARTS.values()} == DATASETS.keys()
    shown: list[str] = []
    for made in DASHBOARDS.values():
        parts = {key: part for key, part in made["position"].items() if isinstance(part, dict)}
        assert all(part["id"] == key for key, part in parts.items())
        children = [child for part in parts.values() for child in part.get("children", ())]
        assert sorted(children) == sorted(parts.keys() - {"ROOT_ID", "HEADER_ID"})
        shown += [part["meta"]["uuid"] for part in parts.values() if part["type"] == "CHART"]
        for row in (part for part in parts.values() if part["type"] == "ROW"):
            assert sum(parts[child]["meta"]["width"] for child in row["children"]) <= 12
        for chosen in made["metadata"]["native_filter_configuration"]:
            for target in chosen["targets"]:
                columns = {one["column_name"] for one in DATASETS[target["datasetUuid"]]["columns"]}
                assert target["column"]["name"] in columns
    assert sorted(shown) == sorted(CHARTS)


def test_the_database_is_a_reader_without_a_password() -> None:
    (database,) = DATABASES.values()
    url = sa.make_url(database["sqlalchemy_uri"])

    assert (url.drivername, url.password) == ("postgresql+psycopg2", None)
    assert not any(database[right] for right in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload"))


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=name)
def test_a_dataset_has_the_columns_and_types_of_what_it_reads(dataset: dict[str, Any], reader: Reader) -> None:
    declared = {column["column_name"]: column["type"] for column in dataset["columns"]}

    found = {column: TYPES[kind] for column, kind in described(reader, source(dataset)).items()}

    assert declared == found
    times = {column["column_name"] for column in dataset["columns"] if column["is_dttm"]}
    assert times == {column for column, kind in declared.items() if kind.startswith("TIMESTAMP")}
    assert dataset["main_dttm_col"] is None or dataset["main_dttm_col"] in times


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=name)
def test_a_dataset_reads_views_alone(dataset: dict[str, Any]) -> None:
    read = set(re.findall(r"(?:from|join) (\w+)", dataset["sql"] or f"from {dataset['table_name']}"))

    assert read - set(re.findall(r"(\w+) as \(", dataset["sql"] or "")) <= VIEWS.keys()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=name)
def test_every_metric_is_a_number_or_a_time(dataset: dict[str, Any], reader: Reader) -> None:
    listed = ", ".join(f"{expression} as {metric}" for metric, expression in metrics(dataset).items())

    found = described(reader, f"(select {listed} from {source(dataset)}) as asked")

    assert set(found.values()) <= {"bigint", "numeric", "double precision", "real", "timestamp with time zone"}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=name)
def test_a_chart_shows_what_a_reader_can_ask(chart: dict[str, Any], reader: Reader) -> None:
    assert chart["viz_type"] == chart["params"]["viz_type"]
    assert chart["viz_type"] in VISUALISATIONS

    with reader.connected() as connection:
        found = connection.exec_driver_sql(asked(chart)).all()

    assert found, asked(chart)


def asked(chart: dict[str, Any]) -> str:
    """The query of a chart: its dimensions and metrics, filtered, grouped and sorted."""
    dataset = DATASETS[chart["dataset_uuid"]]
    given, known = chart["params"], metrics(dataset)
    columns = {column["column_name"] for column in dataset["columns"]}
    dimensions = [given[key] for key in ("x_axis", "entity", "series") if key in given]
    dimensions += given.get("groupby", []) + given.get("all_columns", [])
    shown = [known[given[key]] for key in ("x", "y", "size") if key in given]
    shown += [known[metric] for metric in given.get("metrics", ())]
    assert set(dimensions) <= columns
    text = f"select {', '.join([*dimensions, *shown])} from {source(dataset)}"
    conditions = []
    for condition in given["adhoc_filters"]:
        assert condition["subject"] in columns
        value = condition.get("comparator")
        literal = "(" + ", ".join(map(repr, value)) + ")" if isinstance(value, list) else repr(value)
        conditions.append(f"{condition['subject']} {OPERATORS[condition['operator']].format(literal)}")
    text += f" where {' and '.join(conditions)}" if conditions else ""
    text += f" group by {', '.join(dimensions)}" if shown else ""
    for order in given.get("order_by_cols", ()):
        matched = re.fullmatch(r'\["(\w+)", (true|false)\]', order)
        assert matched is not None
        text += f" order by {matched[1]} {'asc' if matched[2] == 'true' else 'desc'}"
    return f"{text} limit {given['row_limit']}"


def test_the_files_lie_where_their_database_says() -> None:
    (database,) = DATABASES.values()
    folder = Path("datasets") / database["database_name"]

    assert {path.parent for path in BUNDLE.glob("datasets/**/*.yaml")} == {BUNDLE / folder}
