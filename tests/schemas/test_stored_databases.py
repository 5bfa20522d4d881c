"""Databases of every released schema are upgraded with their rows; an upgrade that fails leaves them as they were."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sensdb.database import migrate, schema
from sensdb.database.bundled import bundled
from sensdb.database.engine import open_engine, reading
from sensdb.database.migrate import initialise
from sensdb.database.url import parse_url, sqlite_path
from sensdb.database.views import VIEWS
from sensdb.jobs.queue import Queue
from sensdb.results.writer import store
from tests.conformance.factories import a_result, enqueue, scalar, some_specs
from tests.schemas.store import stored

REVISIONS = sorted(path.name[:4] for path in bundled("migrations").glob("versions/[0-9]*.py"))
FOLLOWS_FROM_THE_CODE = {"data_dictionary", schema.VERSION_TABLE}

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{last}"

def upgrade():
    rebuild = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("models", recreate=rebuild, table_kwargs={{"sqlite_autoincrement": True}}) as batch:
        batch.add_column(sa.Column("remark", sa.Text(), nullable=True))
    {then}
"""


@pytest.fixture(params=REVISIONS)
def revision(request: pytest.FixtureRequest) -> str:
    """Each released revision."""
    return str(request.param)


@pytest.fixture
def old_url(empty_database_url: str, revision: str) -> str:
    """A database as the release of this revision left it; the test runs once on each kind."""
    load(empty_database_url, revision)
    return empty_database_url


def load(url: str, revision: str) -> None:
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(sqlite_path(parsed))) as connection:
            connection.executescript(stored(revision, "sqlite").read_text(encoding="utf-8"))
        return
    engine = open_engine(url)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.execute(stored(revision, "postgresql").read_text(encoding="utf-8"))
        driver.commit()
    engine.dispose()


def rows(url: str) -> dict[str, list[dict[str, str]]]:
    """Every row of every table but those that init writes anew, as text."""
    engine = open_engine(url, read_only=True)
    with reading(engine) as connection:
        found = {}
        for table in sorted(set(sa.inspect(connection).get_table_names()) - FOLLOWS_FROM_THE_CODE):
            listed = [dict(row._mapping) for row in connection.execute(sa.text(f"select * from {table}"))]
            found[table] = sorted(({name: str(value) for name, value in row.items()} for row in listed), key=str)
    engine.dispose()
    return found


def kept(before: dict[str, list[dict[str, str]]], after: dict[str, list[dict[str, str]]]) -> bool:
    """Whether all rows are there still, whatever columns came to them."""
    return all(
        [{name: row.get(name) for name in old} for old, row in zip(listed, after[table], strict=True)] == listed
        for table, listed in before.items()
    )


def next_revision(monkeypatch: pytest.MonkeyPatch, folder: Path, *, then: str = "pass") -> str:
    """A revision after the newest that rebuilds the table most others refer to, as SQLite must for many changes."""
    versions = folder / "migrations" / "versions"
    if not versions.exists():
        shutil.copytree(bundled("migrations"), folder / "migrations")
    last = REVISIONS[-1]
    following = f"{int(last) + 1:04d}"
    text = NEXT.format(next=following, last=last, then=then)
    (versions / f"{following}_rebuild.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(migrate, "bundled", lambda name: folder / name)
    monkeypatch.setattr(schema, "REVISION", following)
    return following


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_every_revision_has_its_stored_database(database: str) -> None:
    missing = [revision for revision in REVISIONS if not stored(revision, database).exists()]

    assert not missing, "python -m tests.schemas.store writes those of the newest revision"


def test_a_stored_database_holds_rows_of_the_tables_that_matter(old_url: str) -> None:
    before = rows(old_url)

    assert {len(before[table]) for table in ("models", "jobs", "sweep_models")} == {5}
    assert [len(before[table]) for table in ("model_metrics", "point_metrics", "artifacts")] == [2, 3, 1]


def test_an_old_database_is_brought_up_to_date_with_its_rows(old_url: str, revision: str) -> None:
    before = rows(old_url)

    done = initialise(old_url)

    assert (done.before, done.revision) == (revision, schema.REVISION)
    assert kept(before, rows(old_url))


def test_an_upgraded_database_answers_and_works_on(old_url: str) -> None:
    initialise(old_url)
    engine = open_engine(old_url)
    queue = Queue(engine)

    counts = {view: scalar(engine, f"select count(*) from {view}") for view in VIEWS}
    enqueue(queue, some_specs(6), "a study", text="more")
    claimed = queue.claim("worker", 10)
    accepted = store(queue, [a_result(job) for job in claimed])
    engine.dispose()

    assert (counts["v_models"], counts["v_points"], counts["v_sweep_progress"]) == (2, 3, 1)
    assert len(accepted) == len(claimed) == 2  # the one that was queued, and the new one


def test_rebuilding_a_table_loses_no_row_of_those_that_refer_to_it(
    old_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = rows(old_url)
    following = next_revision(monkeypatch, tmp_path)

    done = initialise(old_url)

    after = rows(old_url)
    assert (done.action, done.revision) == ("upgraded", following)
    assert kept(before, after)
    assert set(after["models"][0]) - set(before["models"][0]) == {"remark"}


def test_views_over_a_rebuilt_table_are_there_again(
    old_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    initialise(old_url)
    next_revision(monkeypatch, tmp_path)

    initialise(old_url)

    engine = open_engine(old_url)
    assert scalar(engine, "select count(*) from v_models") == 2
    engine.dispose()


def test_an_upgrade_that_fails_leaves_the_old_schema_and_can_be_repeated(
    old_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    initialise(old_url)
    before = rows(old_url)
    next_revision(monkeypatch, tmp_path, then="raise RuntimeError('the machine stops here')")
    with pytest.raises(RuntimeError, match="stops here"):
        initialise(old_url)

    assert rows(old_url) == before  # and no table _alembic_tmp_models is left in the way
    next_revision(monkeypatch, tmp_path)
    assert initialise(old_url).action == "upgraded"
    assert kept(before, rows(old_url))


def test_a_table_numbers_on_after_its_rebuild(old_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    next_revision(monkeypatch, tmp_path)
    initialise(old_url)
    engine = open_engine(old_url)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        columns = re.sub(r"\bmodel_id, ", "", ", ".join(schema.models.columns.keys()))
        chosen = columns.replace("spec_sha256", f"'{'f' * 64}'", 1)
        connection.exec_driver_sql(f"insert into models ({columns}) select {chosen} from models where model_id = 1")

    assert scalar(engine, "select max(model_id) from models") == 6
    engine.dispose()
