"""Does a metric of points add to what the softmax says already? Finishes the saved query `added_log_loss`."""

from __future__ import annotations

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.finished import (
    Columns,
    Finished,
    FloatArray,
    IntArray,
    coded,
    groups,
    reals,
    renumbered,
)
from sensdb.analysis.statistics.logistic import KNOTS, fit_logistic, log_losses, spline_columns

BASELINES = ("doubt", "entropy", "margin")
KNOWS_THE_LABEL = ("margin",)
ALL = "all"
FOLDS = 3
NAMES = (
    "dataset", "metric", "beside", "gain", "gain_low", "gain_high", "log_loss", "log_loss_with", "n_models",
    "n_configurations", "n_points", "n_wrong", "n_left_out",
)  # fmt: skip
NOTE = "margin counts by its size, which uses the label at wrong points: beside it a metric adds less than it would."


def added_log_loss(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Log loss of wrong or right that a metric takes off, at points and configurations that no fit has seen.

    Two logistic regressions of wrong (paper.md 13): on the baselines, and on them and the metric; each variable is a
    restricted cubic spline of its value and, for what differs between models, its mean over the model's points (a
    model not yet seen has no intercept of its own to fit; Mundlak 1978). Configurations and test points are each
    dealt to FOLDS folds; a cell of both is judged by fits that saw neither its configurations nor its points, since
    the same hard points recur in all models. gain = mean over points of models of loss without less loss with, nats.
    Its interval draws configurations and points, a row weighing the product of both counts (Owen 2007).

    Args:
        columns: one row a point of a model: dataset, metric, configuration, model_id, point_index, wrong, value and
            BASELINES, logarithms but for margin. A row that lacks one of them is left out and counted.
        draws: resamples of the interval.
        seed: of the folds and the resamples.

    Returns:
        One row a data set, metric and what stands beside: none, each baseline, and ALL, those that do not know the
        label. Losses are None where a fold has no wrong or no right point, or there are fewer than 5 configurations
        or points: the notes say so.
    """
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    variables = np.stack([reals(columns, name) for name in ("value", *BASELINES)], axis=1)
    wrong, model = reals(columns, "wrong"), coded(columns, "model_id")[0]
    configuration, point = coded(columns, "configuration")[0], reals(columns, "point_index").astype(np.int64)
    for (dataset, metric), every in groups(columns, ("dataset", "metric")):
        at = every[np.all(np.isfinite(variables[every]), axis=1)]
        cluster, point_of = renumbered(configuration[at])[0], renumbered(point[at])[0]
        counts = (len(np.unique(model[at])), _n(cluster), len(at), int(np.sum(wrong[at])), len(every) - len(at))
        if counts[-1]:
            notes.append(f"{dataset}, {metric}: {counts[-1]} points without the metric or a baseline are left out.")
        label_free = tuple(name for name in BASELINES if name not in KNOWS_THE_LABEL)
        reason = _why_none(wrong[at], cluster, point_of)
        for beside, names in (("none", ()), *((name, (name,)) for name in BASELINES), (ALL, label_free)):
            losses: tuple[FloatArray, FloatArray] | None = None
            if reason is None:
                places = [1 + BASELINES.index(name) for name in names]
                losses = _both_losses(variables[at], places, model[at], wrong[at], cluster, point_of, seed)
                reason = None if losses is not None else "a fold has no wrong or no right point"
            if losses is None:
                rows.append((dataset, metric, beside, *(None,) * 5, *counts))
                continue
            without, with_it = losses
            ends = crossed_interval(without - with_it, cluster, point_of, draws=draws, seed=seed) or (None, None)
            means = (float(np.mean(without)), float(np.mean(with_it)))
            rows.append((dataset, metric, beside, float(np.mean(without - with_it)), *ends, *means, *counts))
        if reason is not None:
            notes.append(f"{dataset}, {metric}: no log loss, {reason}.")
    if rows:
        method = f"{draws} draws of configurations and points, seed {seed}"
        notes += [NOTE, f"Out of fold: {FOLDS} x {FOLDS} folds of configurations and points; intervals: {method}."]
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)}, tuple(notes))


def crossed_interval(
    values: FloatArray, first: IntArray, second: IntArray, *, draws: int, seed: int
) -> tuple[float, float] | None:
    """Percentile interval of a mean over rows that belong to two crossed clusters, both drawn with replacement.

    Args:
        values: [n], finite.
        first, second: number of each row's cluster of either kind, from 0, [n].
    """
    n_first, n_second = _n(first), _n(second)
    if min(n_first, n_second) < bootstrap.FEWEST_CLUSTERS:
        return None
    cell = first * n_second + second
    sums = np.bincount(cell, values, n_first * n_second).reshape(n_first, n_second)
    counts = np.bincount(cell, minlength=n_first * n_second).reshape(n_first, n_second).astype(np.float64)
    drawn = (
        np.concatenate(list(bootstrap.drawn_counts(n, draws=draws, seed=each)))
        for n, each in ((n_first, seed), (n_second, seed + 1))
    )
    of_first, of_second = drawn
    total = np.sum((of_first @ counts) * of_second, axis=1)
    mean = np.sum((of_first @ sums) * of_second, axis=1) / np.where(total > 0, total, 1.0)
    return bootstrap.percentile_interval(np.where(total > 0, mean, np.nan))


def _both_losses(
    variables: FloatArray,
    places: list[int],
    model: IntArray,
    wrong: FloatArray,
    cluster: IntArray,
    point: IntArray,
    seed: int,
) -> tuple[FloatArray, FloatArray] | None:
    """Out-of-fold losses on the baselines at `places`, and with column 0 too, [n] each; None where a fold has none."""
    generator = np.random.Generator(np.random.PCG64(seed))
    fold, point_fold = (generator.permutation(_n(each))[each] % FOLDS for each in (cluster, point))
    of_model = renumbered(model)[0]
    size = np.bincount(of_model)
    means = np.stack([(np.bincount(of_model, each) / size)[of_model] for each in variables.T], axis=1)
    made = (np.zeros(len(wrong)), np.zeros(len(wrong)))
    for row in range(FOLDS):
        for column in range(FOLDS):
            held = (fold == row) & (point_fold == column)
            seen = (fold != row) & (point_fold != column)
            if not np.any(held):
                continue
            if len(np.unique(wrong[seen])) < 2:
                return None
            for loss, chosen in zip(made, (places, [*places, 0]), strict=True):
                parts = [np.zeros((len(wrong), 0))]
                for place in chosen:
                    knots = np.quantile(variables[seen, place], KNOTS)
                    parts += [spline_columns(variables[:, place], knots), means[:, place : place + 1]]
                design = np.concatenate(parts, axis=1)
                loss[held] = log_losses(design[held], wrong[held], fit_logistic(design[seen], wrong[seen]))
    return made


def _why_none(wrong: FloatArray, cluster: IntArray, point: IntArray) -> str | None:
    n_configurations, n_points = _n(cluster), _n(point)
    if min(n_configurations, n_points) < bootstrap.FEWEST_CLUSTERS:
        return (
            f"{n_configurations} configurations and {n_points} points and it needs {bootstrap.FEWEST_CLUSTERS} of each"
        )
    return "all points are right" if not np.any(wrong) else "all points are wrong" if np.all(wrong) else None


def _n(cluster: IntArray) -> int:
    return int(cluster.max()) + 1 if len(cluster) else 0
