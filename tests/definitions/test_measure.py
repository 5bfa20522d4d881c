"""Measuring settings: one spelling, exact messages, and a union that never asks for less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensdb.definitions.fields import FieldError
from sensdb.definitions.measure import NOTHING, TRANSITIONS_METHODS, MeasureSettings, read_additions, union


@st.composite
def settings(draw: st.DrawFn) -> MeasureSettings:
    method = draw(st.sampled_from(TRANSITIONS_METHODS))
    samples = st.none() if method == "exact" else st.none() | st.integers(2, 1000)
    return MeasureSettings(
        points=draw(st.just("all") | st.integers(0, 10_000)),
        transitions_method=method,
        transitions_points=draw(st.integers(0, 10_000)),
        transitions_samples=draw(samples),
        spectral=draw(st.booleans()),
        trajectories=draw(st.integers(0, 100)),
        regions=draw(st.booleans()),
        keep_weights=draw(st.booleans()),
    )


def test_an_empty_block_is_the_default():
    assert MeasureSettings.from_mapping({}) == MeasureSettings()


def test_transitions_are_read_from_their_own_mapping():
    read = MeasureSettings.from_mapping({"transitions": {"method": "sampled", "points": 50, "samples": 56}})

    assert (read.transitions_method, read.transitions_points, read.transitions_samples) == ("sampled", 50, 56)


@given(settings())
def test_the_canonical_form_reads_back(demand):
    assert MeasureSettings.from_canonical(demand.canonical()) == demand


@given(settings(), settings(), settings())
def test_union_is_commutative_associative_and_idempotent(first, second, third):
    assert union(first, first) == first
    assert union(first, second) == union(second, first)
    assert union(union(first, second), third) == union(first, union(second, third))


@given(settings(), settings())
def test_union_asks_for_no_less_than_either(first, second):
    both = union(first, second)

    assert both.points == "all" or both.points >= first.points
    assert both.transitions_points >= first.transitions_points
    assert TRANSITIONS_METHODS.index(both.transitions_method) >= TRANSITIONS_METHODS.index(first.transitions_method)
    assert (both.spectral, both.regions, both.keep_weights) >= (first.spectral, first.regions, first.keep_weights) or (
        both.spectral >= first.spectral and both.regions >= first.regions and both.keep_weights >= first.keep_weights
    )


@pytest.mark.parametrize(
    ("block", "message", "hint"),
    [
        ({"points": -1}, "measure.points: -1 is not all or a whole number of rows a model, from 0.", None),
        ({"points": "al"}, "measure.points: 'al' is not all or a whole number of rows a model, from 0.", None),
        ({"points": True}, "measure.points: true is not all or a whole number of rows a model, from 0.", None),
        (
            {"pionts": 3},
            "measure.pionts: no such key.",
            "did you mean 'points'? allowed: points, transitions, spectral, trajectories, regions, keep_weights.",
        ),
        ({"transitions": "exact"}, "measure.transitions: 'exact' is not a mapping of method, points, samples.", None),
        (
            {"transitions": {"method": "exakt"}},
            "measure.transitions.method: 'exakt' is not one of exact, extrapolated, sampled.",
            "did you mean 'exact'?",
        ),
        (
            {"transitions": {"samples": 56}},
            "measure.transitions.samples: 56 has no meaning for method exact.",
            "write method: sampled, or leave samples out.",
        ),
        (
            {"transitions": {"method": "sampled", "samples": 1}},
            "measure.transitions.samples: 1 is not a whole number from 2 to 16777216.",
            None,
        ),
        ({"spectral": 1}, "measure.spectral: 1 is not true or false.", None),
        ({"trajectories": 0.5}, "measure.trajectories: 0.5 is not a whole number from 0 to 10000.", None),
    ],
)
def test_a_mistake_names_its_key_the_value_and_what_is_allowed(block, message, hint):
    with pytest.raises(FieldError) as error:
        MeasureSettings.from_mapping(block)

    assert (error.value.message, error.value.hint) == (message, hint)


@given(settings())
def test_nothing_adds_nothing(demand):
    assert union(NOTHING, demand) == demand


def test_additions_ask_for_what_they_name_and_for_nothing_else():
    added = read_additions(["regions", "trajectories=3", "transitions.points=5000", "points=all"], "--what")

    stored = MeasureSettings(points=10, transitions_method="extrapolated", transitions_points=20, spectral=False)
    expected = MeasureSettings("all", "extrapolated", 5000, None, spectral=False, trajectories=3, regions=True)
    assert union(stored, added) == expected
    assert read_additions([], "--what") == NOTHING


@pytest.mark.parametrize(
    ("texts", "message", "hint"),
    [
        (["spectrl"], "--what.spectrl: no such key.", "did you mean 'spectral'?"),
        (["points=few"], "--what.points: 'few' is not all or a whole number of rows a model, from 0.", None),
        (["trajectories"], "--what.trajectories: true is not a whole number from 0 to 10000.", None),
        (["transitions.pints=3"], "--what.transitions.pints: no such key.", "did you mean 'points'?"),
        (["regions", "regions=true"], "--what.regions: given twice.", "leave one of them out."),
        (
            ["transitions={}", "transitions.points=3", "transitions.points=4"],
            "--what.transitions.points: given twice.",
            "leave one of them out.",
        ),
        (["transitions", "transitions.points=3"], "--what.transitions.points: given twice.", "leave one of them out."),
    ],
)
def test_additions_that_cannot_be_are_refused(texts, message, hint):
    with pytest.raises(FieldError) as error:
        read_additions(texts, "--what")

    assert error.value.message == message
    assert (error.value.hint or "").startswith(hint or "")
