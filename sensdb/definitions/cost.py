"""What a sweep will cost before it runs: floating-point operations, time of a CPU core, rows and bytes.

Upper bounds for the training: a stop rule ends most models earlier, and by how much is what a sweep is run to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_train_points

# Rows of point_metrics in SQLite with its index, every column filled: 91 MiB a million.
BYTES_A_POINT = 95.4
# model_metrics, models, jobs and attempts together.
BYTES_A_MODEL = 6000
# Float32 operations a second and core on the CPUs this was developed on: a step of a small network moves too
# little data at a time to come near what a core can do.
SMALL_STEP = 5e6
CORE_RATE_SMALL = 2.4e10
CORE_RATE = 6e10


@dataclass(frozen=True)
class Cost:
    """Totals of several models: at most that many operations and core seconds, and what will be stored of them."""

    n_models: int
    training_flops: float
    core_seconds: float
    point_rows: int
    database_bytes: int


def step_flops(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Operations of one step of one model: F = 2 b (3 sum m_i - m_1), with m_i the weights of layer i, b rows.

    Forward, gradient of the weights, and gradient of the activations where there is a layer below; biases,
    activations and the loss are left out. For L-BFGS, one evaluation.
    """
    weights = _layer_weights(spec, info)
    return 2 * spec.batch_rows(n_train_points(spec, info)) * (3 * sum(weights) - weights[0])


def training_flops(spec: TrainingSpec, info: DatasetInfo) -> float:
    """At most so many operations train the model: all of max_steps, and the checks on the way."""
    check = 2 * n_train_points(spec, info) * sum(_layer_weights(spec, info))
    return float(spec.max_steps) * step_flops(spec, info) + n_checks(spec, info) * check


def n_checks(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Passes over all training points that the stop rule needs until max_steps."""
    n_points = n_train_points(spec, info)
    return 1 if spec.stop == "never" else _grid_length(n_points // spec.batch_rows(n_points), spec.max_steps)


@lru_cache
def _grid_length(batches_an_epoch: int, max_steps: int) -> int:
    every = max(10, batches_an_epoch)
    step, checks = every, 1
    while step < max_steps:
        step += max(every, step // 20)
        checks += 1
    return checks


def core_seconds(spec: TrainingSpec, info: DatasetInfo) -> float:
    """At most so long trains the model on one CPU core, by rates that hold to a factor of two."""
    rate = CORE_RATE_SMALL if step_flops(spec, info) < SMALL_STEP else CORE_RATE
    return training_flops(spec, info) / (rate if spec.dtype == "float32" else rate / 2)


def point_rows(measure: MeasureSettings, info: DatasetInfo) -> int:
    """Rows a model will have in point_metrics."""
    return info.n_test if measure.points == "all" else min(measure.points, info.n_test)


def total_cost(models: Iterable[tuple[TrainingSpec, MeasureSettings, DatasetInfo]]) -> Cost:
    """The cost of models that have not been trained yet.

    Args:
        models: spec, how it is measured, and its data set's sizes.
    """
    n_models = rows = 0
    flops, seconds = [], []
    for spec, measure, info in models:
        n_models += 1
        rows += point_rows(measure, info)
        flops.append(training_flops(spec, info))
        seconds.append(core_seconds(spec, info))
    return Cost(
        n_models=n_models,
        training_flops=math.fsum(flops),
        core_seconds=math.fsum(seconds),
        point_rows=rows,
        database_bytes=round(rows * BYTES_A_POINT + n_models * BYTES_A_MODEL),
    )


def _layer_weights(spec: TrainingSpec, info: DatasetInfo) -> list[int]:
    return [fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes(spec, info))]
