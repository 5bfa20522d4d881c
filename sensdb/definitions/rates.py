"""How long a CPU core takes to train a model and to measure it, as far as that can be said beforehand.

A sum of what has to be done, each part at a rate of its own. Rates were fitted to 34 timed trainings in packs and 22
timed measurings: inputs of 64 to 1728 numbers, widths 16 to 1024, 1 to 32 hidden layers, batches of 32 to 2000,
float32, one core with AVX-512. All lie within a factor of 1.7 of the sums, two thirds within 1.2. Transitions depend on
what was learnt, and deeper and wider networks were not tried: what a sweep really takes, its workers' progress says.

A core with AVX2 that has other work takes several times as long (the median of the study's 1,449 models: 3.9 times),
so `sensdb enqueue --dry-run` says how the last models of the same machine compare (operations/pace.py).
"""

from __future__ import annotations

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_hidden_units, n_parameters, n_train_points
from sensdb.definitions.work import check_flops, layer_weights, n_checks, step_flops

# Training, a second.
OPERATIONS = 1.8e11
PARAMETER_PASSES = 4.2e9
INPUTS_GATHERED = 1.1e9
ACTIVATIONS = 5.5e8

# Passes over the parameters in a step, in units of one that loads and stores; square roots and quotients weigh more.
PASSES = {"sgd": 2, "momentum": 3, "rmsprop": 9, "adam": 10, "lbfgs": 40}
# Gathering an augmented batch, against a plain one.
AUGMENTED_GATHER = 2.5
# Evaluations an iteration of L-BFGS, searches included.
EVALUATIONS = 1.4

# Measuring, a second: operations, cotangents through units, points of ten classes; and seconds a point for the
# eigenvalues of ten classes, which grow with K ** 1.5.
MEASURING_OPERATIONS = 1.3e11
COTANGENTS = 8e8
POINTS = 3.2e5
EIGENVALUE_SECONDS = 9e-6
TRAINING_SAMPLE = 1000

# Crossings of a kink a unit and path, for units of one kink and of two; nodes through units a second.
CROSSINGS = {"relu": 4.0, "relu6": 5.0, "hard_tanh": 6.0, "hard_sigmoid": 7.0}
NODES = 2.2e8
# One path in five is a training point's (measurement/summary.py); beyond so much work, paths are sampled at so many
# places a pixel instead (measurement/plan.py).
PATHS_A_POINT = 1.2
MOST_EXACT_WORK = 2e12
PLACES_A_PIXEL = 16

# Crossings a unit along an ellipse, three kinds on average, carried in float64 as three numbers a unit.
ELLIPSE_CROSSINGS = 1.5
# Regions of a slice are about a third of the units squared; seconds a region, and beyond the limit a unit and pixel.
MOST_REGIONS = 200_000
REGION_SECONDS = 1.2e-5
PIXEL_SECONDS = 2e-8
PIXELS = 2**20


def training_seconds(spec: TrainingSpec, info: DatasetInfo) -> float:
    """At most about so long trains the model on one core: all of max_steps, in a pack as large as is good."""
    rows = spec.batch_rows(n_train_points(spec, info))
    gathered = 0 if spec.full_batch else rows * layer_sizes(spec, info)[0]
    units = n_hidden_units(spec) + info.n_classes
    evaluation = step_flops(spec, info) / OPERATIONS + rows * units / ACTIVATIONS
    step = (
        evaluation * (EVALUATIONS if spec.optimizer == "lbfgs" else 1)
        + PASSES[spec.optimizer] * n_parameters(spec, info) / PARAMETER_PASSES
        + gathered * (AUGMENTED_GATHER if spec.augmentation else 1) / INPUTS_GATHERED
    )
    check = check_flops(spec, info) / OPERATIONS + n_train_points(spec, info) * units / ACTIVATIONS
    return _in(spec.dtype, spec.max_steps * step + n_checks(spec, info) * check)


def measuring_seconds(spec: TrainingSpec, measure: MeasureSettings, info: DatasetInfo) -> float:
    """About so long measures the model on one core.

    The Jacobian family is that of all test points and a sample of training points, whatever number of rows is stored.
    """
    n_points = info.n_test + min(TRAINING_SAMPLE, n_train_points(spec, info))
    seconds = n_points * _jacobian_seconds(spec, info)
    if measure.spectral:
        seconds += n_points * EIGENVALUE_SECONDS * (info.n_classes / 10) ** 1.5
    if info.is_image and spec.hidden_layers:
        seconds += min(measure.transitions_points, info.n_test) * PATHS_A_POINT * _path_seconds(spec, measure, info)
        seconds += 3 * measure.trajectories * _ellipse_seconds(spec)
        seconds += 2 * _slice_seconds(spec) if measure.regions else 0.0
    return _in(spec.dtype, seconds)


def _jacobian_seconds(spec: TrainingSpec, info: DatasetInfo) -> float:
    """A point: K cotangents back to the first layer, whose part is a triangle of its width, and one forward pass."""
    weights, sizes = layer_weights(spec, info), layer_sizes(spec, info)
    backward = sum(weights[1:-1]) + min(sizes[0], sizes[1]) * sizes[1]
    return (
        2 * (info.n_classes * backward + sum(weights)) / MEASURING_OPERATIONS
        + info.n_classes * n_hidden_units(spec) / COTANGENTS
        + info.n_classes / 10 / POINTS
    )


def _path_seconds(spec: TrainingSpec, measure: MeasureSettings, info: DatasetInfo) -> float:
    """A path: each layer's crossings become nodes, which go through the layers above."""
    n_vertices = spec.crop or info.width
    work, through_units = _nodes(spec, n_vertices, CROSSINGS.get(spec.nonlinearity, 0.0))
    work += n_vertices * layer_weights(spec, info)[0]
    exact = measure.transitions_method == "exact" and spec.nonlinearity != "tanh"
    if not exact or work * measure.transitions_points * PATHS_A_POINT > MOST_EXACT_WORK:
        places = measure.transitions_samples or PLACES_A_PIXEL * n_vertices
        work, through_units = float(places * sum(layer_weights(spec, info))), float(places * n_hidden_units(spec))
    return 2 * work / MEASURING_OPERATIONS + through_units / NODES


def _ellipse_seconds(spec: TrainingSpec) -> float:
    work, through_units = _nodes(spec, 1, ELLIPSE_CROSSINGS)
    return 2 * 3 * (2 * work / MEASURING_OPERATIONS + through_units / NODES)


def _nodes(spec: TrainingSpec, n_first: int, crossings: float) -> tuple[float, float]:
    """Multiply-adds above the first layer, and nodes times units, for a path of n_first nodes at the first layer."""
    work, nodes = 0.0, float(n_first)
    through_units = nodes * spec.widths[0]
    for below, width in zip(spec.widths, spec.widths[1:], strict=False):
        nodes += crossings * below
        work += nodes * below * width
        through_units += nodes * width
    return work, through_units


def _slice_seconds(spec: TrainingSpec) -> float:
    units = n_hidden_units(spec)
    regions = units**2 / 3
    return regions * REGION_SECONDS if regions <= MOST_REGIONS else PIXELS * units * PIXEL_SECONDS


def _in(dtype: str, seconds: float) -> float:
    return seconds if dtype == "float32" else 2 * seconds
