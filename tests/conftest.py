"""Databases for the tests: every test gets its own, migrated, on SQLite and on PostgreSQL.

Environment:
    SENSDB_TEST_PG_URL: a server to use instead of one the tests start; its user may CREATE DATABASE.
    SENSDB_TEST_PG_BIN: the folder of the programs of the server that the tests start; see tests/postgresql.py.
    SENSDB_SKIP_POSTGRESQL=1: leave PostgreSQL out; without it a server that does not start fails the tests.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa

from sensdb.database.engine import open_engine
from sensdb.database.migrate import initialise
from tests.postgresql import Cluster

# No test is timed: a loaded machine makes any example slow.
hypothesis.settings.register_profile("sensdb", deadline=None)
hypothesis.settings.load_profile("sensdb")

_counter = itertools.count()


def pytest_configure() -> None:
    """A run that is told to stop (timeout sends TERM) ends as by Ctrl-C, so that its server is stopped too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell starts what it puts in the background deaf to Ctrl-C, and what the tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # More processes than cores: threads that share one product would spin while they wait for each other.
    # Where no GPU is, Triton's kernels are read by its interpreter; it asks for this when it is imported.
    if not Path("/proc/driver/nvidia").exists():
        os.environ.setdefault("TRITON_INTERPRET", "1")
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Half of the processes begin with the modules whose tests wait long: what is begun last, ends last.

    The others keep the cores busy meanwhile. `--dist worksteal` hands each process an equal share of the list, in
    order, and an idle one takes from the end of another's.
    """
    long = [item for item in items if item.get_closest_marker("long")]
    short = iter([item for item in items if not item.get_closest_marker("long")])
    modules = list(dict.fromkeys(item.path for item in long))
    n_processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    n_waiting = max(1, n_processes // 2)
    ordered: list[pytest.Item] = []
    for process in range(n_processes):
        own = [item for item in long if modules.index(item.path) % n_waiting == process]
        share = (len(items) - len(ordered)) // (n_processes - process)
        ordered += [*own, *itertools.islice(short, max(0, share - len(own)))]
    items[:] = [*ordered, *short]


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """Training flushes denormals in its thread (a rule of the spec); the next test on this thread gets them back."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's maintenance database; started once a process of the tests."""
    if os.environ.get("SENSDB_SKIP_POSTGRESQL") == "1":
        pytest.skip("SENSDB_SKIP_POSTGRESQL=1")
    given = os.environ.get("SENSDB_TEST_PG_URL")
    if given:
        yield given
        return
    cluster = Cluster(in_memory=True)
    try:
        yield cluster.start().url()
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def postgresql_admin(postgresql_server: str) -> Iterator[sa.Engine]:
    """An engine that may create and drop databases."""
    engine = open_engine(postgresql_server, limits=False).execution_options(isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_admin: sa.Engine) -> Iterator[str]:
    """The name of a migrated database from which others are copied."""
    name = f"sensdb_template_{os.getpid()}"
    with postgresql_admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    initialise(_renamed(postgresql_admin.url, name))
    yield name
    _drop(postgresql_admin, name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file from which others are copied."""
    path = tmp_path_factory.mktemp("template") / "sensdb.db"
    initialise(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh, migrated SQLite database."""
    path = tmp_path / f"sensdb-{next(_counter)}.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def new_postgresql(postgresql_admin: sa.Engine) -> Iterator[Callable[..., str]]:
    """A function that makes a database and returns its URL: empty, or a copy of `template`; all dropped at the end."""
    made: list[str] = []

    def make(template: str = "template1") -> str:
        name = f"sensdb_test_{os.getpid()}_{next(_counter)}"
        with postgresql_admin.connect() as connection:
            # Half of the time for a small database that nobody writes to; 14 knows no other way.
            known = (connection.dialect.server_version_info or ()) >= (15,)
            strategy = "STRATEGY FILE_COPY" if known else ""
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
        made.append(name)
        return _renamed(postgresql_admin.url, name).render_as_string(hide_password=False)

    yield make
    for name in made:
        _drop(postgresql_admin, name)


@pytest.fixture
def postgresql_url(new_postgresql: Callable[..., str], postgresql_template: str) -> str:
    """A fresh, migrated PostgreSQL database."""
    return new_postgresql(postgresql_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on `database_url`."""
    made = open_engine(database_url, pool_size=5)
    yield made
    made.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema: a file that is not there yet, or an empty database; once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    make: Callable[..., str] = request.getfixturevalue("new_postgresql")
    return make()


def _renamed(url: sa.URL, database: str) -> sa.URL:
    return url.set(database=database)


def _drop(admin: sa.Engine, name: str) -> None:
    with admin.connect() as connection:
        # FORCE: a test may have left a connection open, or started a process that did.
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
