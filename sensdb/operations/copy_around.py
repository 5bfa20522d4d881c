"""What models are copied into: sweeps with their texts, and the data sets they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from sensdb.database import schema
from sensdb.database.url import mask
from sensdb.errors import DatabaseError
from sensdb.jobs.transactions import inspect, transact
from sensdb.mirror.arrow import open_source
from sensdb.operations.copy_values import Rows, among, dictionaries, quoted, read_rows

POINTS_AT_ONCE = 10_000


def copy_sweep_texts(source: sa.Engine, target: sa.Engine, names: Sequence[str]) -> None:
    """Make the sweeps the target does not have; one of the same name stays as it is and gets the texts it lacks."""
    with open_source(source).snapshot() as read:
        listed = ", ".join(map(quoted, names)) or "NULL"
        sweeps = dictionaries(read_rows(read, schema.sweeps, f"name IN ({listed})"))
        chosen = among("sweep_id", (row["sweep_id"] for row in sweeps))
        texts = dictionaries(read_rows(read, schema.sweep_definitions, chosen))
    name_of = {row["sweep_id"]: row["name"] for row in sweeps}

    def work(connection: sa.Connection) -> None:
        table, of_texts = schema.sweeps, schema.sweep_definitions
        known = {row.name: row.sweep_id for row in connection.execute(sa.select(table.c.name, table.c.sweep_id))}
        for row in sweeps:
            if row["name"] not in known:
                values = {name: value for name, value in row.items() if name != "sweep_id"}
                key = connection.execute(table.insert().values(values)).inserted_primary_key
                assert key is not None
                known[row["name"]] = key[0]
        held = {tuple(row) for row in connection.execute(sa.select(of_texts.c.sweep_id, of_texts.c.definition_sha256))}
        for row in texts:
            sweep_id = known[name_of[row["sweep_id"]]]
            if (sweep_id, row["definition_sha256"]) not in held:
                connection.execute(of_texts.insert().values({**row, "sweep_id": sweep_id}))

    transact(target, work)


def copy_datasets(source: sa.Engine, target: sa.Engine, sweeps: Sequence[str] | None) -> None:
    """Note the data sets of sweeps (None: all) with their checksums and labels, where the target has not.

    Raises:
        DatabaseError: the target has other arrays under a name; models of both could not be told apart.
    """
    chosen = "true"
    if sweeps is not None:
        listed = ", ".join(map(quoted, sweeps))
        chosen = (
            "dataset IN (SELECT m.dataset FROM models m JOIN sweep_models b ON b.model_id = m.model_id"
            f" JOIN sweeps s ON s.sweep_id = b.sweep_id WHERE s.name IN ({listed}))"
        )
    with open_source(source).snapshot() as read:
        datasets = dictionaries(read_rows(read, schema.datasets, chosen))
    checksum = sa.select(schema.datasets.c.dataset, schema.datasets.c.checksum)
    known = inspect(target, lambda connection: {row.dataset: row.checksum for row in connection.execute(checksum)})
    for row in datasets:
        theirs, ours = row["checksum"], known.get(row["dataset"])
        if theirs is not None and ours is not None and theirs != ours:
            raise DatabaseError(
                f"data set '{row['dataset']}' is not the same in both: checksum {theirs[:12]}... in {mask(source.url)},"
                f" {ours[:12]}... in {mask(target.url)}; nothing was copied.",
                "sensdb data check tells which files are altered.",
            )
    for row in datasets:
        if row["dataset"] not in known or (row["checksum"] is not None and known[row["dataset"]] is None):
            _note(target, row, [] if row["checksum"] is None else _labels(source, row["dataset"]))


def _labels(source: sa.Engine, dataset: str) -> Rows:
    with open_source(source).snapshot() as read:
        return dictionaries(read_rows(read, schema.dataset_points, f"dataset = {quoted(dataset)}"))


def _note(target: sa.Engine, row: dict[str, Any], labels: Rows) -> None:
    """A data set with its labels in one transaction, as the first worker that has read its files notes it."""
    table = schema.datasets

    def work(connection: sa.Connection) -> None:
        of_dataset = table.c.dataset == row["dataset"]
        found = connection.execute(sa.select(table.c.checksum).where(of_dataset).with_for_update()).first()
        if found is None:
            connection.execute(table.insert().values(row))
        elif found.checksum is None:
            connection.execute(table.update().where(of_dataset).values(checksum=row["checksum"]))
        else:
            return  # a worker of the target has read the files in the meantime
        for start in range(0, len(labels), POINTS_AT_ONCE):
            connection.execute(schema.dataset_points.insert(), labels[start : start + POINTS_AT_ONCE])

    transact(target, work)
