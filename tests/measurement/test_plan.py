"""How transitions are to be counted: settings, nonlinearity and budget."""

from __future__ import annotations

import pytest
import torch

from sensdb.definitions.measure import MeasureSettings
from sensdb.measurement import plan as plan_module
from sensdb.measurement.plan import TransitionsPlan, count_transitions, plan_transitions
from sensdb.measurement.transitions import count_exact, count_sampled, shift_vertices
from tests.measurement.networks import random_network, random_points


def images(n_points: int = 10) -> torch.Tensor:
    return random_points(n_points, 24).view(n_points, 4, 6, 1)


@pytest.mark.parametrize(
    ("nonlinearity", "settings", "text"),
    [
        ("relu", MeasureSettings(), "exact"),
        ("hard_sigmoid", MeasureSettings(), "exact"),
        ("tanh", MeasureSettings(), "sampled:96"),
        ("tanh", MeasureSettings(transitions_method="extrapolated"), "sampled:96"),
        ("relu", MeasureSettings(transitions_method="sampled"), "sampled:96"),
        ("relu", MeasureSettings(transitions_method="sampled", transitions_samples=12), "sampled:12"),
        ("relu", MeasureSettings(transitions_method="sampled", transitions_samples=13), "sampled:18"),
        ("relu", MeasureSettings(transitions_method="extrapolated"), "extrapolated:48"),
        ("relu", MeasureSettings(transitions_method="extrapolated", transitions_samples=18), "extrapolated:24"),
        ("relu", MeasureSettings(transitions_points=0), None),
    ],
)
def test_the_method_follows_settings_and_nonlinearity(nonlinearity, settings, text):
    network = random_network((24, 10, 3), nonlinearity)

    assert plan_transitions(network, images(), settings, 12).text(6) == text


def test_exact_counting_beyond_the_budget_becomes_extrapolation():
    network = random_network((24, 10, 10, 3))

    within = plan_transitions(network, images(), MeasureSettings(), 1000)
    beyond = plan_transitions(network, images(), MeasureSettings(), 10**10)

    assert within == TransitionsPlan("exact", 1)
    assert beyond == TransitionsPlan("extrapolated", 8)
    assert within.per_point
    assert not beyond.per_point


def test_without_paths_nothing_is_counted():
    assert plan_transitions(random_network((24, 5, 3)), images(0), MeasureSettings(), 0).text(6) is None


def test_counts_are_those_of_the_method_however_many_paths_at_a_time(monkeypatch: pytest.MonkeyPatch):
    network, points = random_network((24, 10, 10, 3)), images()
    exact, sampled = TransitionsPlan("exact", 1), TransitionsPlan("sampled", 4)
    vertices = shift_vertices(points)

    for elements in (2**22, 1, 500):
        monkeypatch.setattr(plan_module, "VERTEX_ELEMENTS", elements)
        assert torch.equal(count_transitions(network, points, exact), count_exact(network, vertices).double())
        assert torch.equal(count_transitions(network, points, sampled), count_sampled(network, vertices, 4).double())
    assert count_transitions(network, images(0), exact).shape == (0,)
