"""Random fields: each draw depends on its own stream, field, row and index, and on nothing else."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensdb.definitions.draws import draw_stream, make_distribution
from sensdb.definitions.fields import FieldError

units = st.integers(0, 2**53 - 1).map(lambda n: n / 2**53)


def test_draws_are_the_same_on_every_machine_and_in_every_version():
    draw = draw_stream(0, "learning_rate", "{}")

    assert [draw(index) for index in range(3)] == [
        0.3983283892810865,
        0.7505081461131914,
        0.44426155547353474,
    ]


def test_draws_of_a_stream_are_uniform():
    draw = draw_stream(1, "width", '{"hidden_layers":2}')

    drawn = sorted(draw(index) for index in range(20_000))

    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is exceeded once in a thousand streams, and this one is fixed.
    largest = max(abs(value - rank / 20_000) for rank, value in enumerate(drawn))
    assert largest < 1.95 / math.sqrt(20_000)


@pytest.mark.parametrize("other", [(1, "width", "{}"), (0, "seed", "{}"), (0, "width", '{"loss":"squared"}')])
def test_streams_fields_and_rows_are_independent(other):
    first, second = draw_stream(0, "width", "{}"), draw_stream(*other)

    pairs = [(first(index) - 0.5, second(index) - 0.5) for index in range(5000)]

    # The correlation of independent draws has a standard error of 1 / sqrt(n); five of them never happen.
    assert abs(12 * sum(a * b for a, b in pairs) / 5000) < 5 / math.sqrt(5000)


@given(units)
def test_real_draws_lie_within_their_bounds_and_are_short(u):
    value = make_distribution("learning_rate", "log_uniform", [1e-3, 1e-1]).value(u)

    assert isinstance(value, float)
    assert 1e-3 <= value <= 1e-1
    assert float(f"{value:.6g}") == value


@given(units, st.integers(1, 1000), st.integers(0, 1000))
def test_whole_draws_lie_within_their_bounds(u, low, more):
    for kind in ("uniform_integer", "log_uniform_integer"):
        value = make_distribution("max_steps", kind, [low, low + more]).value(u)

        assert isinstance(value, int)
        assert low <= value <= low + more


def test_both_ends_of_a_whole_distribution_are_reached():
    for kind in ("uniform_integer", "log_uniform_integer"):
        distribution = make_distribution("width", kind, [3, 5])

        assert [distribution.value(u) for u in (0.0, 1 - 2**-53)] == [3, 5]


def test_log_uniform_has_its_median_at_the_geometric_mean():
    assert make_distribution("learning_rate", "log_uniform", [1e-3, 1e-1]).value(0.5) == 0.01


@given(units)
def test_a_choice_takes_each_value_equally_often(u):
    distribution = make_distribution("weight_scale", "choice", [0.5, 1, 4, 8])

    assert distribution.value(u) == [0.5, 1.0, 4.0, 8.0][math.floor(Fraction(u) * 4)]


@pytest.mark.parametrize(
    ("field", "kind", "values", "message", "hint"),
    [
        (
            "width",
            "gamma",
            [1, 2],
            "width: no distribution 'gamma'; there are choice, uniform, log_uniform, uniform_integer, "
            "log_uniform_integer.",
            None,
        ),
        ("width", "choise", [1, 2], None, "did you mean 'choice'?"),
        ("width", "choice", [], "width: choice needs a list, not [].", None),
        ("width", "choice", 3, "width: choice needs a list, not 3.", None),
        ("width", "choice", [0], "width: 0 is not a whole number from 1 to 65536, nor a list of them.", None),
        ("width", "uniform_integer", [1, 2, 3], "width: uniform_integer needs [low, high], not [1, 2, 3].", None),
        (
            "width",
            "uniform_integer",
            [5, 3],
            "width: uniform_integer needs [low, high] with low below high, not [5, 3].",
            None,
        ),
        (
            "width",
            "log_uniform",
            [1, 3],
            "width: log_uniform draws fractions, and width is a whole number.",
            "write log_uniform_integer.",
        ),
        (
            "learning_rate",
            "uniform_integer",
            [1, 3],
            "learning_rate: uniform_integer draws whole numbers, and learning_rate is not one.",
            "write uniform.",
        ),
        (
            "optimizer",
            "uniform",
            ["adam", "sgd"],
            "optimizer: uniform needs two numbers, not ['adam', 'sgd'].",
            None,
        ),
        (
            "biases",
            "uniform_integer",
            [False, True],
            "biases: uniform_integer needs two numbers, not [false, true].",
            None,
        ),
        ("label_noise", "log_uniform", [0, 1], "label_noise: log_uniform needs a low above 0, not 0.0.", None),
        (
            "hidden_layers",
            "log_uniform_integer",
            [0, 5],
            "hidden_layers: log_uniform_integer needs a low above 0, not 0.",
            None,
        ),
        (
            "weight_scale",
            "log_uniform",
            [1e-300, 1e300],
            "weight_scale: log_uniform over [1e-300, 1e+300] spans more than a float holds.",
            None,
        ),
    ],
)
def test_a_distribution_that_does_not_fit_its_field_is_refused(field, kind, values, message, hint):
    with pytest.raises(FieldError) as error:
        make_distribution(field, kind, values)

    assert message is None or error.value.message == message
    assert error.value.hint == hint
