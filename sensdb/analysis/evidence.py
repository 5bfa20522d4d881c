"""The numbers of the claims, each out of a saved query that other questions share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sensdb.analysis.statistics.axis_correlation import ALL, WIDE
from sensdb.analysis.statistics.independent import difference
from sensdb.analysis.statistics.proportions import wilson_interval
from sensdb.analysis.verdict import Ask, Evidence

Rows = list[dict[str, Any]]
CROSS_ENTROPY = "loss = 'cross_entropy'"
SQUARED = "loss = 'squared'"
METRICS = "jacobian_norm,transitions,train_loss,n_parameters,jacobian_norm_mean_right"
BOTH = {"metric": "jacobian_norm,n_parameters"}


class Answers:
    """The saved queries that claims share, each asked once; of models trained on cross-entropy, as the paper's."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._asked = ask, dict[tuple[object, ...], Rows]()
        self.n_models = 0
        self.left_out: Mapping[str, int] = {}

    def rows(self, query: str, *, where: str = CROSS_ENTROPY, **parameters: Any) -> Rows:
        """The rows of a query with these parameters."""
        key = (query, where, *((name, str(value)) for name, value in sorted(parameters.items())))
        if key not in self._asked:
            answer = self._ask(query, where=where, **parameters)
            self._asked[key] = answer.rows
            if query == "correlation":
                self.n_models, self.left_out = answer.meta["n_models"], answer.meta["left_out"]
        return self._asked[key]

    def where(self, query: str, given: Mapping[str, Any] | None = None, **equal: Any) -> Rows:
        """The rows of a query whose columns have these values."""
        rows = self.rows(query, **(given or {}))
        return [row for row in rows if all(row[name] == value for name, value in equal.items())]


def correlation(answers: Answers, metric: str, **options: Any) -> Iterable[Evidence]:
    """Spearman's correlation of a metric and the gap; options go to the evidence."""
    for row in answers.where("correlation", {"metric": METRICS}, metric=metric):
        ends = (row["spearman"], row["spearman_low"], row["spearman_high"])
        about = (row["n_configurations"], "configurations", f"spearman {metric}")
        yield Evidence(row["dataset"], *ends, *about, query="correlation", **options)


def share(answers: Answers, factor: str, metric: str, least: float, **options: Any) -> Iterable[Evidence]:
    """The share of pairs in the expected direction."""
    for row in answers.where("factor_pairs", factor=factor, metric=metric):
        number, ends = row["share_expected"], (row["share_low"], row["share_high"])
        name = f"share {metric}{', batch alone' if factor == 'batch' else ''}"
        yield Evidence(
            row["dataset"],
            number,
            *ends,
            row["n_pairs"],
            "pairs",
            name,
            null=0.5,
            meets=number >= least,
            query="factor_pairs",
            **options,
        )


def ratio(answers: Answers, factor: str, metric: str, least_share: float = 0.0) -> Iterable[Evidence]:
    """The median ratio of the other side over the expected one."""
    for row in answers.where("factor_pairs", factor=factor, metric=metric):
        ends = (row["ratio_median"], row["ratio_low"], row["ratio_high"])
        about = (row["n_pairs"], "pairs", f"median ratio {metric}")
        yield Evidence(
            row["dataset"], *ends, *about, null=1.0, meets=row["share_expected"] >= least_share, query="factor_pairs"
        )


def contrast(answers: Answers, name: str, where: str = CROSS_ENTROPY, **options: Any) -> Iterable[Evidence]:
    """A row of the query `claim_contrasts`, which holds the paired numbers that no other query has."""
    for row in answers.where("claim_contrasts", {"where": where}, contrast=name):
        ends = (row["estimate"], row["low"], row["high"])
        yield Evidence(
            row["dataset"], *ends, row["n_clusters"], row["unit"], row["measure"], query="claim_contrasts", **options
        )


def below(answers: Answers, name: str, null: float, most: float) -> Iterable[Evidence]:
    """A contrast that the claim has below the null, and its estimate below `most`."""
    for each in contrast(answers, name, null=null, above=False):
        yield replace(each, meets=each.number is not None and each.number < most)


def off_the_manifold(answers: Answers) -> Iterable[Evidence]:
    """The median of log10(random / training points), at least 1 and positive in 95 % of models (row 1)."""
    shares = {each.dataset: each for each in contrast(answers, "anchor_lower", decides=False)}
    for each in contrast(answers, "anchor_norm"):
        beside = shares[each.dataset]
        enough = each.number is not None and each.number >= 1 and (beside.number or 0) >= 0.95
        yield replace(each, meets=enough)
        yield beside


def auroc(answers: Answers, where: str = CROSS_ENTROPY) -> Iterable[Evidence]:
    """The norm's mean area under the curve."""
    for row in answers.where("point_auroc", {"where": where}, metric="jacobian_norm"):
        ends = (row["auroc_mean"], row["auroc_low"], row["auroc_high"])
        yield Evidence(
            row["dataset"],
            *ends,
            row["n_configurations"],
            "configurations",
            "AUROC norm",
            null=0.5,
            query="point_auroc",
        )


def squared_loss(answers: Answers) -> Iterable[Evidence]:
    """Row 17 of models trained on the squared loss, and its AUROC less that of cross-entropy: same, but noisier."""
    usual = {each.dataset: each for each in auroc(answers)}
    for each in auroc(answers, SQUARED):
        yield replace(each, measure="AUROC norm, squared loss")
        about = ("configurations", "AUROC norm, squared loss - cross-entropy")
        other = usual.get(each.dataset)
        if other is None:
            why = "no fitted model with true labels and cross-entropy on this data set"
            yield Evidence(each.dataset, None, None, None, 0, *about, above=False, why=why, query="point_auroc")
        else:
            first, second = _estimate(each), _estimate(other)
            n = min(each.n, other.n)
            if first is None or second is None:
                yield Evidence(each.dataset, None, None, None, n, *about, above=False, query="point_auroc")
            else:
                apart = difference(first, second)
                yield Evidence(each.dataset, *apart, n, *about, above=False, query="point_auroc")
    yield from contrast(answers, "last_decile", SQUARED, above=False)


def _estimate(evidence: Evidence) -> tuple[float, float, float] | None:
    if evidence.number is None or evidence.low is None or evidence.high is None:
        return None
    return evidence.number, evidence.low, evidence.high


def over_doubt(answers: Answers) -> Iterable[Evidence]:
    """The norm's area under the curve minus that of doubt, paired within a model."""
    for row in answers.where("point_auroc", metric="jacobian_norm"):
        ends = (row["over_doubt"], row["over_doubt_low"], row["over_doubt_high"])
        yield Evidence(
            row["dataset"], *ends, row["n_configurations"], "configurations", "AUROC norm - doubt", query="point_auroc"
        )


def added_loss(answers: Answers) -> Iterable[Evidence]:
    """The out-of-fold log loss that the norm takes off beside all baselines that do not know the label."""
    for row in answers.where("added_log_loss", beside="all"):
        ends = (row["gain"], row["gain_low"], row["gain_high"])
        n = row["n_configurations"] if row["gain"] is not None else 0
        why = "" if n else "fewer than 5 configurations, or no wrong point in a fold"
        about = ("configurations", "log loss taken off by the norm, nats a point")
        yield Evidence(row["dataset"], *ends, n, *about, why=why, query="added_log_loss")


def net_of_all(answers: Answers) -> Iterable[Evidence]:
    """The correlation of the norm net of every baseline at once."""
    for row in answers.where("partial_correlation", {"metric": "jacobian_norm"}, population="fitted", control="all"):
        ends = (row["partial"], row["partial_low"], row["partial_high"])
        if row["dataset"] != "all":
            about = (row["n_configurations"], "configurations", "rho norm net of all baselines")
            yield Evidence(row["dataset"], *ends, *about, decides=False, query="partial_correlation")


def psi(answers: Answers, metric: str, *, known: str = "none", **options: Any) -> Iterable[Evidence]:
    """Psi, the mean over axes; where one has too few lines for an interval, that over the others, and Psi beside."""
    rows = answers.where("axis_correlation", {**BOTH, "known": known}, metric=metric)
    for row in rows:
        if row["axis"] not in (ALL, WIDE):
            continue
        given, name = dict(options), f"Psi {_named(metric, known)}"
        if row["axis"] == WIDE:
            name += " of axes with 5 lines"
        elif any(each["axis"] == WIDE and each["dataset"] == row["dataset"] for each in rows):
            given["decides"] = False
        ends = (row["psi"], row["psi_low"], row["psi_high"])
        yield Evidence(
            row["dataset"], *ends, row["n_configurations"], "configurations", name, query="axis_correlation", **given
        )


def axes(answers: Answers) -> Iterable[Evidence]:
    """The share of axes along which the norm goes with the gap, and psi of each (row 22)."""
    rows = [
        row
        for row in answers.where("axis_correlation", {**BOTH, "known": "none"}, metric="jacobian_norm")
        if row["axis"] not in (ALL, WIDE)
    ]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        of_axes = [row for row in rows if row["dataset"] == dataset]
        number = sum(row["psi"] > 0 for row in of_axes) / len(of_axes)
        low, high = wilson_interval(number, len(of_axes)) or (None, None)
        yield Evidence(
            dataset,
            number,
            low,
            high,
            len(of_axes),
            "axes",
            "share of axes with psi > 0",
            decides=False,
            query="axis_correlation",
        )
        for row in of_axes:
            ends = (row["psi"], row["psi_low"], row["psi_high"])
            yield Evidence(
                dataset, *ends, row["n_lines"], "lines", f"psi {row['axis']}", decides=False, query="axis_correlation"
            )


def information(answers: Answers, metric: str, *, known: str = "none") -> Iterable[Evidence]:
    """K, and where the same number of a random metric lies; it has no interval, so nothing rests on it."""
    given = {**BOTH, "known": known, "permutations": 100 if known == "none" else 20}
    for row in answers.where("conditional_information", given, metric=metric):
        null = "" if row["k"] is None else f" (random: 95 % below {row['null_high']:.3g})"
        about = (row["n_configurations"], "configurations", f"K {_named(metric, known)}{null}")
        yield Evidence(row["dataset"], row["k"], None, None, *about, decides=False, query="conditional_information")


def sign_errors(answers: Answers, metric: str, *, known: str = "none", **options: Any) -> Iterable[Evidence]:
    """The mean sign error over environments; where it decides, its 90 % quantile, its largest and its ESS beside."""
    for row in answers.where("sign_error", {**BOTH, "known": known}, axis="all", metric=metric):
        dataset, n = row["dataset"], row["n_environments"]
        name = f"sign error {_named(metric, known)}"
        why = "" if n else "no two configurations with gaps beyond test noise and replicas enough"
        ends = (row["error_mean"], row["error_low"], row["error_high"])
        yield Evidence(
            dataset, *ends, n, "environments", name, null=0.5, above=False, why=why, query="sign_error", **options
        )
        if n and known == "none" and options.get("decides", True):
            parts = (("90 % quantile", "error_q90"), ("largest", "error_worst"), ("median ESS", "ess_median"))
            for what, column in parts:
                yield Evidence(
                    dataset, row[column], None, None, n, "environments", what, decides=False, query="sign_error"
                )


def _named(metric: str, known: str) -> str:
    words = {"none": metric.replace("jacobian_norm", "norm"), "random": "random metric", "gap": "gap with noise"}
    return words[known]
