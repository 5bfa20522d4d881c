"""Asks a Superset, from inside, what it made of the bundle: prints one JSON object. Runs under Superset's own Python.

Args: the user and the password of an administrator, the statements it must not get through.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from superset.app import create_app


class Client:
    """The HTTP interface, called without a server."""

    def __init__(self, user: str, password: str) -> None:
        self._client = create_app().test_client()
        self._headers: dict[str, str] = {}
        given = {"username": user, "password": password, "provider": "db", "refresh": True}
        self._headers = {"Authorization": f"Bearer {self.call('post', 'security/login', given)['access_token']}"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request, or {"error": text}."""
        answer = getattr(self._client, method)(f"/api/v1/{path}", json=body, headers=self._headers)
        return answer.json if answer.status_code < 400 else {"error": answer.get_data(as_text=True)}


def query(given: dict[str, Any]) -> dict[str, Any]:
    """What the chart's page asks for, from the settings of the chart."""
    dimensions = [given[key] for key in ("x_axis", "entity", "series") if key in given]
    metrics = [given[key] for key in ("x", "y", "size") if key in given] + given.get("metrics", [])
    return {
        "columns": dimensions + given.get("groupby", []) + given.get("all_columns", []),
        "metrics": metrics or None,
        "filters": [
            {"col": one["subject"], "op": one["operator"], "val": one.get("comparator")}
            for one in given["adhoc_filters"]
        ],
        "orderby": [json.loads(order) for order in given.get("order_by_cols", ())],
        "row_limit": given["row_limit"],
    }


def charts(client: Client) -> dict[str, Any]:
    """Each chart's title with the number of rows it shows, or what went wrong."""
    found = {}
    for chart in client.call("get", "chart/?q=(page_size:100)")["result"]:
        source = {"id": chart["datasource_id"], "type": "table"}
        body = {"datasource": source, "force": True, "queries": [query(json.loads(chart["params"]))]}
        answer = client.call("post", "chart/data", body)
        found[chart["slice_name"]] = answer.get("error") or answer["result"][0]["rowcount"]
    return found


def columns(client: Client, database: int, view: str) -> dict[str, str]:
    """The columns of a dataset newly made from a view, with their descriptions."""
    made = client.call("post", "dataset/", {"database": database, "schema": "public", "table_name": view})
    listed = client.call("get", f"dataset/{made['id']}")["result"]["columns"]
    return {column["column_name"]: column["description"] for column in listed}


def written(client: Client, database: int, statements: list[str]) -> list[str]:
    """What became of statements after Superset itself was told to let them through."""
    client.call("put", f"database/{database}", {"allow_dml": True})
    body = {"database_id": database, "schema": "public", "runAsync": False}
    answers = [client.call("post", "sqllab/execute/", {**body, "sql": statement}) for statement in statements]
    return [str(answer.get("error", "done")) for answer in answers]


def main() -> None:
    """Print the answer."""
    user, password, statements = sys.argv[1:]
    client = Client(user, password)
    database = client.call("get", "database/")["result"][0]["id"]
    listed = client.call("get", f"database/{database}/tables/?q=(schema_name:public)")["result"]
    answer = {
        "dashboards": [one["dashboard_title"] for one in client.call("get", "dashboard/")["result"]],
        "charts": charts(client),
        "views": [one["value"] for one in listed if one["type"] == "view"],
        "columns": columns(client, database, "v_models"),
        "written": written(client, database, json.loads(statements)),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
