"""Does a metric of a model go with its generalization gap? Finishes the saved query `correlation`."""

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
    joined,
    reals,
    renumbered,
)
from sensdb.analysis.statistics.ranks import is_constant, kendall_tau_b, pearson, spearman

FEWEST_MODELS = 3
KEYS = ("dataset", "metric", "labels", "method")


def correlation(
    columns: Columns, *, unit: str = "models", draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED
) -> Finished:
    """Rank and log correlations of each metric with the gap, a data set at a time.

    Spearman's correlation over the units (paper.md 13), its 95 % interval by drawing configurations; Pearson's of the
    base-10 logarithms of metric and gap, over units where both are positive (a metric `log10_...` is one already);
    Kendall's tau-b. Units are models, replicas among them, or configurations: means of metric and gap over replicas,
    which is what the paper plots (paper.md 2) and what leaves the noise of single seeds out.

    Args:
        columns: one row a model and metric: dataset, metric, labels, method, configuration, n_train_points, value,
            generalization_gap. A row whose value or gap is missing is left out and counted.
        unit: models or configurations.
        draws: resamples of the interval.
        seed: of the resamples.

    Returns:
        One row for each data set, metric, labels and method, in order of appearance.
    """
    value, gap = reals(columns, "value"), reals(columns, "generalization_gap")
    configuration = coded(columns, "configuration")[0]
    samples = [(key, *_sample(value, gap, configuration, at, unit), len(at)) for key, at in groups(columns, KEYS)]
    estimates = [spearman(x, y) for _, x, y, *_ in samples]
    existing = [place for place, rho in enumerate(estimates) if rho is not None]
    intervals = dict(
        zip(
            existing,
            bootstrap.spearman_intervals([samples[place][1:4] for place in existing], draws=draws, seed=seed),
            strict=True,
        )
    )
    rows: list[tuple[object, ...]] = []
    said: list[tuple[str, str, str]] = []
    for place, ((dataset, metric, labels, method), x, y, _, n_present, n_configurations, n_all) in enumerate(samples):
        about, rho, interval = (str(dataset), str(metric)), estimates[place], intervals.get(place)
        if n_present < n_all:
            said.append((*about, f"{n_all - n_present} models without a value are left out"))
        if rho is None:
            said.append((*about, f"no correlation, {_why_none(x, y, unit)}"))
        elif interval is None:
            said.append((*about, f"no interval, {_why_no_interval(n_configurations)}"))
        pearson_log, note = _pearson_of_logs(x, y, unit, logged=(metric or "").startswith("log10_"))
        if note is not None and rho is not None:
            said.append((*about, note))
        low, high = interval if interval is not None else (None, None)
        tau = kendall_tau_b(x, y)
        rows.append((dataset, metric, n_present, n_configurations, pearson_log, rho, low, high, tau, labels, method))
    notes = [*_notes_on_sizes(columns), *joined(said)]
    names = (
        "dataset", "metric", "n_models", "n_configurations", "pearson_log", "spearman", "spearman_low",
        "spearman_high", "kendall_tau_b", "labels", "method",
    )  # fmt: skip
    made = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    in_limit = any(len(x) > bootstrap.RERANKED and n > bootstrap.MANY_CLUSTERS for _, x, _, _, _, n, _ in samples)
    limit = bootstrap.LIMIT_METHOD if in_limit else ""
    if rows:
        notes.append(f"Intervals: {bootstrap.METHOD.format(draws=draws, seed=seed)}{limit}.")
    return Finished(made, tuple(notes))


def _sample(
    value: FloatArray, gap: FloatArray, configuration: IntArray, at: IntArray, unit: str
) -> tuple[FloatArray, FloatArray, IntArray, int, int]:
    """Metric and gap of the units among rows `at`, their clusters, and how many models and configurations they are."""
    present = at[np.isfinite(value[at]) & np.isfinite(gap[at])]
    x, y, cluster = value[present], gap[present], renumbered(configuration[present])[0]
    n_configurations = int(cluster.max()) + 1 if len(cluster) else 0
    if unit == "configurations" and n_configurations:
        # Mean gaps are multiples of 1 / (seeds x test points): equal ones must not differ in their last bit.
        x, y, cluster = _means(x, cluster), np.round(_means(y, cluster), 12), np.arange(n_configurations)
    return x, y, cluster, len(present), n_configurations


def _notes_on_sizes(columns: Columns) -> list[str]:
    """A note for each data set that pools training sets of several sizes.

    More points make the gap smaller and may leave the norm as it is: on Fashion-MNIST the correlation was 0.20 over
    three sizes and 0.81 to 0.95 within each.
    """
    sizes = reals(columns, "n_train_points")
    notes = []
    for (dataset,), at in groups(columns, ("dataset",)):
        distinct = np.unique(sizes[at]).astype(int).tolist()
        if len(distinct) > 1:
            notes.append(
                f"{dataset}: pools training sets of {', '.join(f'{size:,}' for size in distinct[:5])}"
                f"{', ...' if len(distinct) > 5 else ''} points, which can hide what holds within each;"
                f" --where 'n_train_points = {distinct[0]}' asks about one."
            )
    return notes


def _means(values: FloatArray, cluster: IntArray) -> FloatArray:
    """The mean of each cluster's values, by the cluster's number."""
    return np.bincount(cluster, weights=values) / np.bincount(cluster)


def _pearson_of_logs(x: FloatArray, y: FloatArray, unit: str, *, logged: bool) -> tuple[float | None, str | None]:
    """Pearson's correlation of logarithms and what was left out; `logged` says that x is a logarithm already."""
    usable = (y > 0) if logged else (x > 0) & (y > 0)
    n = int(np.sum(usable))
    if n < FEWEST_MODELS:
        return None, f"no pearson_log, metric and gap have a logarithm in {n} {unit} and it needs {FEWEST_MODELS}"
    estimate = pearson(x[usable] if logged else np.log10(x[usable]), np.log10(y[usable]))
    if n == len(x):
        return estimate, None
    return estimate, f"pearson_log leaves out {len(x) - n} {unit} whose metric or gap is not positive"


def _why_none(x: FloatArray, y: FloatArray, unit: str) -> str:
    if len(x) < FEWEST_MODELS:
        return f"{len(x)} {unit} and it needs {FEWEST_MODELS}"
    constant = "the metric" if is_constant(x) else "the gap" if is_constant(y) else "a column"
    return f"{constant} is the same in all {len(x)} {unit}"


def _why_no_interval(n_configurations: int) -> str:
    if n_configurations < bootstrap.FEWEST_CLUSTERS:
        return f"{n_configurations} configurations and it needs {bootstrap.FEWEST_CLUSTERS}"
    return "too many resamples hold one value only"
