"""What a sweep will cost before it runs: floating-point operations, time of a CPU core, rows and bytes.

Upper bounds for the training: a stop rule ends most models earlier, and by how much is what a sweep is run to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.definitions.spec import TrainingSpec
from sensdb.definitions.spec_fields import FIELDS
from sensdb.definitions.work import point_rows, training_flops

# Rows of point_metrics in SQLite with its index, every column filled: 91 MiB a million.
BYTES_A_POINT = 95.4
# model_metrics, models, jobs and attempts together.
BYTES_A_MODEL = 6000

_CONFIGURATION = attrgetter(*(name for name in FIELDS if name != "seed"))


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
    # replicas cost the same, and there are several times as many models as configurations
    replicas: dict[tuple[Any, ...], list[tuple[TrainingSpec, MeasureSettings, DatasetInfo]]] = {}
    for model in models:
        replicas.setdefault((_CONFIGURATION(model[0]), *model[1:]), []).append(model)
    kinds = [(*same[0], len(same)) for same in replicas.values()]
    n_models = sum(n for *_, n in kinds)
    rows = sum(n * point_rows(measure, info) for _, measure, info, n in kinds)
    seconds = (
        n * (training_seconds(spec, info) + measuring_seconds(spec, measure, info)) for spec, measure, info, n in kinds
    )
    return Cost(
        n_models=n_models,
        training_flops=math.fsum(n * training_flops(spec, info) for spec, _, info, n in kinds),
        core_seconds=math.fsum(seconds),
        point_rows=rows,
        database_bytes=round(rows * BYTES_A_POINT + n_models * BYTES_A_MODEL),
    )
