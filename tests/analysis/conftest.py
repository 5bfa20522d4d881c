"""A database whose rows a test makes by hand, and questions to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.analysis.answer import Answer
from sensdb.analysis.ask import ask, ask_sql
from sensdb.analysis.population import Filters
from sensdb.database.engine import open_engine
from tests.mirror.stored import add_models


class Study:
    """Rows go in by `add`, questions by `ask` and `sql`; each question syncs first."""

    def __init__(self, url: str, cache: Path) -> None:
        self.url, self.cache = url, cache
        self.engine: sa.Engine = open_engine(url)

    def add(self, *models: dict[str, Any], sweep: str | None = None) -> list[int]:
        return add_models(self.engine, models, sweep=sweep)

    def ask(self, name: str, filters: Filters | None = None, queries: Path | None = None, **parameters: Any) -> Answer:
        return ask(self.url, self.cache, name, parameters, filters, queries=queries)

    def sql(self, text: str, filters: Filters | None = None, **parameters: Any) -> Answer:
        return ask_sql(self.url, self.cache, text, parameters, filters)


@pytest.fixture
def study(sqlite_url: str, tmp_path: Path) -> Iterator[Study]:
    """An empty study on SQLite."""
    made = Study(sqlite_url, tmp_path / "cache")
    yield made
    made.engine.dispose()
