"""Does a metric go with the gap beyond the baselines it must beat? Finishes the saved query `partial_correlation`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.finished import (
    Columns,
    Finished,
    FloatArray,
    IntArray,
    coded,
    groups,
    joined,
    reals,
    renumbered,
)
from sensdb.analysis.statistics.ranks import is_constant, midranks

POOLED = "all"
NAMES = (
    "dataset", "population", "metric", "control", "n_models", "n_configurations", "spearman", "partial",
    "partial_low", "partial_high", "fewest_models",
)  # fmt: skip


def partial_correlation(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Partial rank correlation of each metric with the gap, net of each baseline and of all together (paper.md 13).

    Rank all, residualise the ranks of metric and gap on the ranks of the controls, Pearson of the residuals; that is
    -P_xy / sqrt(P_xx P_yy) of the inverse P of the rank correlations. Control `none` is Spearman's own. Ranks are
    taken within the data set, and in the pooled rows (data set `all`) scaled to 0 .. 1 and centred there, so that no
    level of a data set enters. Intervals draw configurations, ranks held fixed.

    Args:
        columns: one row a model, metric and control: dataset, population, metric, control, configuration, value,
            generalization_gap, baseline (missing for control none). A model without one of them is left out of
            that control's row, and of control `all`, which holds those that the ones before do not decide.
        draws: resamples of the intervals.
        seed: of the resamples.

    Returns:
        One row a data set, population, metric and control, pooled rows last where there are several data sets.
        fewest_models is what the row needs: 3 and one for each control.
    """
    arrays = (reals(columns, "value"), reals(columns, "generalization_gap"), reals(columns, "baseline"))
    model = reals(columns, "model_id").astype(np.int64)
    configuration = coded(columns, "configuration")[0]
    rows: list[tuple[object, ...]] = []
    said: list[tuple[str, str, str]] = []
    pooled: dict[tuple[str, str, str], list[tuple[FloatArray, IntArray]]] = {}
    for (dataset, population, metric), of_metric in groups(columns, ("dataset", "population", "metric")):
        parts = {
            str(key[0]): of_metric[at]
            for key, at in groups({"control": np.asarray(columns["control"], dtype=object)[of_metric]}, ("control",))
        }
        for control, wanted in _controls(parts):
            values, cluster = _sample(arrays, model, configuration, parts, wanted)
            about = (str(dataset), str(population), str(metric), control)
            row, reason = _row(about, values, cluster, draws, seed)
            rows.append(row)
            if reason is not None:
                said.append((str(dataset), str(metric), f"{population}, control {control}: no number, {reason}"))
            scaled = np.stack([(midranks(each) - 0.5) / len(each) - 0.5 for each in values]) if values.size else values
            pooled.setdefault((str(population), str(metric), control), []).append((scaled, cluster))
    if len({row[0] for row in rows}) > 1:
        for key, kept in pooled.items():
            rows.append(_pooled((POOLED, *key), kept, draws, seed))
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)}, tuple(joined(said)))


def partial(correlations: FloatArray) -> FloatArray:
    """The partial correlation of the first two columns net of the others, of each matrix [D, k, k]; [D].

    NaN where a column is constant or decided by the others.
    """
    made = np.full(len(correlations), np.nan)
    usable = np.all(np.isfinite(correlations), axis=(1, 2))
    usable[usable] = np.abs(np.linalg.det(correlations[usable][:, 2:, 2:])) > 1e-10
    x, c = correlations[usable][:, :2, :2], correlations[usable][:, :2, 2:]
    left = x - c @ np.linalg.solve(correlations[usable][:, 2:, 2:], np.swapaxes(c, 1, 2)) if c.shape[2] else x
    scale = left[:, 0, 0] * left[:, 1, 1]
    exists = (left[:, 0, 0] > 1e-10) & (left[:, 1, 1] > 1e-10)
    quotient = np.where(exists, left[:, 0, 1] / np.sqrt(np.where(exists, scale, 1.0)), np.nan)
    made[usable] = np.clip(quotient, -1.0, 1.0)
    return made


def resampled(ranks: FloatArray, cluster: IntArray, *, draws: int, seed: int) -> FloatArray:
    """Correlations of the rows of `ranks` [k, n] in each resample of clusters, [draws, k, k]."""
    k = len(ranks)
    design = np.concatenate([np.ones((1, ranks.shape[1])), ranks - ranks.mean(axis=1, keepdims=True)])
    a, b = np.triu_indices(k + 1)
    n_clusters = int(cluster.max()) + 1
    sums = np.stack(
        [np.bincount(cluster, design[i] * design[j], n_clusters) for i, j in zip(a, b, strict=True)], axis=1
    )
    drawn = np.concatenate([each @ sums for each in bootstrap.drawn_counts(n_clusters, draws=draws, seed=seed)])
    moments = np.zeros((len(drawn), k + 1, k + 1))
    moments[:, a, b] = moments[:, b, a] = drawn / drawn[:, :1]
    covariance = moments[:, 1:, 1:] - moments[:, 1:, :1] * moments[:, :1, 1:]
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    scale = spread[:, :, None] * spread[:, None, :]
    made: FloatArray = np.where(scale > 0, covariance / np.where(scale > 0, scale, 1.0), np.nan)
    return made


def _controls(parts: dict[str, IntArray]) -> list[tuple[str, tuple[str, ...]]]:
    single = [name for name in parts if name != "none"]
    made: list[tuple[str, tuple[str, ...]]] = [("none", ()), *((name, (name,)) for name in single)]
    return [*made, ("all", tuple(single))] if len(single) > 1 else made


def _sample(
    arrays: tuple[FloatArray, FloatArray, FloatArray],
    model: IntArray,
    configuration: IntArray,
    parts: dict[str, IntArray],
    wanted: Sequence[str],
) -> tuple[FloatArray, IntArray]:
    """Metric, gap and controls of the models that have all, [2 + controls, n], and their clusters."""
    value, gap, baseline = arrays
    base = parts["none"]
    base = base[np.argsort(model[base], kind="stable")]
    columns = [value[base], gap[base]]
    for name in wanted:
        at = parts[name]
        given = baseline[at[np.argsort(model[at], kind="stable")]]
        if len(wanted) == 1 or _adds(columns[2:], given):
            columns.append(given)
    stacked = np.stack(columns)
    kept = np.all(np.isfinite(stacked), axis=0)
    return stacked[:, kept], renumbered(configuration[base[kept]])[0]


def _adds(controls: list[FloatArray], given: FloatArray) -> bool:
    """Whether a control says anything that those before it do not: among all, width and units are one at one depth."""
    present = np.all(np.isfinite(np.stack([*controls, given])), axis=0)
    if np.sum(present) < len(controls) + 3:
        return False
    ranks = np.stack([midranks(each[present]) for each in (*controls, given)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=1, keepdims=True)
    return bool(np.all(size > 0)) and int(np.linalg.matrix_rank(centred / size, tol=1e-6)) == len(ranks)


def _row(
    about: tuple[str, ...], values: FloatArray, cluster: IntArray, draws: int, seed: int
) -> tuple[tuple[object, ...], str | None]:
    n, fewest = values.shape[1], values.shape[0] + 1
    n_clusters = int(cluster.max()) + 1 if n else 0
    if n < fewest:
        return (*about, n, n_clusters, None, None, None, None, fewest), f"{n} models and it needs {fewest}"
    ranks = np.stack([midranks(each) for each in values])
    whole = resampled_once(ranks)
    plain, estimate = partial(whole[:, :2, :2])[0], partial(whole)[0]
    interval = None
    if np.isfinite(estimate) and n_clusters >= bootstrap.FEWEST_CLUSTERS:
        interval = bootstrap.percentile_interval(partial(resampled(ranks, cluster, draws=draws, seed=seed)))
    low, high = interval or (None, None)
    made = (*about, n, n_clusters, _or_none(plain), _or_none(estimate), low, high, fewest)
    if np.isfinite(estimate):
        return made, None
    constant = any(is_constant(each) for each in values)
    return made, "a column is the same in all models" if constant else "the controls decide metric or gap"


def resampled_once(ranks: FloatArray) -> FloatArray:
    """The correlations of the sample itself, [1, k, k]; NaN where a row is constant."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T
    spread = np.sqrt(np.diagonal(covariance))
    scale = spread[:, None] * spread[None]
    made: FloatArray = np.where(scale > 0, covariance / np.where(scale > 0, scale, 1.0), np.nan)[None]
    return made


def _pooled(
    about: tuple[str, ...], kept: list[tuple[FloatArray, IntArray]], draws: int, seed: int
) -> tuple[object, ...]:
    """The row over data sets: ranks of each within it, configurations of all drawn together."""
    k = max(len(values) for values, _ in kept)
    usable = [(values, cluster) for values, cluster in kept if len(values) == k and values.shape[1]]
    if not usable:
        return (*about, 0, 0, None, None, None, None, k + 1)
    ranks = np.concatenate([values for values, _ in usable], axis=1)
    offsets = np.cumsum([0, *(int(cluster.max()) + 1 for _, cluster in usable)])
    cluster = np.concatenate([each + first for (_, each), first in zip(usable, offsets, strict=False)])
    n, n_clusters = ranks.shape[1], int(offsets[-1])
    if n < k + 1:
        return (*about, n, n_clusters, None, None, None, None, k + 1)
    whole = resampled_once(ranks)
    estimate, interval = partial(whole)[0], None
    if np.isfinite(estimate) and n_clusters >= bootstrap.FEWEST_CLUSTERS:
        interval = bootstrap.percentile_interval(partial(resampled(ranks, cluster, draws=draws, seed=seed)))
    low, high = interval or (None, None)
    plain = _or_none(partial(whole[:, :2, :2])[0])
    return (*about, n, n_clusters, plain, _or_none(estimate), low, high, k + 1)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
