"""Each claim whose number is its own, on models in which it is planted true, planted false, and too few to tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sensdb.analysis.ask import one_mirror
from sensdb.analysis.claims import CLAIMS, judge
from sensdb.analysis.statistics import bootstrap
from sensdb.analysis.verdict import by_claim
from tests.analysis.conftest import Study
from tests.analysis.planted import regions, trajectories

Models = list[dict[str, Any]]


def verdict_on(study: Study, claim: int, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row of one claim over these models alone, all fitted and with true labels unless they say otherwise."""
    study.add(*models)
    with one_mirror():
        (row,) = by_claim(judge(study.ask, CLAIMS[claim - 1 : claim])[0])
    return row


def widths(n: int, **fields: Any) -> Models:
    """n configurations that differ in width."""
    return [{"width": width, "n_hidden_units": 2 * width, **fields} for width in range(1, n + 1)]


def curves(n: int, *, norm_sign: int = 1, kinds: dict[str, str] | None = None) -> Models:
    """n configurations whose curves are `planted.trajectories`, the norm's exponents and the kinds changed."""
    rows = [
        {
            **row,
            "log10_jacobian_norm": norm_sign * row["log10_jacobian_norm"],
            "kind": (kinds or {}).get(row["kind"], row["kind"]),
        }
        for row in trajectories()
    ]
    return widths(n, trajectories=rows)


SWAPPED = {"same_class": "different_classes", "different_classes": "same_class"}


@pytest.mark.parametrize(
    ("models", "status", "number"),
    [
        (curves(8), "supported", 3.0),
        (curves(8, norm_sign=-1), "contradicted", -3.0),
        (curves(4), "underpowered", 3.0),
    ],
)
def test_row_1_is_the_median_of_how_much_smaller_the_norm_is_at_training_points(
    study: Study, models: Models, status: str, number: float
) -> None:
    row = verdict_on(study, 1, models)

    assert (row["status"], row["number"]) == (status, pytest.approx(number))


def test_row_1_needs_the_norm_to_be_smaller_in_nearly_every_model(study: Study) -> None:
    row = verdict_on(study, 1, [*curves(17), *({**each, "seed": 1} for each in curves(2, norm_sign=-1))])

    assert row["number"] == pytest.approx(3)
    assert row["status"] == "not supported"
    assert "training points lower 0.895" in row["remarks"]


@pytest.mark.parametrize(
    ("models", "status"),
    [(curves(8), "supported"), (curves(8, kinds=SWAPPED), "contradicted"), (curves(4), "underpowered")],
)
def test_row_3_is_of_norm_and_transitions_both(study: Study, models: Models, status: str) -> None:
    row = verdict_on(study, 3, models)

    assert row["status"] == status
    assert abs(row["number"]) == pytest.approx(2)
    ratio = 2.0 if status == "contradicted" else 0.5
    assert f"transitions, same class / different {ratio:.3g}" in row["remarks"]


def test_row_3_fails_where_transitions_alone_go_the_other_way(study: Study) -> None:
    models = widths(8, trajectories=[{**row, "transitions": 4 - row["transitions"]} for row in trajectories()])

    row = verdict_on(study, 3, models)

    assert (row["status"], row["measure"]) == ("contradicted", "transitions, same class / different")
    assert row["number"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("n", "swapped", "status"), [(8, False, "supported"), (8, True, "contradicted"), (4, False, "underpowered")]
)
def test_row_4_compares_both_moments_of_each_slice(study: Study, n: int, swapped: bool, status: str) -> None:
    moments = {"before": "after", "after": "before"} if swapped else {}
    slices = [
        {**row, "slice": k, "moment": moments.get(row["moment"], row["moment"])} for k in (0, 1) for row in regions(k)
    ]

    row = verdict_on(study, 4, widths(n, regions=slices))

    assert (row["status"], row["number"]) == (status, pytest.approx(2.0 if swapped else 0.5))


def optimizers(n: int, mini_batch_has_more: bool) -> Models:
    models = []
    for width in range(1, n + 1):
        more = {"transitions_mean": 60.0 + width}
        both = (
            {"optimizer": "momentum"},
            {"optimizer": "lbfgs", "full_batch": True, "batch_size": None, "learning_rate": None, "momentum": None},
        )
        models += [
            {"width": width, **fields, **(more if (fields["optimizer"] == "momentum") == mini_batch_has_more else {})}
            for fields in both
        ]
    return models


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (optimizers(8, mini_batch_has_more=True), "supported"),
        (optimizers(8, mini_batch_has_more=False), "contradicted"),
        (optimizers(2, mini_batch_has_more=True), "underpowered"),
    ],
)
def test_row_11_is_that_transitions_do_not_follow(study: Study, models: Models, status: str) -> None:
    assert verdict_on(study, 11, models)["status"] == status


def ranked(n: int, *, norm: float, transitions: float, seed: int = 0) -> Models:
    """n configurations; how much of the gap there is in the norm and in the transitions, 0 to 1, the rest is noise."""
    generator = np.random.default_rng(seed)
    models = []
    for each in widths(n):
        gap = float(generator.random())
        shares = {"jacobian_norm_mean": norm, "transitions_mean": transitions}
        values = {name: share * gap + (1 - share) * float(generator.random()) for name, share in shares.items()}
        models.append({**each, "generalization_gap": gap, **values})
    return models


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (ranked(60, norm=0.9, transitions=0.0), "supported"),
        (ranked(60, norm=0.0, transitions=0.9), "contradicted"),
        (ranked(10, norm=0.5, transitions=0.5), "underpowered"),
    ],
)
def test_row_13_sets_the_norm_against_raw_transitions_and_tells_the_other_forms(
    study: Study, models: Models, status: str
) -> None:
    row = verdict_on(study, 13, models)

    assert (row["status"], row["measure"]) == (status, "|rho| norm - transitions")
    for beside in (
        "|rho| norm - transitions_per_unit",
        "spearman transitions",
        "rho transitions net of n_hidden_units",
    ):
        assert beside in row["remarks"]


def test_row_13_leaves_out_transitions_that_were_counted_in_another_way(study: Study) -> None:
    models = ranked(20, norm=0.9, transitions=0.9)
    other = [{**each, "seed": 1, "transitions_method": "sampled:28", "transitions_mean": 1e6} for each in models[:5]]

    row = verdict_on(study, 13, [*models, *other])

    assert row["n"] == 20
    assert abs(row["number"]) < 0.2


def pointwise(n: int, wrong_are: str, *, loss: str = "cross_entropy", seed: int = 0, n_random: int = 0) -> Models:
    """n configurations of 40 points, 4 of them wrong: those of the largest or smallest norm, n_random of them any."""
    generator = np.random.default_rng(seed)
    models = []
    for each in widths(n, loss=loss):
        order = range(40) if wrong_are == "smallest" else range(39, -1, -1)
        wrong = {*list(order)[: 4 - n_random], *generator.choice(np.arange(4, 36), n_random, replace=False).tolist()}
        points = [{"jacobian_norm": 1.0 + index, "correct": index not in wrong} for index in range(40)]
        models.append({**each, "points": points})
    return models


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (pointwise(8, "largest"), "supported"),
        (pointwise(8, "smallest"), "contradicted"),
        (pointwise(3, "largest"), "underpowered"),
    ],
)
def test_row_17_is_of_the_auroc_and_of_the_last_decile(study: Study, models: Models, status: str) -> None:
    row = verdict_on(study, 17, models)

    assert (row["status"], row["measure"]) == (status, "AUROC norm")
    accuracy = 0.1 if status == "contradicted" else -0.9
    assert f"accuracy, top norm decile - overall {accuracy:.3g}" in row["remarks"]


@pytest.mark.parametrize(
    ("models", "status"),
    [
        ([*pointwise(8, "largest"), *pointwise(8, "largest", loss="squared", n_random=2)], "supported"),
        ([*pointwise(8, "largest", n_random=2), *pointwise(8, "largest", loss="squared")], "contradicted"),
        ([*pointwise(8, "smallest"), *pointwise(8, "smallest", loss="squared", n_random=2)], "contradicted"),
        ([*pointwise(8, "largest"), *pointwise(3, "largest", loss="squared", n_random=2)], "underpowered"),
        (pointwise(8, "largest", loss="squared", n_random=1), "not covered"),
        (pointwise(8, "largest"), "not covered"),
    ],
)
def test_row_19_needs_squared_loss_to_tell_wrong_points_and_to_tell_them_less_well(
    study: Study, models: Models, status: str
) -> None:
    row = verdict_on(study, 19, models)

    assert row["status"] == status
    assert row["remarks"]


def confident(n: int, *, own: float, seed: int = 0) -> Models:
    """n configurations; the gap is of doubt and the norm is of both, `own` of it beyond doubt."""
    generator = np.random.default_rng(seed)
    models = []
    for each in widths(n):
        doubt, beyond, loss = generator.random(3).tolist()
        gap = doubt + own * beyond + 0.05 * float(generator.random())
        norm = doubt + own * beyond + 0.05 * float(generator.random())
        models.append(
            {**each, "generalization_gap": gap, "jacobian_norm_mean": norm, "doubt_mean": doubt, "train_loss": loss}
        )
    return models


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (confident(60, own=1.0), "supported"),
        (confident(60, own=0.0), "not supported"),
        (confident(8, own=0.0), "underpowered"),
    ],
)
def test_row_20_is_net_of_confidence_and_training_loss(study: Study, models: Models, status: str) -> None:
    row = verdict_on(study, 20, models)

    assert (row["status"], row["measure"]) == (status, "rho jacobian_norm net of doubt, train_loss")


def doubtful(n: int, norm_is: str) -> Models:
    """n configurations of 30 points, wrong as often as a hidden number says; doubt is that number, or blind to it."""
    generator = np.random.default_rng(0)
    models = []
    for each in widths(n):
        points = []
        for _ in range(30):
            hidden, blind = generator.uniform(0.02, 0.9, size=2).tolist()
            norm = blind if norm_is == "blind" else hidden
            doubt = blind if norm_is == "all" else hidden
            softmax = {"doubt": doubt, "entropy": doubt, "margin": 1 - doubt}
            right = bool(generator.random() > hidden)
            points.append(
                {"correct": right, "jacobian_norm": norm, "log10_jacobian_norm": float(np.log10(norm)), **softmax}
            )
        models.append({**each, "points": points})
    return models


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (doubtful(30, "all"), "supported"),
        (doubtful(60, "doubt"), "not supported"),
        (doubtful(30, "blind"), "contradicted"),
        (doubtful(4, "all"), "underpowered"),
    ],
)
def test_row_21_is_of_the_auroc_beside_doubt_and_of_the_added_log_loss(
    study: Study, models: Models, status: str
) -> None:
    row = verdict_on(study, 21, models)

    assert row["status"] == status
    assert "log loss taken off by the norm" in f"{row['measure']}; {row['remarks']}"


def grid(n_widths: int, sign: int, *, seeds: int = 1) -> Models:
    """A grid of widths and depths whose gaps lie far apart; the norm rises (sign 1) or falls with the gap."""
    models = []
    for width in range(1, n_widths + 1):
        for depth in range(1, 6):
            gap = 0.1 * width + 0.02 * depth * (1 if width % 2 else -1) + 0.1
            fields = {"width": width, "hidden_layers": depth, "generalization_gap": gap, "n_test_points": 10_000}
            models += [{**fields, "jacobian_norm_mean": 10 + sign * gap, "seed": seed} for seed in range(seeds)]
    return models


@pytest.mark.parametrize(
    ("models", "status"), [(grid(6, 1), "supported"), (grid(6, -1), "contradicted"), (grid(1, 1), "underpowered")]
)
def test_row_22_is_psi_with_k_and_the_axes_beside(study: Study, models: Models, status: str) -> None:
    row = verdict_on(study, 22, models)

    assert row["status"] == status
    assert "K norm" in row["remarks"]
    assert "psi hidden_layers" in row["remarks"]


@pytest.mark.parametrize(
    ("models", "status"),
    [
        (grid(4, 1, seeds=2), "supported"),
        (grid(4, -1, seeds=2), "contradicted"),
        ([each for each in grid(1, 1, seeds=2) if each["hidden_layers"] < 4], "underpowered"),
        ([{**each, "n_test_points": 10} for each in grid(4, 1)], "not covered"),
    ],
)
def test_row_23_is_the_mean_sign_error_with_an_interval_of_its_own(study: Study, models: Models, status: str) -> None:
    row = verdict_on(study, 23, models)

    assert row["status"] == status
    if status in ("supported", "contradicted"):
        assert row["number"] == (0 if status == "supported" else 1)
        assert "90 % quantile" in row["remarks"]
        assert "median ESS" in row["remarks"]


def test_row_24_finds_nothing_where_replicas_are_alike_and_shows_size_beside(study: Study) -> None:
    row = verdict_on(study, 24, grid(6, 1, seeds=2))

    assert row["status"] == "supported"
    assert 0.9 <= row["number"] <= 1
    for beside in ("Psi random metric", "sign error random metric", "spearman n_parameters", "K n_parameters"):
        assert beside in row["remarks"]


def test_row_24_catches_intervals_that_take_replicas_for_models_of_their_own(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = bootstrap.spearman_intervals

    def by_rows(problems: Any, **options: Any) -> Any:
        return kept([(x, y, np.arange(len(x))) for x, y, _ in problems], **options)

    monkeypatch.setattr(bootstrap, "spearman_intervals", by_rows)

    row = verdict_on(study, 24, grid(4, 1, seeds=6))

    assert row["status"] == "contradicted"
    assert row["number"] < 0.75


@pytest.mark.parametrize(
    ("models", "status"), [(grid(6, 1, seeds=3), "supported"), (grid(1, 1, seeds=3), "underpowered")]
)
def test_row_25_finds_the_gap_with_noise_in_every_statistic_over_the_grid(
    study: Study, models: Models, status: str
) -> None:
    row = verdict_on(study, 25, models)

    assert row["status"] == status
    assert "sign error gap with noise" in f"{row['measure']}; {row['remarks']}"
    assert "K gap with noise" in row["remarks"]


def test_a_correlation_that_holds_along_no_axis_is_marked(study: Study) -> None:
    row = verdict_on(study, 12, grid(6, -1))

    assert "one-axis: Psi norm" in row["remarks"]
