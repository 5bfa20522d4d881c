"""`sensdb copy`: sweeps with their models, jobs and results from one database to another, of either kind.

A model is known in both by the hash of its spec, a result by its result_id. A page of models is a transaction of its
own, and what the target has is looked up anew by each call: so a copy that was killed is finished by the same
command, and one that was finished changes nothing and only compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.engine import open_engine, require_schema
from sensdb.database.migrate import initialise
from sensdb.database.url import check_sqlite_place, mask, parse_url
from sensdb.errors import DatabaseError, UsageError
from sensdb.jobs.listing import find_sweeps
from sensdb.jobs.reader import QueueReader
from sensdb.jobs.transactions import inspect, transact
from sensdb.mirror.arrow import open_source
from sensdb.operations.copy_around import copy_datasets, copy_sweep_texts
from sensdb.operations.copy_page import carry_files, read_page, store_page
from sensdb.operations.copy_values import dictionaries, fingerprints, quoted
from sensdb.results.artifacts import ArtifactStore

PAGE_ROWS = 200_000
"""Point rows a page holds at most, unless one model has more: half a second of SQLite's one writer."""

PAGE_MODELS = 500
SECONDS_A_STATEMENT = 300

Progress = Callable[[int, int], None]
"""Called with the point rows copied or compared so far, and those there are to do."""


@dataclass(frozen=True)
class Model:
    """A model of the source: its key there, its hash, its result if it has one."""

    model_id: int
    spec_sha256: str
    result_id: str | None
    n_points: int


@dataclass
class Copied:
    """What a copy did.

    n_new: models the target did not have. n_results, n_points: results stored, and their point rows.
    n_same: results that were there. n_compared: results whose rows were read in both databases and are equal.
    n_running: models that run in the target, whose results were left. n_other: models whose target has another
    result. n_changed: results replaced or deleted in the source meanwhile. files_left: artifacts that could not be
    read here, each with the reason.
    """

    n_sweeps: int = 0
    n_models: int = 0
    n_new: int = 0
    n_results: int = 0
    n_points: int = 0
    n_same: int = 0
    n_compared: int = 0
    n_running: int = 0
    n_other: int = 0
    n_changed: int = 0
    files_left: list[str] = field(default_factory=list)


def copy_sweeps(
    source_url: str,
    target_url: str,
    names: Sequence[str] = (),
    *,
    artifacts_url: str,
    progress: Progress | None = None,
) -> Copied:
    """Copy sweeps, all by default, and compare every result that both databases then have.

    States of jobs: done, dead, cancelled and queued ones are so in the target, with budgets and attempts; a running
    one is queued there, as if its worker had released it. A model the target has keeps its job and its result; where
    it has no result it gets the source's, unless it is running.

    Args:
        source_url: only read. target_url: gets a schema where it has none.
        names: of sweeps.
        artifacts_url: where the files of both lie.

    Raises:
        DatabaseError: a database cannot be used; a data set differs; rows differ after they were copied.
        NothingMatched: there is no such sweep.
        UsageError: both are the same database.
    """
    source = open_engine(source_url, read_only=True, application_name="sensdb copy", limits=False)
    try:
        require_schema(source)
        target = _open_target(target_url)
        try:
            return _Copy(source, target, names, artifacts_url, progress).run()
        finally:
            target.dispose()
    finally:
        source.dispose()


def _open_target(url: str) -> sa.Engine:
    """The target, with a schema made where there is none; an older one is not upgraded by the way."""
    parsed = parse_url(url)
    missing = parsed.get_backend_name() == "sqlite" and not check_sqlite_place(parsed, must_exist=False).exists()
    if not missing:
        engine = open_engine(parsed, application_name="sensdb copy")
        if inspect(engine, lambda connection: sa.inspect(connection).has_table(schema.VERSION_TABLE)):
            require_schema(engine)
            return engine
        engine.dispose()
    initialise(parsed)
    return open_engine(parsed, application_name="sensdb copy")


class _Copy:
    """One copy, page by page."""

    def __init__(
        self, source: sa.Engine, target: sa.Engine, names: Sequence[str], artifacts_url: str, progress: Progress | None
    ) -> None:
        self._source, self._target = source, target
        identities = [QueueReader(engine).identity for engine in (source, target)]
        if identities[0] == identities[1]:
            raise UsageError(
                f"{mask(source.url)} and {mask(target.url)} are one database, or one is a copy of the other's file.",
                "--to names another database.",
            )
        self._files = [ArtifactStore(artifacts_url, identity) for identity in identities]
        self._names = list(dict.fromkeys(names))
        self._progress = progress
        self._done = self._total = 0
        self._copied = Copied()

    def run(self) -> Copied:
        """Copy, then compare."""
        sweeps = inspect(self._source, self._sweeps)
        models = self._models(sweeps)
        held = self._held()
        lacking = [model for model in models if model.result_id is not None and held.get(model.spec_sha256) is None]
        same = [model for model in models if model.result_id and held.get(model.spec_sha256) == model.result_id]
        copied = self._copied
        copied.n_sweeps, copied.n_models, copied.n_same = len(sweeps), len(models), len(same)
        copied.n_other = sum(model.result_id is not None for model in models) - len(lacking) - len(same)
        # Every row is read once to be copied and once to be compared.
        self._total = sum(model.n_points for model in (*lacking, *lacking, *same))
        self._tell(())
        copy_datasets(self._source, self._target, sweeps if self._names else None)
        copy_sweep_texts(self._source, self._target, sweeps)
        to_move = set(lacking)
        for page in _pages(models):
            same += self._copy(page, sweeps, held)
            self._tell(to_move.intersection(page))
        for page in _pages(same):
            self._compare(page)
            self._tell(page)
        return copied

    def _sweeps(self, connection: sa.Connection) -> list[str]:
        find_sweeps(connection, self._names)
        return self._names or sorted(connection.execute(sa.select(schema.sweeps.c.name)).scalars())

    def _models(self, sweeps: Sequence[str]) -> list[Model]:
        chosen = ""
        if self._names:
            chosen = (
                " WHERE m.model_id IN (SELECT b.model_id FROM sweep_models b JOIN sweeps s ON s.sweep_id = b.sweep_id"
                f" WHERE s.name IN ({', '.join(map(quoted, sweeps))}))"
            )
        model, result = schema.models.c, schema.model_metrics.c
        with open_source(self._source).statements() as read:
            rows = read(
                "SELECT m.model_id AS model_id, m.spec_sha256 AS spec_sha256, r.result_id AS result_id,"
                " r.n_points_stored AS n_points_stored FROM models m LEFT JOIN model_metrics r"
                f" ON r.model_id = m.model_id{chosen} ORDER BY m.model_id",
                [model.model_id, model.spec_sha256, result.result_id, result.n_points_stored],
            )
        return [
            Model(row["model_id"], row["spec_sha256"], row["result_id"], row["n_points_stored"] or 0)
            for row in dictionaries(rows)
        ]

    def _held(self) -> dict[str, str | None]:
        """The result_id of every model the target has, by hash."""
        statement = sa.text(
            "select m.spec_sha256, r.result_id from models m left join model_metrics r on r.model_id = m.model_id"
        )
        rows = inspect(self._target, lambda connection: connection.execute(statement).all())
        return {row.spec_sha256: row.result_id for row in rows}

    def _copy(self, page: Sequence[Model], sweeps: Sequence[str], held: Mapping[str, str | None]) -> list[Model]:
        """Store what the target lacks of a page; returns the models whose results were stored, as they were read."""
        moving = [
            model.model_id
            for model in page
            if model.spec_sha256 not in held or (model.result_id is not None and held[model.spec_sha256] is None)
        ]
        with open_source(self._source).snapshot() as read:
            rows = read_page(read, [model.model_id for model in page], moving, sweeps)
        rows, left = carry_files(rows, *self._files)
        stored = transact(
            self._target, lambda connection: store_page(connection, rows), statement_seconds=SECONDS_A_STATEMENT
        )
        read_as = {row["model_id"]: (row["result_id"], row["n_points_stored"]) for row in rows.metrics}
        results = [
            replace(model, result_id=read_as[model.model_id][0], n_points=read_as[model.model_id][1])
            for model in page
            if model.model_id in stored.results
        ]
        copied = self._copied
        copied.n_new += len(stored.new)
        copied.n_results += len(results)
        copied.n_points += sum(model.n_points for model in results)
        copied.n_running += len(stored.running)
        copied.n_other += len(stored.other_result)
        copied.files_left += left
        return results

    def _compare(self, page: Sequence[Model]) -> None:
        """Read the results of a page in both databases; every row must be the same, bit for bit."""
        found = []
        for engine in (self._source, self._target):
            with open_source(engine).snapshot() as read:
                found.append(fingerprints(read, [str(model.result_id) for model in page]))
        theirs, ours = found
        for model in page:
            result_id = str(model.result_id)
            if result_id not in theirs or result_id not in ours:
                self._copied.n_changed += 1
            elif theirs[result_id] != ours[result_id]:
                raise DatabaseError(
                    f"result {result_id} of model {model.model_id} differs: {theirs[result_id][0]} point rows in"
                    f" {mask(self._source.url)}, {ours[result_id][0]} in {mask(self._target.url)}, or other numbers.",
                    "one of them was changed by hand; delete the model in the target, then copy again.",
                )
            else:
                self._copied.n_compared += 1

    def _tell(self, models: Iterable[Model]) -> None:
        self._done += sum(model.n_points for model in models)
        if self._progress is not None:
            self._progress(self._done, self._total)


def _pages(models: Sequence[Model]) -> Iterator[list[Model]]:
    page: list[Model] = []
    n_rows = 0
    for model in models:
        if page and (n_rows + model.n_points > PAGE_ROWS or len(page) == PAGE_MODELS):
            yield page
            page, n_rows = [], 0
        page.append(model)
        n_rows += model.n_points
    if page:
        yield page
