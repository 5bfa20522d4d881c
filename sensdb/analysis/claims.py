"""Which saved query answers each claim of paper.md 14, and which of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sensdb.analysis.verdict import COLUMNS, Ask, Evidence, status_of

Rows = list[dict[str, Any]]


class Answers:
    """The saved queries that claims share, each asked once."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._asked = ask, dict[tuple[object, ...], Rows]()
        self.n_models = 0
        self.left_out: Mapping[str, int] = {}

    def rows(self, query: str, **parameters: Any) -> Rows:
        """The rows of a query with these parameters."""
        key = (query, *((name, str(value)) for name, value in sorted(parameters.items())))
        if key not in self._asked:
            answer = self._ask(query, **parameters)
            self._asked[key] = answer.rows
            if query == "correlation":
                self.n_models, self.left_out = answer.meta["n_models"], answer.meta["left_out"]
        return self._asked[key]

    def where(self, query: str, given: Mapping[str, Any] | None = None, **equal: Any) -> Rows:
        """The rows of a query whose columns have these values."""
        rows = self.rows(query, **(given or {}))
        return [row for row in rows if all(row[name] == value for name, value in equal.items())]


METRICS = {"metric": "jacobian_norm,transitions,logit_jacobian_norm,train_loss,n_parameters"}


def correlation(answers: Answers, metric: str, **options: Any) -> Iterable[Evidence]:
    """Spearman's correlation of a metric and the gap; options go to the evidence."""
    for row in answers.where("correlation", METRICS, metric=metric):
        ends = (row["spearman"], row["spearman_low"], row["spearman_high"])
        about = (row["n_configurations"], "configurations", f"spearman {metric}")
        yield Evidence(row["dataset"], *ends, *about, **options)


def share(answers: Answers, factor: str, metric: str, least: float, **options: Any) -> Iterable[Evidence]:
    """The share of pairs in the expected direction."""
    for row in answers.where("factor_pairs", factor=factor, metric=metric):
        number, low, high = row["share_expected"], row["share_low"], row["share_high"]
        about: tuple[int, str, str] = (row["n_pairs"], "pairs", f"share {metric}")
        yield Evidence(row["dataset"], number, low, high, *about, null=0.5, meets=number >= least, **options)


def ratio(answers: Answers, factor: str, metric: str, least_share: float = 0.0) -> Iterable[Evidence]:
    """The median ratio of the other side over the expected one."""
    for row in answers.where("factor_pairs", factor=factor, metric=metric):
        ends = (row["ratio_median"], row["ratio_low"], row["ratio_high"])
        about = (row["n_pairs"], "pairs", f"median ratio {metric}")
        yield Evidence(row["dataset"], *ends, *about, null=1.0, meets=row["share_expected"] >= least_share)


def from_contrast(answers: Answers, name: str, **options: Any) -> Iterable[Evidence]:
    """A row of the query `claim_contrasts`, which holds the paired numbers that no other query has."""
    for row in answers.where("claim_contrasts", contrast=name):
        ends = (row["estimate"], row["low"], row["high"])
        yield Evidence(row["dataset"], *ends, row["n_clusters"], row["unit"], row["measure"], **options)


def curve(answers: Answers, name: str, null: float, above: bool, least: float) -> Iterable[Evidence]:
    """A contrast of a claim about curves, with a threshold on the estimate."""
    for each in from_contrast(answers, name, null=null, above=above):
        met = each.number is not None and (each.number >= least if above else each.number < least)
        yield Evidence(**{**each.__dict__, "meets": met})


def auroc(answers: Answers, metric: str, loss: str = "cross_entropy") -> Iterable[Evidence]:
    """The mean area under the curve of a metric of points, of models trained on a loss."""
    for row in answers.where("point_auroc", {"where": f"loss = '{loss}'"}, metric=metric):
        ends = (row["auroc_mean"], row["auroc_low"], row["auroc_high"])
        yield Evidence(row["dataset"], *ends, row["n_configurations"], "configurations", f"AUROC {metric}", null=0.5)


def over_doubt(answers: Answers) -> Iterable[Evidence]:
    """The norm's area under the curve minus that of doubt, paired within a model."""
    for row in answers.where("point_auroc", {"where": "loss = 'cross_entropy'"}, metric="jacobian_norm"):
        ends = (row["over_doubt"], row["over_doubt_low"], row["over_doubt_high"])
        yield Evidence(row["dataset"], *ends, row["n_configurations"], "configurations", "AUROC norm - doubt")


def partials(answers: Answers) -> Iterable[Evidence]:
    """The correlation net of all baselines."""
    given = {"metric": "jacobian_norm"}
    for row in answers.where("partial_correlation", given, population="fitted", control="all"):
        ends = (row["partial"], row["partial_low"], row["partial_high"])
        if row["dataset"] != "all":
            yield Evidence(row["dataset"], *ends, row["n_configurations"], "configurations", "partial spearman")


def psi(answers: Answers, metric: str = "jacobian_norm") -> Iterable[Evidence]:
    """Psi, the mean over axes."""
    for row in answers.where("axis_correlation", {"metric": metric}, axis="all"):
        ends = (row["psi"], row["psi_low"], row["psi_high"])
        yield Evidence(row["dataset"], *ends, row["n_configurations"], "configurations", "Psi")


def sign_errors(answers: Answers) -> Iterable[Evidence]:
    """The mean sign error; its high end is the 90 % quantile of environments, not of an estimate."""
    for row in answers.where("sign_error", {"metric": "jacobian_norm"}, axis="all"):
        ends = (row["error_mean"], row["error_mean"], row["error_q90"])
        yield Evidence(
            row["dataset"], *ends, row["n_environments"], "environments", "mean .. 90 %", null=0.5, above=False
        )


Judge = Callable[[Answers], Iterable[Evidence]]
CLAIMS: tuple[tuple[int, str, str, Judge], ...] = (
    (
        1,
        "Jacobian small at training points, large off the manifold",
        "trajectory_profile",
        lambda a: curve(a, "anchor_norm", 0.0, True, 1.0),
    ),
    (
        2,
        "transitions dip at training points",
        "trajectory_profile",
        lambda a: curve(a, "anchor_transitions", 1.0, False, 0.8),
    ),
    (3, "same-class path less sensitive", "trajectory_profile", lambda a: curve(a, "same_class_norm", 0.0, False, 0.0)),
    (
        4,
        "fewer boundaries near training points after training",
        "region_slices",
        lambda a: curve(a, "regions", 1.0, False, 1.0),
    ),
    (5, "true labels: smaller gap", "factor_pairs", lambda a: share(a, "label_noise", "generalization_gap", 0.99)),
    (6, "true labels: smaller Jacobian", "factor_pairs", lambda a: ratio(a, "label_noise", "jacobian_norm", 0.75)),
    (7, "true labels: fewer transitions", "factor_pairs", lambda a: ratio(a, "label_noise", "transitions")),
    (
        8,
        "augmentation: smaller gap, Jacobian, fewer transitions",
        "factor_pairs",
        lambda a: [
            *share(a, "augmentation", "generalization_gap", 0.95),
            *share(a, "augmentation", "jacobian_norm", 0.95),
            *share(a, "augmentation", "transitions", 0.85),
        ],
    ),
    (
        9,
        "ReLU below HardSigmoid: gap, Jacobian",
        "factor_pairs",
        lambda a: [
            *share(a, "nonlinearity", "generalization_gap", 0.5),
            *share(a, "nonlinearity", "jacobian_norm", 0.5),
        ],
    ),
    (
        10,
        "mini-batch below L-BFGS: gap, Jacobian",
        "factor_pairs",
        lambda a: [*share(a, "optimizer", "generalization_gap", 0.5), *share(a, "optimizer", "jacobian_norm", 0.5)],
    ),
    (
        11,
        "but not transitions (reported either way)",
        "factor_pairs",
        lambda a: share(a, "optimizer", "transitions", 0.5),
    ),
    (12, "Jacobian norm rises with the gap", "correlation", lambda a: correlation(a, "jacobian_norm")),
    (
        13,
        "transitions rank sizes worse than the norm does",
        "claim_contrasts",
        lambda a: from_contrast(a, "norm_over_transitions"),
    ),
    (14, "bigger nets have a lower best gap", "claim_contrasts", lambda a: from_contrast(a, "envelope", above=False)),
    (
        15,
        "training loss orders the gap less than the norm",
        "claim_contrasts",
        lambda a: from_contrast(a, "norm_over_train_loss"),
    ),
    (
        16,
        "probability Jacobian beats logit Jacobian",
        "claim_contrasts",
        lambda a: from_contrast(a, "norm_over_logit_norm"),
    ),
    (17, "per point: large norm, wrong answer", "point_auroc", lambda a: auroc(a, "jacobian_norm")),
    (
        18,
        "per point: some wrong points are far below",
        "claim_contrasts",
        lambda a: from_contrast(a, "confident_wrong", above=False),
    ),
    (19, "squared loss: the same, noisier", "point_auroc", lambda a: auroc(a, "jacobian_norm", "squared")),
    (20, "control: 12 net of training loss, doubt and size", "partial_correlation", partials),
    (21, "control: 17 net of top probability", "point_auroc", over_doubt),
    (22, "control: Psi over axes", "axis_correlation", psi),
    (23, "control: sign error below 1/2", "sign_error", sign_errors),
    (
        24,
        "control: a random metric finds nothing",
        "claim_contrasts",
        lambda a: from_contrast(a, "random_metric", covers=True),
    ),
    (25, "control: the gap with noise is found", "claim_contrasts", lambda a: from_contrast(a, "noisy_gap")),
)


def judge(ask: Ask) -> tuple[list[dict[str, Any]], Answers]:
    """Every claim against the answers of `ask`, at least one row each; columns are `verdict.COLUMNS`."""
    answers = Answers(ask)
    rows = []
    for number, statement, query, evidence_of in CLAIMS:
        for each in list(evidence_of(answers)) or [Evidence("", None, None, None, 0, "", "")]:
            numbers = (each.number, each.low, each.high, each.n, each.unit or None, each.measure or None, query)
            row = (number, each.dataset or None, statement, status_of(each), *numbers)
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows, answers
