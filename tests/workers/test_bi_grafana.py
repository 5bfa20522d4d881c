"""The Grafana dashboards: their structure, and every query run as a reader on a migrated PostgreSQL.

Grafana itself is in no package registry, so its macros and variables are filled in here as its documentation says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import Any

import pytest
import sqlalchemy as sa
from ruamel.yaml import YAML

from sensdb.database.bundled import bundled
from tests.reader import Reader

GRAFANA = bundled("workers") / "bi" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in GRAFANA.glob("dashboards/*.json")}
PANELS = [(name, panel) for name, made in sorted(DASHBOARDS.items()) for panel in made["panels"]]
VARIABLES = [
    (name, one)
    for name, made in sorted(DASHBOARDS.items())
    for one in made["templating"]["list"]
    if one["type"] == "query"
]
KINDS = {"stat", "table", "timeseries", "barchart", "xychart"}
COLUMNS_ACROSS = 24
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "${datasource}"}
INTERVAL_SECONDS = 300


def title(given: Any) -> str:
    return given if isinstance(given, str) else str(given.get("title") or given.get("name"))


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["rawSql"] for target in panel["targets"]]


def filled(text: str, connection: sa.Connection) -> str:
    """The query that Grafana sends: all of each variable chosen, the last day, an interval of five minutes."""
    for name in set(re.findall(r"\$\{(\w+):sqlstring\}", text)):
        (variable,) = {one["query"] for _, one in VARIABLES if one["name"] == name}
        values = connection.exec_driver_sql(variable).scalars().all()
        text = text.replace(
            f"${{{name}:sqlstring}}", ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        )
    text = text.replace("$__interval", f"{INTERVAL_SECONDS}s")
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 between now() - interval '1 day' and now()", text)
    group = rf'floor(extract(epoch from \1)/{INTERVAL_SECONDS})*{INTERVAL_SECONDS} AS "time"'
    text = re.sub(rf"\$__timeGroupAlias\((\w+), {INTERVAL_SECONDS}s\)", group, text)
    assert "$" not in text
    return text


def rows(reader: Reader, text: str) -> list[dict[str, Any]]:
    with reader.connected() as connection:
        return [dict(row._mapping) for row in connection.exec_driver_sql(filled(text, connection))]


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_a_dashboard_is_in_the_form_that_is_imported_without_migration(name: str) -> None:
    made = DASHBOARDS[name]

    assert made["uid"] == f"sensdb-{name}"
    assert made["schemaVersion"] >= 39
    assert "id" not in made  # a number of the Grafana it came from
    assert made["templating"]["list"][0] == {
        "name": "datasource",
        "label": "Database",
        "type": "datasource",
        "query": SOURCE["type"],
        "refresh": 1,
        "current": {},
        "options": [],
    }
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    for panel in made["panels"]:
        assert panel.keys() >= {"id", "type", "title", "gridPos", "fieldConfig", "options", "targets", "pluginVersion"}
        assert panel["type"] in KINDS
        assert panel["datasource"] == SOURCE
        for target in panel["targets"]:
            assert (target["datasource"], target["rawQuery"], target["editorMode"]) == (SOURCE, True, "code")
            assert target["format"] == ("time_series" if panel["type"] == "timeseries" else "table")


@pytest.mark.parametrize("name", sorted(DASHBOARDS))
def test_panels_lie_beside_each_other(name: str) -> None:
    covered: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS_ACROSS
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & cells, panel["title"]
        covered |= cells


@pytest.mark.parametrize(("name", "variable"), VARIABLES, ids=title)
def test_a_variable_offers_values(name: str, variable: dict[str, Any], reader: Reader) -> None:
    assert rows(reader, variable["query"])
    assert variable["datasource"] == SOURCE


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=title)
def test_a_panel_shows_what_a_reader_can_ask(name: str, panel: dict[str, Any], reader: Reader) -> None:
    for query in queries(panel):
        found = rows(reader, query)

        assert found, query
        for column in named_columns(panel):
            assert column in found[0]
        if panel["type"] == "timeseries":
            assert list(found[0]) in (["time", "metric", "value"], ["time", "done"])
            assert sorted(found, key=lambda row: row["time"]) == found
        if panel["type"] == "xychart":
            assert all(isinstance(row[name], float) for row in found for name in named_columns(panel))


def named_columns(panel: dict[str, Any]) -> set[str]:
    """Columns that options and overrides of a panel name."""
    matchers = [one["matcher"] for one in panel["fieldConfig"]["overrides"]]
    for series in panel["options"].get("series", ()):
        matchers += [series["x"]["matcher"], series["y"]["matcher"]]
    named = {matcher["options"] for matcher in matchers if matcher["id"] == "byName"}
    return named | ({panel["options"]["xField"]} if "xField" in panel["options"] else set())


def provisioned(path: str) -> dict[str, Any]:
    made: dict[str, Any] = YAML(typ="safe").load(GRAFANA / "provisioning" / path)
    assert made["apiVersion"] == 1
    return made


def compose() -> dict[str, Any]:
    made: dict[str, Any] = YAML(typ="safe").load(bundled("workers") / "container" / "compose.yaml")
    return made


def test_the_source_is_of_the_dashboards_kind_and_its_password_stands_in_the_environment() -> None:
    (source,) = provisioned("datasources/sensdb.yaml")["datasources"]

    assert source["type"] == SOURCE["type"]
    assert source["secureJsonData"] == {"password": "$SENSDB_BI_PASSWORD"}
    text = (GRAFANA / "provisioning" / "datasources" / "sensdb.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(r"\$(SENSDB_\w+)", text))
    assert wanted == {f"SENSDB_BI_{name}" for name in ("HOST", "USER", "DATABASE", "SSLMODE", "PASSWORD")}
    assert compose()["services"]["grafana"]["environment"].keys() == wanted


def test_the_compose_file_puts_dashboards_where_grafana_looks() -> None:
    (provider,) = provisioned("dashboards/sensdb.yaml")["providers"]
    mounted = dict(volume.split(":")[:2] for volume in compose()["services"]["grafana"]["volumes"])

    container = bundled("workers") / "container"
    assert {(container / source).resolve(): target for source, target in mounted.items()} == {
        (GRAFANA / "dashboards").resolve(): provider["options"]["path"],
        (GRAFANA / "provisioning").resolve(): "/etc/grafana/provisioning",
    }


def test_the_compose_file_gives_the_reader_its_password(reader: Reader, postgresql_admin: sa.Engine) -> None:
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed (Debian: apt-get install postgresql-client)")
    given = compose()["services"]["reader-password"]
    (shell, flag, script) = given["command"]
    owner = postgresql_admin.url.set(database=reader.database)
    before = {"PATH": os.environ["PATH"], "PGHOST": str(owner.host), "PGPORT": str(owner.port)}
    secret = {
        "SENSDB_BI_PASSWORD": 'it\'s "secret" $1',
        "PGUSER": str(owner.username),
        "PGDATABASE": str(owner.database),
    }

    # Compose turns $$ into $; the role of the test stands in for the compose file's.
    done = subprocess.run(
        [shell, flag, script.replace("$$", "$").replace("bi_reader", reader.role)],
        env={**before, **secret},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    with postgresql_admin.connect() as connection:
        stored = connection.exec_driver_sql(f"select rolpassword from pg_authid where rolname = '{reader.role}'")
        assert str(stored.scalar()).startswith("SCRAM-SHA-256$")
