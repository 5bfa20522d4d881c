"""What a sweep will cost before it runs: floating-point operations, time of a CPU core, rows and bytes.

Upper bounds for the training: a stop rule ends most models earlier, and by how much is what a sweep is run to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.definitions.spec import TrainingSpec
from sensdb.definitions.work import point_rows, training_flops

# Rows of point_metrics in SQLite with its index, every column filled: 91 MiB a million.
BYTES_A_POINT = 95.4
# model_metrics, models, jobs and attempts together.
BYTES_A_MODEL = 6000


@dataclass(frozen=True)
class Cost:
    """Totals of several models: operations of training at most, core seconds of training and measuring, what is stored.

    core_seconds: about, on the machine of rates.py.
    """

    n_models: int
    training_flops: float
    core_seconds: float
    point_rows: int
    database_bytes: int


def total_cost(models: Iterable[tuple[TrainingSpec, MeasureSettings, DatasetInfo]]) -> Cost:
    """The cost of models that have not been trained yet.

    Args:
        models: spec, how it is measured, and its data set's sizes.
    """
    counts: dict[tuple[TrainingSpec, MeasureSettings, DatasetInfo], int] = {}
    for spec, measure, info in models:
        # replicas cost the same, and there are several times as many models as configurations
        replicas = (replace(spec, seed=0), measure, info)
        counts[replicas] = counts.get(replicas, 0) + 1
    n_models = sum(counts.values())
    rows = sum(n * point_rows(measure, info) for (_, measure, info), n in counts.items())
    seconds = (
        n * (training_seconds(spec, info) + measuring_seconds(spec, measure, info))
        for (spec, measure, info), n in counts.items()
    )
    return Cost(
        n_models=n_models,
        training_flops=math.fsum(n * training_flops(spec, info) for (spec, _, info), n in counts.items()),
        core_seconds=math.fsum(seconds),
        point_rows=rows,
        database_bytes=round(rows * BYTES_A_POINT + n_models * BYTES_A_MODEL),
    )
