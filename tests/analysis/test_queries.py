"""Every saved query against its header and against answers computed another way."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from sensdb.analysis.answer import ARROW_TYPES, Answer
from sensdb.analysis.saved_queries import SavedQuery, load_queries, parameters_in
from sensdb.database.bundled import bundled
from tests.analysis.conftest import Study
from tests.analysis.planted import planted_models

QUERIES = load_queries()
CONTRACT = {
    "correlation": "dataset, metric, n_models, n_configurations, pearson_log, spearman, spearman_low, spearman_high,"
    " kendall_tau_b, labels, method",
    "factor_pairs": "dataset, factor, expected_lower, metric, n_pairs, share_expected, ratio_median, p_value, q_value",
    "points_by_quantile": "dataset, quantile, n_points, jacobian_norm_mean, accuracy, loss_mean",
    "point_auroc": "dataset, metric, n_models, auroc_mean, auroc_low, auroc_high",
    "sweep_progress": "sweep, queued, running, done, dead, cancelled, share_done",
    "configurations": "dataset",
}
TO_HAVE_ROWS: dict[str, dict[str, Any]] = {"points_always_wrong": {"min_share": 0.1}}
"""Parameters with which a query answers rows of the planted models, where its defaults rightly answer none."""
every_query = pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))


def test_the_contracts_queries_are_all_there() -> None:
    assert set(CONTRACT) <= set(QUERIES)
    assert {path.stem for path in bundled("queries").glob("*.sql")} == set(QUERIES)


@pytest.mark.parametrize("name", CONTRACT)
def test_the_first_columns_are_the_contracts(name: str) -> None:
    columns = [column.name for column in QUERIES[name].columns]

    assert columns[: CONTRACT[name].count(",") + 1] == CONTRACT[name].split(", ")


@every_query
def test_every_parameter_is_used(query: SavedQuery) -> None:
    in_sql = parameters_in(query.sql)
    taken = set()
    if query.then is not None:
        statistic = getattr(importlib.import_module(f"sensdb.analysis.statistics.{query.then}"), query.then)
        taken = set(inspect.signature(statistic).parameters) - {"columns"}

    declared = {parameter.name for parameter in query.parameters}

    assert in_sql <= declared <= in_sql | taken


@every_query
def test_a_query_reads_views_alone(query: SavedQuery) -> None:
    code = re.sub(r"--[^\n]*", "", query.sql)
    named_within = set(re.findall(r"(\w+) as \(", code))
    read = set(re.findall(r"\b(?:from|join)\s+(\w+)", code)) - named_within

    assert read
    assert all(name.startswith("v_") for name in read), read


@every_query
def test_a_query_says_what_it_means(query: SavedQuery) -> None:
    assert query.question.endswith("?")
    assert query.source
    assert all(each.description for each in (*query.columns, *query.parameters))


def assert_as_declared(query: SavedQuery, answer: Answer) -> None:
    """Columns, types, ranges and grain are those of the header."""
    assert answer.table.column_names == [column.name for column in query.columns]
    assert answer.table.schema.types == [ARROW_TYPES[column.type] for column in query.columns]
    for column in query.columns:
        values = [value for value in answer.table[column.name].to_pylist() if value is not None]
        if column.range:
            low, high = (float(bound.strip("[]() ")) for bound in column.range.split(","))
            assert all(low <= value <= high for value in values), column
    grain = [part.strip() for part in query.grain.split(",")]
    keys = [tuple(row[name] for name in grain) for row in answer.rows]
    assert len(set(keys)) == len(keys)


TIES = [
    {"width": width, "label_noise": noise, "points": [{"correct": i > 0} for i in range(12)]}
    for width in range(1, 7)
    for noise in (0.0, 1.0)
]
MODELS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "empty": list,
    "one": lambda: [{"points": [{"jacobian_norm": 1.0}]}],
    "ties": lambda: TIES,
    "planted": planted_models,
}


@pytest.fixture(scope="module")
def studies(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Study]]:
    """Studies of MODELS, stored and copied to a mirror once, for tests that only ask."""
    made: dict[str, Study] = {}

    def study_of(name: str) -> Study:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            shutil.copyfile(sqlite_template, folder / "study.db")
            made[name] = Study(f"sqlite:///{folder}/study.db", folder / "cache")
            if models := MODELS[name]():
                made[name].add(*models, sweep=name)
        return made[name]

    yield study_of
    for study in made.values():
        study.engine.dispose()


@pytest.fixture
def planted(studies: Callable[[str], Study]) -> Study:
    return studies("planted")


@every_query
def test_a_query_of_an_empty_database_has_its_columns_and_no_rows(
    query: SavedQuery, studies: Callable[[str], Study]
) -> None:
    answer = studies("empty").ask(query.name)

    assert_as_declared(query, answer)
    assert answer.rows == []
    assert (answer.meta["n_models"], answer.meta["left_out"]) == (0, {})


@every_query
def test_a_query_of_one_model_does_not_invent_numbers(query: SavedQuery, studies: Callable[[str], Study]) -> None:
    answer = studies("one").ask(query.name)

    assert_as_declared(query, answer)
    assert answer.meta["n_models"] == 1


@every_query
def test_a_query_of_models_that_all_tie_does_not_fail(query: SavedQuery, studies: Callable[[str], Study]) -> None:
    assert_as_declared(query, studies("ties").ask(query.name))


@every_query
def test_a_query_of_planted_models_is_as_declared_and_always_the_same(query: SavedQuery, planted: Study) -> None:
    given = TO_HAVE_ROWS.get(query.name, {})
    answer = planted.ask(query.name, **given)
    shutil.rmtree(planted.cache / "answers")  # else it is the answer kept, and nothing is worked out again

    assert answer.table.num_rows > 0
    assert_as_declared(query, answer)
    assert planted.ask(query.name, **given).table.equals(answer.table)


def true_label_models(study: Study, dataset: str) -> pd.DataFrame:
    frame = study.sql("select * from v_models order by model_id").frame
    fitted = (frame["train_accuracy"] == 1) & (frame["label_noise"] == 0) & (frame["stop_reason"] != "diverged")
    return frame[fitted & (frame["dataset"] == dataset)]


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_correlation_is_over_fitted_models_with_true_labels(planted: Study, dataset: str) -> None:
    models = true_label_models(planted, dataset)

    row = planted.ask("correlation", dataset=dataset).rows[0]

    assert row["metric"] == "jacobian_norm"
    assert row["n_models"] == len(models)
    assert row["n_configurations"] == models["configuration_sha256"].nunique()
    x, y = models["jacobian_norm_mean"], models["generalization_gap"]
    assert row["spearman"] == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert row["kendall_tau_b"] == pytest.approx(scipy.stats.kendalltau(x, y).statistic)
    assert row["pearson_log"] == pytest.approx(scipy.stats.pearsonr(np.log(x), np.log(y)).statistic)
    assert 0 < row["spearman_low"] < row["spearman"] < row["spearman_high"]


def test_correlation_takes_one_method_of_counting_transitions_at_a_time(planted: Study) -> None:
    by_metric = {row["metric"]: row for row in planted.ask("correlation", dataset="digits").rows}
    sampled = planted.ask("correlation", dataset="digits", metric="transitions", transitions_method="sampled:28")

    assert by_metric["transitions"]["method"] == "exact"
    assert by_metric["transitions"]["n_models"] == by_metric["jacobian_norm"]["n_models"] - 1
    assert by_metric["jacobian_norm"]["method"] is None
    assert [(row["method"], row["n_models"]) for row in sampled.rows] == [("sampled:28", 1)]


def test_correlation_says_who_is_left_out_and_why(planted: Study) -> None:
    meta = planted.ask("correlation").meta

    assert meta["left_out"] == {
        "diverged": 1,
        "not fitted": 3,
        "random labels": 20,
        "other transitions method (of transitions alone)": 1,
    }
    n_results = planted.sql("select count(*) as n from v_models").rows[0]["n"]
    assert meta["n_models"] == n_results - 24


def test_correlation_of_random_labels_is_another_population(planted: Study) -> None:
    answer = planted.ask("correlation", labels="random", metric="jacobian_norm")

    assert [row["labels"] for row in answer.rows] == ["random", "random"]
    assert [row["n_models"] for row in answer.rows] == [10, 10]
    assert answer.meta["left_out"]["labels not random"] == len(true_label_models(planted, "digits")) + 20


def test_correlation_of_other_metrics_comes_in_the_order_asked(planted: Study) -> None:
    answer = planted.ask("correlation", dataset="mnist", metric="n_parameters, train_loss,transitions_mean")

    assert [row["metric"] for row in answer.rows] == ["n_parameters", "train_loss", "transitions"]


def test_factor_pairs_find_what_was_planted(planted: Study) -> None:
    answer = planted.ask("factor_pairs", dataset="digits")

    rows = {(row["factor"], row["metric"]): row for row in answer.rows}
    for metric in ("generalization_gap", "jacobian_norm"):
        assert rows["label_noise", metric]["n_pairs"] == 5
        assert rows["label_noise", metric]["share_expected"] == 1.0
    assert rows["label_noise", "jacobian_norm"]["ratio_median"] == pytest.approx(4, rel=0.3)
    assert rows["nonlinearity", "jacobian_norm"]["ratio_median"] == pytest.approx(1.5, rel=0.3)
    assert rows["nonlinearity", "transitions"]["n_ties"] == 5
    assert rows["batch", "jacobian_norm"]["n_pairs"] == 2


def test_factor_pairs_keep_augmented_models_that_did_not_fit(planted: Study) -> None:
    answer = planted.ask("factor_pairs", dataset="digits")

    assert answer.meta["left_out"] == {
        "diverged": 1,
        "not fitted": 1,
        "other transitions method (of transitions alone)": 1,
    }
    pairs = {row["metric"]: row["n_pairs"] for row in answer.rows if row["factor"] == "augmentation"}
    assert pairs == {"generalization_gap": 1, "jacobian_norm": 1, "transitions": 1}
    assert "digits, augmentation, jacobian_norm: 1 pairs without a rise in test accuracy." in answer.meta["notes"]


def test_points_by_quantile_ranks_within_a_model_and_then_averages(planted: Study) -> None:
    points = planted.sql("select * from v_points where train_accuracy = 1 and label_noise = 0 order by model_id").frame
    points = points[points["dataset"] == "mnist"].sort_values(["model_id", "jacobian_norm", "point_index"])
    points["quantile"] = points.groupby("model_id").cumcount() * 4 // 24 + 1
    each = points.groupby(["model_id", "quantile"]).agg(
        norm=("jacobian_norm", "mean"), accuracy=("correct_int", "mean"), loss=("loss", "mean"), total=("loss", "sum")
    )
    each["share"] = each["total"] / each.groupby("model_id")["total"].transform("sum")
    expected = each.groupby("quantile").mean()

    frame = planted.ask("points_by_quantile", dataset="mnist", quantiles=4).frame

    assert frame["quantile"].tolist() == [1, 2, 3, 4]
    assert frame["n_points"].tolist() == [20 * 6] * 4
    assert frame["n_models"].tolist() == [20] * 4
    for ours, theirs in (
        ("jacobian_norm_mean", "norm"),
        ("accuracy", "accuracy"),
        ("loss_mean", "loss"),
        ("loss_share", "share"),
    ):
        assert frame[ours].tolist() == pytest.approx(expected[theirs].tolist(), rel=1e-6)
    assert frame["accuracy"].iloc[0] > frame["accuracy"].iloc[-1]
    assert frame["loss_share"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("metric", "sign"), [("jacobian_norm", 1), ("margin", -1), ("boundary_distance", -1), ("logit_jacobian_norm", 1)]
)
def test_point_auroc_is_sklearns_a_model_at_a_time(planted: Study, metric: str, sign: int) -> None:
    points = planted.sql("select * from v_points where train_accuracy = 1 and label_noise = 0").frame
    each = [
        roc_auc_score(~group["correct"], sign * group[metric].abs())
        for _, group in points[points["dataset"] == "mnist"].groupby("model_id")
        if group["correct"].nunique() == 2
    ]

    (row,) = planted.ask("point_auroc", dataset="mnist", metric=metric).rows

    assert row["n_models"] == len(each)
    assert row["auroc_mean"] == pytest.approx(np.mean(each), rel=1e-6)
    assert row["auroc_low"] < row["auroc_mean"] < row["auroc_high"]


@pytest.mark.parametrize(("metric", "sign"), [("jacobian_norm", 1), ("margin", -1)])
def test_point_correlation_is_scipys_a_model_at_a_time(planted: Study, metric: str, sign: int) -> None:
    points = planted.sql("select * from v_points where train_accuracy = 1 and label_noise = 0").frame
    each = [
        scipy.stats.spearmanr(sign * group[metric].abs(), group["loss"]).statistic
        for _, group in points[points["dataset"] == "mnist"].groupby("model_id")
    ]

    (row,) = planted.ask("point_correlation", dataset="mnist", metric=metric).rows

    assert row["n_models"] == len(each)
    assert row["spearman_mean"] == pytest.approx(np.mean(each), rel=1e-9)
    assert row["spearman_median"] == pytest.approx(np.median(each), rel=1e-9)
    assert row["share_positive"] == np.mean(np.array(each) > 0)


def test_sweep_progress_counts_states(study: Study) -> None:
    study.add({"seed": 0}, {"seed": 1}, {"seed": 2, "result": False}, sweep="b")
    study.add({"width": 7, "result": False}, sweep="a")

    rows = study.ask("sweep_progress").rows

    assert [(row["sweep"], row["queued"], row["done"], row["share_done"]) for row in rows] == [
        ("a", 1, 0, 0.0),
        ("b", 1, 2, pytest.approx(2 / 3)),
    ]


def test_configurations_are_means_over_seeds(planted: Study) -> None:
    models = true_label_models(planted, "mnist")
    expected = models.groupby("configuration_sha256")["generalization_gap"].agg(["mean", "std", "size"])

    frame = planted.ask("configurations", dataset="mnist", where="label_noise = 0").frame.set_index(
        "configuration_sha256"
    )

    assert set(frame.index) == set(expected.index)
    for name, theirs in (("generalization_gap_mean", "mean"), ("generalization_gap_sd", "std"), ("n_seeds", "size")):
        assert frame[name].reindex(expected.index).tolist() == pytest.approx(expected[theirs].tolist())


def test_configurations_with_one_seed_have_no_spread(study: Study) -> None:
    study.add({})

    (row,) = study.ask("configurations").rows

    assert (row["n_seeds"], row["generalization_gap_mean"], row["generalization_gap_sd"]) == (1, 0.1, None)


def test_frames_have_the_types_of_the_header(planted: Study) -> None:
    frame = planted.ask("configurations").frame

    kinds = {column.name: column.type for column in QUERIES["configurations"].columns}
    for name, kind in kinds.items():
        dtype: Any = frame[name].dtype
        expected = {"int": "int", "real": "float", "text": "str", "bool": "bool"}[kind]
        assert str(dtype).lower().startswith(expected), (name, dtype)
    assert frame.attrs["query"] == "configurations"
