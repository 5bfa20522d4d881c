"""The list of claims of paper.md 14: what each says, which numbers answer it, and what must be stored for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensdb.analysis import evidence as of
from sensdb.analysis.evidence import Answers
from sensdb.analysis.verdict import PARTS, Ask, Evidence, status_of

CURVES = "no fitted model with true labels was measured along trajectories (measure: trajectories)"
POINTS = "no fitted model with true labels has rows of test points (measure: points)"
MODELS = "fewer than 3 fitted models with true labels on one data set"
PAIRS = "no two settings differ in {} alone, both fitted"
GRID = "no two fitted configurations with true labels differ in one spec field alone"


@dataclass(frozen=True)
class Claim:
    """A row of paper.md 14.

    Attributes:
        number, statement: which it is, and what it says.
        query: the saved query that has its first number.
        evidence: its numbers, on all data sets.
        needs: why it is not covered, where nothing that it is about is stored.
    """

    number: int
    statement: str
    query: str
    evidence: Callable[[Answers], Iterable[Evidence]]
    needs: str


def _row_3(a: Answers) -> Iterator[Evidence]:
    yield from of.below(a, "same_class_norm", 0.0, 0.0)
    yield from of.below(a, "same_class_transitions", 1.0, 1.0)


def _row_4(a: Answers) -> Iterator[Evidence]:
    yield from of.below(a, "regions", 1.0, 1.0)
    yield from of.contrast(a, "regions_before", null=1.0, decides=False)


def _row_8(a: Answers) -> Iterator[Evidence]:
    for metric, least in (("generalization_gap", 0.95), ("jacobian_norm", 0.95), ("transitions", 0.85)):
        yield from of.share(a, "augmentation", metric, least)


def _row_9(a: Answers) -> Iterator[Evidence]:
    for metric in ("generalization_gap", "jacobian_norm"):
        yield from of.share(a, "nonlinearity", metric, 0.5)


def _row_10(a: Answers) -> Iterator[Evidence]:
    for metric in ("generalization_gap", "jacobian_norm"):
        yield from of.share(a, "optimizer", metric, 0.5)
    for metric in ("generalization_gap", "jacobian_norm"):
        yield from of.share(a, "batch", metric, 0.5, decides=False)


def _row_12(a: Answers) -> Iterator[Evidence]:
    yield from of.correlation(a, "jacobian_norm")
    yield from of.correlation(a, "jacobian_norm_mean_right", decides=False)
    for each in of.psi(a, "jacobian_norm", decides=False):
        one_axis = each.number is not None and (each.number <= 0 or (each.low is not None and each.low <= 0))
        yield replace(each, measure=f"{'one-axis: ' if one_axis else ''}{each.measure}")


def _row_13(a: Answers) -> Iterator[Evidence]:
    yield from of.contrast(a, "norm_over_transitions")
    yield from of.contrast(a, "norm_over_transitions_per_unit", decides=False)
    yield from of.correlation(a, "transitions", decides=False)
    yield from of.contrast(a, "transitions_net_of_units", decides=False)


def _row_14(a: Answers) -> Iterator[Evidence]:
    yield from of.contrast(a, "envelope", above=False)
    yield from of.correlation(a, "n_parameters", decides=False)


def _row_15(a: Answers) -> Iterator[Evidence]:
    yield from of.contrast(a, "norm_over_train_loss")
    yield from of.correlation(a, "train_loss", decides=False)


def _row_17(a: Answers) -> Iterator[Evidence]:
    yield from of.auroc(a)
    yield from of.contrast(a, "last_decile", above=False)


def _row_20(a: Answers) -> Iterator[Evidence]:
    yield from of.contrast(a, "norm_net_of_confidence")
    yield from of.net_of_all(a)


def _row_21(a: Answers) -> Iterator[Evidence]:
    yield from of.over_doubt(a)
    yield from of.added_loss(a)


def _row_22(a: Answers) -> Iterator[Evidence]:
    yield from of.psi(a, "jacobian_norm")
    yield from of.information(a, "jacobian_norm")
    yield from of.axes(a)


def _row_24(a: Answers) -> Iterator[Evidence]:
    # Drawn one by one, seeds of a configuration cover 0 in 0.705 of cases (paper.md 13): that is what must not be.
    for each in of.contrast(a, "coverage", null=0.85):
        yield replace(each, meets=each.number is not None and each.number >= 0.9)
    yield from of.contrast(a, "random_auroc", null=0.5, decides=False)
    yield from of.psi(a, "jacobian_norm", known="random", decides=False)
    yield from of.sign_errors(a, "jacobian_norm", known="random", decides=False)
    yield from of.correlation(a, "n_parameters", decides=False)
    yield from of.psi(a, "n_parameters", decides=False)
    yield from of.sign_errors(a, "n_parameters", decides=False)
    yield from of.information(a, "n_parameters")


def _row_25(a: Answers) -> Iterator[Evidence]:
    yield from of.contrast(a, "noisy_gap")
    yield from of.psi(a, "jacobian_norm", known="gap")
    yield from of.sign_errors(a, "jacobian_norm", known="gap")
    yield from of.information(a, "jacobian_norm", known="gap")


CLAIMS = (
    Claim(1, "Jacobian small at training points", "trajectory_profile", of.off_the_manifold, CURVES),
    Claim(
        2,
        "transitions dip at training points",
        "trajectory_profile",
        lambda a: [
            *of.below(a, "anchor_transitions", 1.0, 0.8),
            *of.contrast(a, "between_transitions", null=1.0, decides=False),
        ],
        CURVES,
    ),
    Claim(3, "same-class path: lower norm, fewer transitions", "trajectory_profile", _row_3, CURVES),
    Claim(
        4,
        "training moves boundaries off training points",
        "region_slices",
        _row_4,
        "no fitted model with true labels has regions before and after training (measure: regions)",
    ),
    Claim(
        5,
        "true labels: smaller gap",
        "factor_pairs",
        lambda a: of.share(a, "label_noise", "generalization_gap", 0.99),
        PAIRS.format("label_noise (0 and 1)"),
    ),
    Claim(
        6,
        "true labels: smaller Jacobian",
        "factor_pairs",
        lambda a: of.ratio(a, "label_noise", "jacobian_norm", 0.75),
        PAIRS.format("label_noise (0 and 1)"),
    ),
    Claim(
        7,
        "true labels: fewer transitions",
        "factor_pairs",
        lambda a: of.ratio(a, "label_noise", "transitions"),
        f"{PAIRS.format('label_noise (0 and 1)')}, with transitions counted alike",
    ),
    Claim(
        8,
        "augmentation: smaller gap, Jacobian, transitions",
        "factor_pairs",
        _row_8,
        "no two settings differ in augmentation alone, with a rise in test accuracy",
    ),
    Claim(
        9,
        "ReLU below HardSigmoid: gap, Jacobian",
        "factor_pairs",
        _row_9,
        PAIRS.format("nonlinearity (relu and hard_sigmoid)"),
    ),
    Claim(
        10,
        "mini-batch below L-BFGS: gap, Jacobian",
        "factor_pairs",
        _row_10,
        PAIRS.format("optimizer (mini-batch and lbfgs)"),
    ),
    Claim(
        11,
        "control: transitions do not follow in 10",
        "factor_pairs",
        lambda a: of.share(a, "optimizer", "transitions", 0.5, not_above=True),
        PAIRS.format("optimizer (mini-batch and lbfgs)"),
    ),
    Claim(12, "Jacobian norm rises with the gap", "correlation", _row_12, MODELS),
    Claim(13, "transitions rank sizes worse than the norm", "claim_contrasts", _row_13, MODELS),
    Claim(14, "bigger nets have a lower best gap", "claim_contrasts", _row_14, f"{MODELS}, or all of one size"),
    Claim(15, "training loss orders the gap less than the norm", "claim_contrasts", _row_15, MODELS),
    Claim(
        16,
        "probability Jacobian beats logit Jacobian",
        "claim_contrasts",
        lambda a: of.contrast(a, "norm_over_logit_norm"),
        MODELS,
    ),
    Claim(17, "per point: large norm, wrong answer", "point_auroc", _row_17, POINTS),
    Claim(
        18,
        "per point: not monotone, some wrong far below",
        "claim_contrasts",
        lambda a: of.contrast(a, "confident_wrong", above=False),
        POINTS,
    ),
    Claim(
        19,
        "squared loss: as 17, noisier",
        "point_auroc",
        of.squared_loss,
        "no fitted model with true labels was trained on the squared loss, with rows of test points",
    ),
    Claim(20, "control: 12 net of confidence, training loss", "claim_contrasts", _row_20, MODELS),
    Claim(21, "control: norm tells more than top probability", "point_auroc", _row_21, POINTS),
    Claim(22, "control: norm and gap along each axis (Psi)", "axis_correlation", _row_22, GRID),
    Claim(
        23,
        "control: sign error below 1/2",
        "sign_error",
        lambda a: of.sign_errors(a, "jacobian_norm"),
        GRID,
    ),
    Claim(24, "control: a random metric finds nothing", "claim_contrasts", _row_24, MODELS),
    Claim(25, "control: the gap with noise is found", "claim_contrasts", _row_25, MODELS),
)


def judge(ask: Ask, claims: Sequence[Claim] = CLAIMS) -> tuple[list[dict[str, Any]], Answers]:
    """Every number of the claims against the answers of `ask`, at least one row each; columns are `verdict.PARTS`."""
    answers = Answers(ask)
    rows = []
    for claim in claims:
        found = list(claim.evidence(answers))
        if not any(each.decides for each in found):
            found = [Evidence("", None, None, None, 0, "", "", why=claim.needs)]
        for each in found:
            numbers = (each.number, each.low, each.high, each.n, each.unit or None, each.measure or None)
            about = (each.decides, each.why or None, each.query or claim.query)
            row = (claim.number, each.dataset or None, status_of(each), claim.statement, *numbers, *about)
            rows.append(dict(zip([column.name for column in PARTS], row, strict=True)))
    return rows, answers
