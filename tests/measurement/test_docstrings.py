"""Each stored number's formula stands in one docstring, and the dictionary says of it what the list of metrics says."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from sensdb.database.dictionary import entries
from sensdb.definitions.metrics import (
    MODEL_METRICS,
    POINT_METRICS,
    SUMMARY_STATISTICS,
    TRAJECTORY_METRICS,
    Metric,
)
from sensdb.measurement.summary import MEASURED_METRICS

TABLES = {"point_metrics": POINT_METRICS, "model_metrics": MODEL_METRICS, "trajectory_metrics": TRAJECTORY_METRICS}
SOURCE = re.compile(r"\b(paper|measurement|design)\.md \d")
MEASURED = [metric for metrics in TABLES.values() for metric in metrics if metric.computed_by]


def docstring(metric: Metric) -> str:
    """Of the function that computes the metric, white space in it made single."""
    module, _, name = metric.computed_by.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), name))
    assert text is not None, metric.computed_by
    return " ".join(text.split())


def test_measured_numbers_name_the_function_that_computes_them_and_trained_ones_none():
    assert all(metric.computed_by for metric in (*POINT_METRICS, *TRAJECTORY_METRICS))
    assert {metric.name for metric in MODEL_METRICS if metric.computed_by} == set(MEASURED_METRICS)


@pytest.mark.parametrize("metric", MEASURED, ids=lambda metric: metric.name)
def test_the_docstring_names_the_column_its_unit_and_a_source(metric: Metric):
    text = docstring(metric)

    if metric.computed_by.endswith(".summaries"):
        base, statistic = next(
            (other, suffix)
            for other in POINT_METRICS
            for suffix, _ in SUMMARY_STATISTICS
            if metric.name == f"{other.name}_{suffix}"
        )
        assert metric.unit == base.unit
        assert re.search(rf"\b{statistic}\b", text)
        assert "in its own unit" in text
    else:
        assert re.search(rf"\b{metric.name}\b", text)
        assert metric.unit in text
    assert SOURCE.search(text)


@pytest.mark.parametrize("table", TABLES)
def test_the_dictionary_has_the_texts_of_the_list(table: str):
    found = {entry.column_name: (entry.unit, entry.description) for entry in entries() if entry.table_name == table}

    for metric in TABLES[table]:
        assert found[metric.name] == (metric.unit, metric.description), metric.name


def test_the_dictionary_says_that_margin_knows_the_label_and_which_trajectories_are_sampled():
    (margin,) = [metric for metric in POINT_METRICS if metric.name == "margin"]
    (crossings,) = [metric for metric in TRAJECTORY_METRICS if metric.name == "transitions"]

    assert "knows the label" in margin.description
    assert "exact, but for tanh, whose codes are sampled at 64 places a bin" in crossings.description
