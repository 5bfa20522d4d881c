"""How much there is to do for a model: floating-point operations, checks on the way, rows to store."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_train_points


def layer_weights(spec: TrainingSpec, info: DatasetInfo) -> list[int]:
    """Weights of each layer, first to last."""
    return [fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes(spec, info))]


def step_flops(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Operations of one step of one model: F = 2 b (3 sum m_i - m_1), with m_i the weights of layer i, b rows.

    Forward, gradient of the weights, and gradient of the activations where there is a layer below; biases,
    activations and the loss are left out. For L-BFGS, one evaluation.
    """
    weights = layer_weights(spec, info)
    return 2 * spec.batch_rows(n_train_points(spec, info)) * (3 * sum(weights) - weights[0])


def check_flops(spec: TrainingSpec, info: DatasetInfo) -> int:
    """Operations of one check: all training points forward."""
    return 2 * n_train_points(spec, info) * sum(layer_weights(spec, info))


def training_flops(spec: TrainingSpec, info: DatasetInfo) -> float:
    """At most so many operations train the model: all of max_steps, and the checks on the way."""
    return float(spec.max_steps) * step_flops(spec, info) + n_checks(spec, info) * check_flops(spec, info)


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


def point_rows(measure: MeasureSettings, info: DatasetInfo) -> int:
    """Rows a model will have in point_metrics."""
    return info.n_test if measure.points == "all" else min(measure.points, info.n_test)
