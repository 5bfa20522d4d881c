"""What BI clients are tried on: a reader of a database with a row of every kind and a million points of one model.

Environment:
    SENSDB_BI_CHECK=1: run these (make bi-check sets it); a client that is absent is skipped with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.definitions.metrics import POINT_METRICS
from tests.bi.expected import BIG_MODEL, N_BIG
from tests.reader import Reader, planted_for_a_reader

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave a million rows and other people's programs out of the ordinary tests."""
    if os.environ.get("SENSDB_BI_CHECK") == "1":
        return
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.skip(reason="BI clients on a million rows: make bi-check"))


@pytest.fixture(scope="session")
def reader(postgresql_admin: sa.Engine, postgresql_template: str) -> Iterator[Reader]:
    """Nobody writes to its database, so one serves all clients."""
    name = f"sensdb_bi_check_{os.getpid()}"
    with planted_for_a_reader(postgresql_admin, postgresql_template, name) as made:
        _fill(postgresql_admin.url.set(database=name).render_as_string(hide_password=False))
        yield made


def _fill(url: str) -> None:
    share = "mod(i, 1024) / 1024.0"
    values = {"boolean": "mod(i, 3) = 0", "integer": "mod(i, 10)", "real4": share, "real8": share}
    names = ", ".join(metric.name for metric in POINT_METRICS)
    listed = ", ".join(values[metric.storage] for metric in POINT_METRICS)
    owner = open_engine(url, limits=False)
    with owner.begin() as connection:
        connection.exec_driver_sql(
            f"insert into point_metrics (model_id, point_index, {names})"
            f" select {BIG_MODEL}, i, {listed} from generate_series(0, {N_BIG - 1}) as i"
        )
    owner.dispose()
