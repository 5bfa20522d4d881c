"""Everything that measuring stores of a model: its columns in model_metrics, its points, trajectories and regions."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensdb.datasets.arrays import point_order
from sensdb.datasets.catalogue import DatasetInfo
from sensdb.datasets.prepare import Dataset, crop_images, standardise, training_order
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.metrics import POINT_METRICS, SUMMARY_STATISTICS
from sensdb.definitions.spec import TrainingSpec
from sensdb.errors import ShapeError
from sensdb.measurement.jacobian import PointMetrics, first_layer_factor, point_metrics
from sensdb.measurement.norms import weight_norms
from sensdb.measurement.plan import TransitionsPlan, count_transitions, plan_transitions
from sensdb.measurement.slices import Slice, chosen_plane, measure_slices
from sensdb.measurement.trajectories import measure_trajectories
from sensdb.training.network import StackedNetwork
from sensdb.training.random import noisy_labels

TRAINING_SAMPLE = 1000
# Transitions differ little from point to point (measurement.md 2.4), and each path of a training point costs as much
# as one of a test point: a fifth of the number of test points gives their mean to a percent.
TRAINING_SHARE_OF_TRANSITIONS = 5

SUMMARISED = tuple(metric.name for metric in POINT_METRICS if metric.summarised)
QUANTILES = {"median": 0.5, "q05": 0.05, "q25": 0.25, "q75": 0.75, "q95": 0.95}

MEASURED_METRICS: tuple[str, ...] = (
    "test_accuracy",
    "test_loss",
    *(f"{name}_{suffix}" for name in SUMMARISED for suffix, _ in SUMMARY_STATISTICS),
    "n_zero_jacobian",
    "n_points_stored",
    "weight_norm",
    "log10_weight_norm_product",
    "log10_weight_spectral_norm_product",
    "measure_seconds",
    "transitions_method",
    "transitions_points",
)
"""The columns of model_metrics that measuring determines; training determines the others."""

Column = npt.NDArray[np.generic]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeasurementData:
    """The points every model of one data set, crop and dtype is measured at.

    Attributes:
        info: the data set.
        image_shape: (h, w, c) after the crop.
        x_test: all test points, [N, d] standardised, on the device; y_test: [N] int64 beside them.
        x_train: the first TRAINING_SAMPLE training points in training order, [n, d] standardised.
        y_train: true labels of all training points in training order, [n_train] int64 on the CPU.
        order: a permutation of the test points' numbers, the same for all models and crops. Fewer than all points
            are always a prefix of it: those whose transitions are counted, and those whose rows are stored.
    """

    info: DatasetInfo
    image_shape: tuple[int, int, int]
    x_test: Tensor
    y_test: Tensor
    x_train: Tensor
    y_train: Tensor
    order: npt.NDArray[np.int64]

    @classmethod
    def build(cls, dataset: Dataset, crop: int | None, dtype: str, device: torch.device) -> MeasurementData:
        """Prepare a data set's points for measuring; `dtype` is a spec's, float32 or float64."""
        in_order = training_order(dataset)
        sample = crop_images(dataset.x_train[in_order[:TRAINING_SAMPLE]], crop)
        test = crop_images(dataset.x_test, crop)
        _, height, width, channels = test.shape
        return cls(
            info=dataset.info,
            image_shape=(height, width, channels),
            x_test=torch.from_numpy(standardise(test, dtype)).to(device),
            y_test=torch.from_numpy(dataset.y_test.copy()).to(device),
            x_train=torch.from_numpy(standardise(sample, dtype)).to(device),
            y_train=torch.from_numpy(dataset.y_train[in_order]),
            order=point_order(f"{dataset.info.name} test", len(test)),
        )

    @property
    def sample_labels(self) -> Tensor:
        """True labels of the points of x_train, [n] int64 on the CPU."""
        return self.y_train[: len(self.x_train)]

    def images(self, x: Tensor) -> Tensor:
        """Flat points [B, d] as images [B, h, w, c]; no image at all where the points are not pictures."""
        images = x.view(-1, *self.image_shape)
        return images if self.info.is_image else images[:0]


@dataclass(frozen=True)
class Measured:
    """One model's measurements.

    points: point_index and each column of POINT_METRICS as an array a stored row, ordered by point_index; NaN and
        transitions of -1 are to be stored as NULL. None where no row is to be stored.
    metrics: MEASURED_METRICS; None where a number does not exist.
    trajectories: trajectory, position and each column of TRAJECTORY_METRICS, an array a row likewise. None where none
        were asked for or there is none.
    slices: on the data set's plane, before and after training. None where none were asked for or there is no plane.
    """

    points: dict[str, Column] | None
    metrics: dict[str, object]
    trajectories: dict[str, Column] | None = None
    slices: list[Slice] | None = None


@torch.no_grad()
def measure_models(
    network: StackedNetwork,
    data: MeasurementData,
    settings: MeasureSettings,
    specs: Sequence[TrainingSpec] | None = None,
) -> list[Measured]:
    """Measure M networks at all test points and at a sample of their training points.

    Models are taken one after the other from copies of their own: a model's numbers depend neither on its slot nor on
    its neighbours, and a chunk of points fills the device as well as a chunk of models would.

    Summaries are over all test points (transitions: over those counted), whatever `settings.points` has stored; a
    metric that does not exist at a point, such as the logarithm of a Jacobian that is 0, leaves that point out of its
    own summaries only. Quantiles interpolate linearly.

    The training sample is the first TRAINING_SAMPLE points in training order, fewer for a model that trained on
    fewer, with the labels the model trained on, redrawn ones included.

    Beside the summaries, the point columns and the weight norms (paper.md 2, design.md 5):

        test_accuracy: share of all test points that are correct. test_loss: nats; the mean of loss over them.
        n_zero_jacobian: points; test points whose Jacobian is exactly 0. n_points_stored: points; rows of `points`.
        transitions_method, transitions_points: points; `plan_transitions`, and how many test points it was used at.
        measure_seconds: seconds; wall-clock time of all of this for the model.

    A network with a weight, an output or a Jacobian that is not finite at any of these points is measured by none of
    them: every metric None, no rows. Such models are the diverged ones.

    Args:
        network: M stacked networks, on any device.
        data: where to measure them; its device and dtype are used.
        settings: what to measure and what to store.
        specs: what each model was trained on. None, for networks trained elsewhere: cross-entropy, true labels, and
            the whole training sample.

    Returns:
        M results, in the stack's order.

    Raises:
        ShapeError: the networks' input size is not the data's, or the number of classes is too small.
    """
    if network.sizes[-1] < data.info.n_classes:
        raise ShapeError(
            f"networks of {network.sizes[-1]} outputs for {data.info.name}, which has {data.info.n_classes} classes."
        )
    return [
        _measure_one(_alone(network, model, data), data, settings, specs[model] if specs else None)
        for model in range(network.n_models)
    ]


def _alone(network: StackedNetwork, model: int, data: MeasurementData) -> StackedNetwork:
    """A copy of one model in memory of its own: the rounding of products can depend on addresses."""
    one = network.select(model)
    place = data.x_test.device
    weights = [weight.to(place, copy=True, memory_format=torch.contiguous_format) for weight in one.weights]
    biases = one.biases and [bias.to(place, copy=True, memory_format=torch.contiguous_format) for bias in one.biases]
    return StackedNetwork(weights, biases or None, one.nonlinearity)


def _measure_one(
    network: StackedNetwork, data: MeasurementData, settings: MeasureSettings, spec: TrainingSpec | None
) -> Measured:
    started = time.perf_counter()
    metrics: dict[str, object] = dict.fromkeys(MEASURED_METRICS)
    metrics["n_points_stored"] = metrics["transitions_points"] = 0
    points = trajectories = slices = None
    columns = _jacobian_family(network, data, settings, spec)
    if columns is not None:
        test, train = columns
        plan = _add_transitions(network, data, settings, test, train)
        metrics |= summaries(test, train, plan)
        metrics |= {
            "test_accuracy": float(test["correct"].mean()),
            "test_loss": metrics["loss_mean"],
            "n_zero_jacobian": int(np.isnan(test["log10_jacobian_norm"]).sum()),
            "transitions_method": plan.text(data.image_shape[1]),
            "transitions_points": int(np.isfinite(test["transitions"]).sum()),
        }
        metrics |= {name: _number(value) for name, value in vars(weight_norms(network)).items()}
        points = _stored_rows(test, plan, data, settings)
        metrics["n_points_stored"] = 0 if points is None else len(points["point_index"])
        n_train = _n_train(data, spec)
        if settings.trajectories:
            trajectories = measure_trajectories(
                network, data.x_train, data.sample_labels, settings.trajectories, n_train, data.info.name
            )
        if settings.regions:
            plane = chosen_plane(data.x_train, data.sample_labels, n_train, data.info.name)
            slices = None if plane is None else measure_slices(network, plane, spec)
    metrics["measure_seconds"] = time.perf_counter() - started
    return Measured(points, metrics, trajectories, slices)


def _n_train(data: MeasurementData, spec: TrainingSpec | None) -> int:
    """How many training points the model was trained on, all of them where nobody knows."""
    return data.info.n_train if spec is None or spec.n_train is None else spec.n_train


def _jacobian_family(
    network: StackedNetwork, data: MeasurementData, settings: MeasureSettings, spec: TrainingSpec | None
) -> tuple[dict[str, Reals], dict[str, Reals]] | None:
    """Columns of PointMetrics at the test points and at the training sample; None where anything is not finite."""
    if not all(bool(weight.isfinite().all()) for weight in [*network.weights, *(network.biases or [])]):
        return None
    n_train = _n_train(data, spec)
    labels = data.y_train[:n_train]
    if spec is not None and spec.label_noise > 0:
        labels = noisy_labels(spec.seed, spec.label_noise, labels, data.info.n_classes)
    x_train = data.x_train[:n_train]
    factor = first_layer_factor(network.weights[0])
    columns = []
    for x, y in ((data.x_test, data.y_test), (x_train, labels[: len(x_train)].to(x_train.device))):
        loss = "cross_entropy" if spec is None else spec.loss
        of_points = point_metrics(network, x, y, loss=loss, spectral=settings.spectral, factor=factor)
        columns.append(_arrays(of_points))
        if not np.isfinite(columns[-1]["loss"]).all():
            return None
    return columns[0], columns[1]


def _arrays(of_points: PointMetrics) -> dict[str, Reals]:
    """Columns of one model as float64 arrays."""
    names = [field.name for field in dataclasses.fields(of_points)]
    return {name: getattr(of_points, name)[0].double().cpu().numpy() for name in names}  # waits for the device


def _add_transitions(
    network: StackedNetwork,
    data: MeasurementData,
    settings: MeasureSettings,
    test: dict[str, Reals],
    train: dict[str, Reals],
) -> TransitionsPlan:
    """Count transitions into both sets of columns, NaN where not counted; say how they were counted."""
    chosen = torch.from_numpy(data.order[: settings.transitions_points])
    n_train = min(len(train["loss"]), math.ceil(settings.transitions_points / TRAINING_SHARE_OF_TRANSITIONS))
    test_images = data.images(data.x_test[chosen.to(data.x_test.device)])
    train_images = data.images(data.x_train[:n_train])
    plan = plan_transitions(network, test_images, settings, len(test_images) + len(train_images))
    test["transitions"] = np.full_like(test["loss"], math.nan)
    train["transitions"] = np.full_like(train["loss"], math.nan)
    if plan.method != "none":
        test["transitions"][chosen.numpy()] = count_transitions(network, test_images, plan).cpu().numpy()
        train["transitions"][:n_train] = count_transitions(network, train_images, plan).cpu().numpy()
    return plan


def summaries(test: dict[str, Reals], train: dict[str, Reals], plan: TransitionsPlan) -> dict[str, float | None]:
    """Statistics of each summarised column over points, in its own unit (design.md 5).

        mean, median, q05, q25, q75, q95: over all test points; quantiles interpolate linearly
        mean_right: the mean over test points the model classifies correctly
        mean_train: the mean over the training sample

    The mean of jacobian_norm is the study's Jacobian norm of a model (paper.md 1.1): a mean of norms. Points where the
    metric does not exist are left out of its own statistics only.

    Args:
        test, train: columns at the test points and at the training sample, NaN where a number does not exist.
        plan: how transitions were counted: of those that were extrapolated the means alone mean something.

    Returns:
        `metric_statistic` to its value; None where no point has the metric.
    """
    right = test["correct"] > 0
    found: dict[str, float | None] = {}
    for name in SUMMARISED:
        values = test[name][np.isfinite(test[name])]
        found[f"{name}_mean"] = _mean(test[name])
        found[f"{name}_mean_right"] = _mean(test[name][right])
        found[f"{name}_mean_train"] = _mean(train[name])
        # An extrapolated value is no count of its point, but its mean over any set of points is unbiased.
        mean_only = len(values) == 0 or (name == "transitions" and not plan.per_point)
        quantiles = [None] * len(QUANTILES) if mean_only else np.quantile(values, list(QUANTILES.values())).tolist()
        found |= {f"{name}_{suffix}": value for suffix, value in zip(QUANTILES, quantiles, strict=True)}
    return found


def _mean(values: Reals) -> float | None:
    """The mean of the numbers among the values; None where there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None


def _number(value: Tensor) -> float | None:
    number = float(value[0])
    return number if math.isfinite(number) else None


def _stored_rows(
    test: dict[str, Reals], plan: TransitionsPlan, data: MeasurementData, settings: MeasureSettings
) -> dict[str, Column] | None:
    n_stored = len(data.order) if settings.points == "all" else min(settings.points, len(data.order))
    if n_stored == 0:
        return None
    rows = np.sort(data.order[:n_stored])
    points: dict[str, Column] = {"point_index": rows}
    for metric in POINT_METRICS:
        values = test[metric.name][rows]
        if metric.name == "transitions":
            counted = np.isfinite(values) & plan.per_point
            points[metric.name] = np.where(counted, np.nan_to_num(values), -1.0).astype(np.int64)
        elif metric.storage == "boolean":
            points[metric.name] = values > 0
        elif metric.storage == "integer":
            points[metric.name] = values.astype(np.int64)
        else:
            points[metric.name] = values
    return points
