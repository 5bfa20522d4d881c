"""How often does a metric order two models wrongly that differ in one axis, at worst? Finishes `sign_error`."""

from __future__ import annotations

import math

import numpy as np

from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.statistics.axes import Grid, grids, lines, pairs_on_lines
from sensdb.analysis.statistics.finished import Columns, Finished, FloatArray, IntArray, joined, reals, texts
from sensdb.analysis.statistics.known_metrics import with_known
from sensdb.analysis.statistics.proportions import wilson_interval

NAMES = (
    "dataset", "metric", "axis", "n_environments", "error_mean", "error_q90", "error_worst", "ess_median", "weight",
    "n_below_ess", "n_without_weight", "null_mean", "null_worst", "error_low", "error_high",
)  # fmt: skip
MOST_ESS = 12.0


def sign_error(
    columns: Columns,
    *,
    min_ess: float | None = None,
    known: str = "none",
    draws: int = bootstrap.DRAWS,
    seed: int = bootstrap.SEED,
) -> Finished:
    """Dziugaite et al.'s sign error of one-axis environments (paper.md 12).

    An environment is a pair of configurations that differ in one axis; its members are all pairs of replicas. A pair
    errs by SE = (1 - sign(mu - mu') sign(g - g')) / 2, an environment by sum w SE / sum w. With D = |g - g'| at n test
    points w = max(0, w0 - 1/2), where `hoeffding` has w0 = max(0, 1 - 2 exp(-2 n (D/2)^2))^2 and `paired`, of errors
    at the same points, w0 = (2 Phi(D / se) - 1)^2 with se^2 = (b + c - (b - c)^2 / n) / n^2, b and c the points
    that one of the two alone gets right. Kept are environments whose effective sample size (sum w)^2 / sum w^2 is at
    least min_ess.

    Args:
        columns: as `axes.grids` takes them, with n_test_points, weight (hoeffding or paired, one for all rows) and,
            for `paired`, right: a text of 0 and 1, a character a test point.
        min_ess: None is min(12, r^2 / 2) for r replicas in the smaller of the two configurations.
        known: as `known_metrics.with_known` takes it: none, or the metric to put in the metric's place.
        draws: resamples of the interval of the mean, configurations drawn with all their environments.
        seed: of the resamples, and of the random metric whose errors stand beside, dealt to the models 20 times.

    Returns:
        One row a data set, metric and axis, and one of axis `all`; errors are null where no environment is kept.
    """
    columns = with_known(columns, known, seed)
    rows: list[tuple[object, ...]] = []
    said: list[tuple[str, str, str]] = []
    value, gap, n_test = (reals(columns, name) for name in ("value", "generalization_gap", "n_test_points"))
    weight = str(columns["weight"][0]) if len(value) else "hoeffding"
    right = texts(columns, "right") if weight == "paired" else []
    for grid in grids(columns):
        about = (grid.dataset, grid.metric)
        made = _of_grid(grid, value, gap, n_test, right, weight, min_ess, draws, seed)
        rows += made
        if grid.n_without:
            said.append((*about, f"{grid.n_without} models without a value are left out"))
        if not made:
            said.append((*about, "no two configurations differ in one spec field alone"))
        elif made[-1][3] == 0:
            said.append((*about, "no sign error, no environment has gaps far enough apart and replicas enough"))
    return Finished({name: [row[place] for row in rows] for place, name in enumerate(NAMES)}, tuple(joined(said)))


def hoeffding_weight(difference: FloatArray, n: FloatArray) -> FloatArray:
    """max(0, max(0, 1 - 2 exp(-2 n (D/2)^2))^2 - 1/2) of gaps D apart at n test points."""
    w0 = np.maximum(0.0, 1 - 2 * np.exp(-2 * n * (difference / 2) ** 2)) ** 2
    made: FloatArray = np.maximum(0.0, w0 - 0.5)
    return made


def paired_weight(difference: float, first: str | None, second: str | None) -> float:
    """The weight of two models by McNemar's error of their difference; 0 where points are not stored for both."""
    if not first or not second or len(first) != len(second):
        return 0.0
    a, b = (np.frombuffer(each.encode(), dtype=np.uint8) == ord("1") for each in (first, second))
    only_a, only_b, n = int(np.sum(a & ~b)), int(np.sum(b & ~a)), len(a)
    if only_a + only_b == 0:
        return 0.0
    variance = (only_a + only_b - (only_a - only_b) ** 2 / n) / n**2
    if variance <= 0:
        return 0.5
    w0 = math.erf(difference / math.sqrt(2 * variance)) ** 2
    return max(0.0, w0 - 0.5)


def _of_grid(
    grid: Grid,
    value: FloatArray,
    gap: FloatArray,
    n_test: FloatArray,
    right: list[str | None],
    weight: str,
    min_ess: float | None,
    draws: int,
    seed: int,
) -> list[tuple[object, ...]]:
    generator = np.random.Generator(np.random.PCG64(seed))
    used = np.concatenate(grid.rows) if grid.rows else np.zeros(0, dtype=np.int64)
    dealt = []
    for _ in range(20):
        random = np.full(len(value), np.nan)
        random[used] = generator.permutation(value[used])
        dealt.append(random)
    rows: list[tuple[object, ...]] = []
    all_errors, all_null, all_ess, all_pairs, low_ess, weightless = [], [], [], [], 0, 0
    for place, axis in enumerate(grid.axes):
        first, second = pairs_on_lines(lines(grid.levels, place))
        if len(first) == 0:
            continue
        errors, null, sizes, pairs, n_low, n_none = [], [], [], [], 0, 0
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            i, j = (each.ravel() for each in np.meshgrid(grid.rows[a], grid.rows[b], indexing="ij"))
            apart = np.abs(gap[i] - gap[j])
            if weight == "hoeffding":
                w = hoeffding_weight(apart, n_test[i])
            else:
                members = zip(apart.tolist(), i.tolist(), j.tolist(), strict=True)
                w = np.array([paired_weight(d, right[k], right[m]) for d, k, m in members])
            if not np.any(w > 0):
                n_none += 1
                continue
            ess = float(np.sum(w) ** 2 / np.sum(w * w))
            replicas = min(len(grid.rows[a]), len(grid.rows[b]))
            if ess < (min(MOST_ESS, replicas**2 / 2) if min_ess is None else min_ess) - 1e-9:
                n_low += 1
                continue
            sizes.append(ess)
            pairs.append((a, b))
            errors.append(_error(value, gap, i, j, w))
            null.append([_error(each, gap, i, j, w) for each in dealt])
        ends = mean_interval(errors, pairs, draws=draws, seed=seed)
        rows.append((*_row(grid, axis, errors, null, sizes, weight, n_low, n_none), *ends))
        all_errors += errors
        all_pairs += pairs
        all_null += null
        all_ess += sizes
        low_ess, weightless = low_ess + n_low, weightless + n_none
    if rows:
        ends = mean_interval(all_errors, all_pairs, draws=draws, seed=seed)
        rows.append((*_row(grid, "all", all_errors, all_null, all_ess, weight, low_ess, weightless), *ends))
    return rows


def mean_interval(
    errors: list[float], pairs: list[tuple[int, int]], *, draws: int, seed: int
) -> tuple[float, float] | tuple[None, None]:
    """The 95 % interval of the mean error of environments that share configurations.

    Configurations are drawn with replacement and an environment weighs what both of its own were drawn, product of
    counts. Where all environments err alike that has no width, and Wilson's interval stands for it, of as many pairs
    as can be disjoint: half the configurations.

    Args:
        errors: of each environment.
        pairs: its two configurations.

    Returns:
        Low and high end; both None with fewer than 5 configurations, or where a twentieth of the resamples and more
        hold no environment.
    """
    if not errors:
        return None, None
    ends, place = np.unique(np.array(pairs, dtype=np.int64), return_inverse=True)
    a, b = place.reshape(-1, 2).T
    error, n = np.array(errors), len(ends)
    if n < bootstrap.FEWEST_CLUSTERS:
        return None, None
    if np.all(error == error[0]):
        return wilson_interval(float(error[0]), n // 2) or (None, None)
    estimates = []
    for counts in bootstrap.drawn_counts(n, draws=draws, seed=seed, rows_a_block=max(1, 1_000_000 // len(error))):
        weight = counts[:, a] * counts[:, b]
        total = np.sum(weight, axis=1)
        estimates.append(np.where(total > 0, weight @ error / np.where(total > 0, total, 1.0), np.nan))
    return bootstrap.percentile_interval(np.concatenate(estimates)) or (None, None)


def _error(value: FloatArray, gap: FloatArray, i: IntArray, j: IntArray, w: FloatArray) -> float:
    wrong = (1 - np.sign(value[i] - value[j]) * np.sign(gap[i] - gap[j])) / 2
    return float(np.sum(w * wrong) / np.sum(w))


def _row(
    grid: Grid,
    axis: str,
    errors: list[float],
    null: list[list[float]],
    sizes: list[float],
    weight: str,
    n_low: int,
    n_none: int,
) -> tuple[object, ...]:
    about = (grid.dataset, grid.metric, axis, len(errors))
    if not errors:
        return (*about, None, None, None, None, weight, n_low, n_none, None, None)
    at = (float(np.mean(errors)), float(np.quantile(errors, 0.9)), max(errors), float(np.median(sizes)))
    worst = float(np.mean(np.max(null, axis=0)))
    return (*about, *at, weight, n_low, n_none, float(np.mean(null)), worst)
