"""Every number sensdb stores about a trained network: its name, unit, meaning and width in the database.

This is the one list: the schema takes its columns from here, in this order, `data_dictionary` and the comments of
PostgreSQL take unit and description, the figures take their axis labels. A new metric is a line here, its formula in
`measurement/`, and a migration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Storage = Literal["real4", "real8", "integer", "boolean", "text"]

STOP_REASONS = ("budget", "fitted", "loss", "converged", "diverged", "imported")
TRAJECTORY_KINDS = ("random", "different_classes", "same_class")


@dataclass(frozen=True)
class Metric:
    """One column of stored results.

    `unit` is "" where the number has none. `storage` is the width a value keeps: per-point reals are rounded to 4
    bytes, per-model reals are not. `summarised` metrics of points also become one column a statistic for the model.
    `computed_by` is the function whose docstring has the formula; "" for what training determines.
    """

    name: str
    unit: str
    description: str
    storage: Storage
    summarised: bool = False
    computed_by: str = ""


_OF_POINTS = "sensdb.measurement.softmax.softmax_metrics"
_OF_PATHS = "sensdb.measurement.transitions.count_exact"
_OF_CURVES = "sensdb.measurement.trajectories.measure_trajectories"
_OF_WEIGHTS = "sensdb.measurement.norms.weight_norms"
_OF_MODELS = "sensdb.measurement.summary.measure_models"
_OF_SUMMARIES = "sensdb.measurement.summary.summaries"

_SLOPE = "probability per unit of standardised input"
_LOGIT_SLOPE = "logit per unit of standardised input"


def _real(name: str, unit: str, description: str) -> Metric:
    return Metric(name, unit, description, "real4", summarised=True, computed_by=_OF_POINTS)


POINT_METRICS: tuple[Metric, ...] = (
    Metric("label", "", "The test point's true class, from 0.", "integer", computed_by=_OF_POINTS),
    Metric(
        "predicted",
        "",
        "The class with the largest logit; the first of them where several are equal.",
        "integer",
        computed_by=_OF_POINTS,
    ),
    Metric("correct", "", "Whether the predicted class is the label.", "boolean", computed_by=_OF_POINTS),
    _real(
        "loss",
        "nats",
        "The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the "
        "logits and the one-hot label.",
    ),
    _real("doubt", "", "1 - the largest probability, computed without the subtraction: exact down to 1e-38."),
    _real("entropy", "nats", "Entropy of the predicted probabilities; 0 is a certain prediction."),
    _real(
        "margin",
        "logits",
        "The label's logit minus the largest other logit; negative where the model is wrong, so it knows the label.",
    ),
    _real(
        "jacobian_norm",
        _SLOPE,
        "Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.",
    ),
    _real(
        "log10_jacobian_norm",
        f"log10 of {_SLOPE}",
        "Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.",
    ),
    _real("logit_jacobian_norm", _LOGIT_SLOPE, "Frobenius norm of df(x)/dx, before the softmax."),
    _real(
        "jacobian_spectral_norm",
        _SLOPE,
        "Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.",
    ),
    _real(
        "logit_jacobian_spectral_norm",
        _LOGIT_SLOPE,
        "Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.",
    ),
    _real(
        "input_gradient_norm",
        "nats per unit of standardised input",
        "Euclidean norm of the gradient of loss with respect to the input.",
    ),
    _real(
        "boundary_distance",
        "units of standardised input",
        "Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.",
    ),
    Metric(
        "transitions",
        "crossings",
        "Changes of the hidden units' activation codes along the closed path of wrapped horizontal shifts through x; "
        "NULL where not counted.",
        "integer",
        summarised=True,
        computed_by=_OF_PATHS,
    ),
)

# (suffix, what it summarises); only points where the metric has a value enter.
SUMMARY_STATISTICS: tuple[tuple[str, str], ...] = (
    ("mean", "mean over the test points measured"),
    ("median", "median over the test points measured"),
    ("q05", "5 % quantile over the test points measured"),
    ("q25", "25 % quantile over the test points measured"),
    ("q75", "75 % quantile over the test points measured"),
    ("q95", "95 % quantile over the test points measured"),
    ("mean_right", "mean over the test points the model classifies correctly"),
    ("mean_train", "mean over a fixed sample of the training points"),
)


def _summaries(metric: Metric) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            f"{metric.name}_{suffix}",
            metric.unit,
            f"{metric.name}, {what}. {metric.description}",
            "real8",
            computed_by=_OF_SUMMARIES,
        )
        for suffix, what in SUMMARY_STATISTICS
    )


MODEL_METRICS: tuple[Metric, ...] = (
    Metric("stop_reason", "", f"Why training ended: {', '.join(STOP_REASONS)}.", "text"),
    Metric("fitted", "", "Whether every training point was classified as its training label at the end.", "boolean"),
    Metric("steps", "steps", "Steps of the optimizer taken until training ended.", "integer"),
    Metric("train_accuracy", "", "Share of all training points used that are classified as their label.", "real8"),
    Metric(
        "test_accuracy",
        "",
        "Share of all test points that are classified as their label.",
        "real8",
        computed_by=_OF_MODELS,
    ),
    Metric("generalization_gap", "", "Training accuracy minus test accuracy, at the end of training.", "real8"),
    Metric("train_loss", "", "Mean of the training loss over all training points used, in the loss's unit.", "real8"),
    Metric("test_loss", "nats", "Mean of loss over all test points.", "real8", computed_by=_OF_MODELS),
    *(summary for metric in POINT_METRICS if metric.summarised for summary in _summaries(metric)),
    Metric(
        "n_zero_jacobian",
        "points",
        "Measured test points whose Jacobian is exactly 0.",
        "integer",
        computed_by=_OF_MODELS,
    ),
    Metric("n_points_stored", "points", "Rows this model has in point_metrics.", "integer", computed_by=_OF_MODELS),
    Metric("weight_norm", "", "Euclidean norm of all weights, biases left out.", "real8", computed_by=_OF_WEIGHTS),
    Metric(
        "log10_weight_norm_product",
        "",
        "Base-10 logarithm of the product of the layers' Frobenius norms.",
        "real8",
        computed_by=_OF_WEIGHTS,
    ),
    Metric(
        "log10_weight_spectral_norm_product",
        "",
        "Base-10 logarithm of the product of the layers' largest singular values.",
        "real8",
        computed_by=_OF_WEIGHTS,
    ),
    Metric("train_seconds", "seconds", "Wall-clock time of training, this model's share of its pack.", "real8"),
    Metric(
        "measure_seconds",
        "seconds",
        "Wall-clock time of measuring, this model's share of its pack.",
        "real8",
        computed_by=_OF_MODELS,
    ),
    Metric(
        "transitions_method",
        "",
        "How transitions were counted: exact, sampled:k or extrapolated:k with k points a path; NULL where not.",
        "text",
        computed_by=_OF_MODELS,
    ),
    Metric(
        "transitions_points", "points", "Test points whose transitions were counted.", "integer", computed_by=_OF_MODELS
    ),
)

TRAJECTORY_METRICS: tuple[Metric, ...] = (
    Metric(
        "kind",
        "",
        f"Which points the ellipse goes through: {', '.join(TRAJECTORY_KINDS)}.",
        "text",
        computed_by=_OF_CURVES,
    ),
    Metric(
        "angle",
        "radians",
        "Where on the ellipse, 0 to 2 pi: the middle of one of its equal bins. An ellipse through three training "
        "points passes them at pi/3, pi and 5 pi/3.",
        "real4",
        computed_by=_OF_CURVES,
    ),
    Metric(
        "jacobian_norm",
        _SLOPE,
        "Frobenius norm of d softmax(f(x)) / dx at that place.",
        "real4",
        computed_by=_OF_CURVES,
    ),
    Metric(
        "log10_jacobian_norm",
        f"log10 of {_SLOPE}",
        "Base-10 logarithm of jacobian_norm; NULL where the Jacobian is 0.",
        "real4",
        computed_by=_OF_CURVES,
    ),
    Metric(
        "transitions",
        "crossings",
        "Changes of the hidden units' activation codes in the bin whose middle this place is; exact, but for tanh, "
        "whose codes are sampled at 64 places a bin.",
        "integer",
        computed_by=_OF_CURVES,
    ),
)
