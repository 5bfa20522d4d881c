"""The list of metrics keeps its promises to schema, dictionary and figures."""

from __future__ import annotations

from sensdb.definitions.metrics import MODEL_METRICS, POINT_METRICS, SUMMARY_STATISTICS, TRAJECTORY_METRICS


def test_point_metrics_stand_in_the_order_of_the_table():
    assert [metric.name for metric in POINT_METRICS] == [
        "label",
        "predicted",
        "correct",
        "loss",
        "doubt",
        "entropy",
        "margin",
        "jacobian_norm",
        "log10_jacobian_norm",
        "logit_jacobian_norm",
        "jacobian_spectral_norm",
        "logit_jacobian_spectral_norm",
        "input_gradient_norm",
        "boundary_distance",
        "transitions",
    ]


def test_every_summarised_metric_has_every_statistic():
    names = {metric.name for metric in MODEL_METRICS}

    expected = {
        f"{metric.name}_{suffix}" for metric in POINT_METRICS if metric.summarised for suffix, _ in SUMMARY_STATISTICS
    }

    assert len(expected) == 12 * 8
    assert expected <= names


def test_no_name_occurs_twice_and_each_fits_an_identifier_of_postgresql():
    for metrics in (POINT_METRICS, MODEL_METRICS, TRAJECTORY_METRICS):
        names = [metric.name for metric in metrics]
        assert len(set(names)) == len(names)
        assert all(name.isidentifier() and name == name.lower() and len(name) <= 63 for name in names)


def test_every_metric_is_described_in_a_sentence():
    for metric in (*POINT_METRICS, *MODEL_METRICS, *TRAJECTORY_METRICS):
        assert metric.description.endswith("."), metric.name


def test_numbers_of_a_point_take_four_bytes_and_those_of_a_model_eight():
    assert {metric.storage for metric in POINT_METRICS if metric.name not in ("correct",)} == {"real4", "integer"}
    assert "real4" not in {metric.storage for metric in MODEL_METRICS}
