"""How fast this machine really trains and measures, by the models that its workers have finished."""

from __future__ import annotations

import socket
import statistics
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.definitions.spec import TrainingSpec
from sensdb.definitions.stored import read_spec
from sensdb.jobs.reader import QueueReader
from sensdb.jobs.transactions import inspect

FEWEST = 20
LATEST = 200
"""Models looked at: a machine gets busier and idler, so not those of long ago."""

_FINISHED = sa.text(
    "select m.spec, m.dataset, r.steps, r.train_seconds + r.measure_seconds as seconds, j.measure,"
    " d.n_train, d.n_test, d.height, d.width, d.channels, d.n_classes"
    " from attempts a join workers w on w.worker_id = a.worker_id join models m on m.model_id = a.model_id"
    " join model_metrics r on r.model_id = a.model_id and r.attempt = a.attempt"
    " join jobs j on j.model_id = a.model_id join datasets d on d.dataset = m.dataset"
    " where a.outcome = 'done' and a.kind = 'train' and w.host = :host and r.device_class like 'cpu%'"
    " and r.train_seconds + r.measure_seconds > 0 order by a.ended_at desc limit :latest"
)


class Pace(NamedTuple):
    """What models took here, in units of what `rates` says of them: a median, and of how many."""

    factor: float
    n_models: int


def pace_here(queue: QueueReader, host: str | None = None) -> Pace | None:
    """The pace of this host's CPU workers; None with fewer than FEWEST models of theirs.

    The estimate a model is compared with is that of the steps it took, not of max_steps.

    Args:
        host: as its workers registered it, None for this host's name.
    """
    values = {"host": host or socket.gethostname(), "latest": LATEST}
    rows = inspect(queue.engine, lambda connection: connection.execute(_FINISHED, values).all())
    if len(rows) < FEWEST:
        return None
    ratios = []
    for row in rows:
        sizes = (row.n_train, row.n_test, row.height, row.width, row.channels, row.n_classes)
        info = DatasetInfo(row.dataset, *sizes, description="")
        spec = read_spec(row.spec)
        if isinstance(spec, TrainingSpec) and row.steps:
            asked = MeasureSettings.from_canonical(row.measure)
            expected = training_seconds(replace(spec, max_steps=row.steps), info) + measuring_seconds(spec, asked, info)
            ratios.append(row.seconds / expected)
    return Pace(statistics.median(ratios), len(ratios)) if len(ratios) >= FEWEST else None
