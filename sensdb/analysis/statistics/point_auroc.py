"""Does a number tell wrong test points from right ones? Finishes the saved query `point_auroc`."""

from __future__ import annotations

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.finished import Columns, Finished, FloatArray, IntArray, codes, groups, reals, texts

KNOW_THE_LABEL = {
    "margin": "margin counts by its size, which uses the label at wrong points: a margin without labels has more.",
    "loss": "loss uses the label: its AUROC is no prediction.",
    "input_gradient_norm": "input_gradient_norm uses the label: its AUROC is no prediction.",
}


def point_auroc(columns: Columns, *, draws: int = bootstrap.DRAWS, seed: int = bootstrap.SEED) -> Finished:
    """Mean over models of the area under the ROC curve, wrong points against right ones.

    AUROC = P(wrong > right) + P(wrong = right) / 2 within a model (paper.md 13): 0.5 tells nothing, 1 tells all.
    Points are compared within a model only, for levels differ between models by orders of magnitude.

    Args:
        columns: one row a model and metric: dataset, metric, model_id, configuration, auroc, n_wrong, n_right. A
            model with no wrong or no right point has no AUROC and is counted.
        draws: resamples of the interval, configurations drawn with all their seeds.
        seed: of the resamples.

    Returns:
        One row a data set and metric, in order of appearance; n_points and n_wrong are sums over the models used.
        over_doubt is the mean over models of the metric's AUROC minus that of doubt at the same points, where doubt
        is among the metrics: paired, so what makes a model's points easy for both is not in its interval.
    """
    auroc, n_wrong, n_right = (reals(columns, name) for name in ("auroc", "n_wrong", "n_right"))
    model = reals(columns, "model_id")
    configuration = np.array(texts(columns, "configuration"), dtype=object)
    doubt = {key[0]: at for key, at in groups(columns, ("dataset", "metric")) if key[1] == "doubt"}
    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    means: list[tuple[FloatArray, IntArray]] = []  # of each row: its AUROC, and what it is over that of doubt
    for (dataset, metric), at in groups(columns, ("dataset", "metric")):
        used = at[np.isfinite(auroc[at])]
        name = f"{dataset}, {metric}"
        if len(used) < len(at):
            notes.append(f"{name}: {len(at) - len(used)} models without a wrong or without a right point are left out.")
        cluster = codes(list(configuration[used]))
        n_configurations = len(set(cluster.tolist()))
        mean = float(np.mean(auroc[used])) if len(used) else None
        means.append((auroc[used], cluster))
        if 0 < n_configurations < bootstrap.FEWEST_CLUSTERS:
            notes.append(
                f"{name}: no interval, {n_configurations} configurations and it needs {bootstrap.FEWEST_CLUSTERS}."
            )
        wrong, right = int(np.sum(n_wrong[used])), int(np.sum(n_right[used]))
        over, apart, shared = None, auroc[:0], cluster[:0]
        if dataset in doubt and metric != "doubt":
            _, place, other = np.intersect1d(model[used], model[doubt[dataset]], return_indices=True)
            difference = auroc[used][place] - auroc[doubt[dataset]][other]
            exists = np.isfinite(difference)
            apart, shared = difference[exists], codes(list(configuration[used][place][exists]))
            over = float(np.mean(apart)) if len(apart) else None
        means.append((apart, shared))
        rows.append((dataset, metric, len(used), mean, n_configurations, wrong + right, wrong, over))
    ends = [interval or (None, None) for interval in bootstrap.mean_intervals(means, draws=draws, seed=seed)]
    rows = [
        (*row[:4], *own, *row[4:], *over_doubt)
        for row, own, over_doubt in zip(rows, ends[::2], ends[1::2], strict=True)
    ]
    notes += [
        f"{name}: not all metrics exist at the same points; see n_points."
        for name in dict.fromkeys(str(row[0]) for row in rows)
        if len({row[7:9] for row in rows if row[0] == name}) > 1
    ]
    names = (
        "dataset", "metric", "n_models", "auroc_mean", "auroc_low", "auroc_high", "n_configurations", "n_points",
        "n_wrong", "over_doubt", "over_doubt_low", "over_doubt_high",
    )  # fmt: skip
    notes += [note for metric, note in KNOW_THE_LABEL.items() if any(row[1] == metric for row in rows)]
    if rows:
        notes.append(f"Intervals: {bootstrap.METHOD.format(draws=draws, seed=seed)}.")
    return Finished({name: [row[i] for row in rows] for i, name in enumerate(names)}, tuple(notes))
