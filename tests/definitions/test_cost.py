"""Costs told before a sweep runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.cost import total_cost
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.definitions.work import n_checks, point_rows, step_flops, training_flops
from sensdb.training.batches import check_steps
from tests.definitions.examples import spec

DIGITS = dataset_info("digits")


def test_a_step_costs_three_products_a_layer_but_the_first():
    made = spec(hidden_layers=2, width=50, batch_size=32)

    assert step_flops(made, DIGITS) == 2 * 32 * (2 * 64 * 50 + 3 * (50 * 50 + 50 * 10))


def test_a_full_batch_has_as_many_rows_as_training_points():
    assert step_flops(spec(batch_size="full"), DIGITS) == step_flops(spec(batch_size=1), DIGITS) * 1200


def test_checks_are_counted_by_hand():
    # E = 37: at 37, 74, ..., 740 and at the end.
    assert n_checks(spec(stop="never"), DIGITS) == 1
    assert n_checks(spec(stop="fitted", max_steps=37), DIGITS) == 1
    assert n_checks(spec(stop="fitted", max_steps=38), DIGITS) == 2
    assert n_checks(spec(stop="fitted", max_steps=760), DIGITS) == 21


@given(st.integers(1, 50_000), st.integers(1, 600), st.sampled_from(["never", "fitted", "loss < 0.1"]))
def test_checks_are_counted_as_the_trainer_makes_them(max_steps, batch_size, stop):
    made = spec(max_steps=max_steps, batch_size=batch_size, stop=stop)

    steps = check_steps(1200 // batch_size, max_steps, only_at_the_end=stop == "never")

    assert n_checks(made, DIGITS) == len(list(steps))


def test_training_costs_all_steps_and_all_checks():
    made = spec(stop="fitted", max_steps=38)
    check = 2 * 1200 * (64 * 16 + 16 * 16 + 16 * 10)

    assert training_flops(made, DIGITS) == 38 * step_flops(made, DIGITS) + 2 * check


def test_no_more_rows_are_stored_than_there_are_test_points():
    assert point_rows(MeasureSettings(), DIGITS) == 597
    assert point_rows(MeasureSettings(points=1000), DIGITS) == 597
    assert point_rows(MeasureSettings(points=0), DIGITS) == 0


def test_the_total_is_the_sum_of_its_models():
    measure = MeasureSettings(points=10)
    one = total_cost([(spec(), measure, DIGITS)])

    three = total_cost([(spec(seed=seed), measure, DIGITS) for seed in range(3)])

    assert (three.n_models, three.point_rows) == (3, 30)
    assert three.training_flops == 3 * one.training_flops
    assert three.core_seconds == 3 * one.core_seconds
    assert one.core_seconds == training_seconds(spec(), DIGITS) + measuring_seconds(spec(), measure, DIGITS)
    assert three.database_bytes == 3 * one.database_bytes
    assert total_cost([]).n_models == 0


def test_float64_takes_twice_the_time():
    measure = MeasureSettings()
    single = total_cost([(spec(), measure, DIGITS)])
    double = total_cost([(spec(dtype="float64"), measure, DIGITS)])

    assert double.core_seconds == 2 * single.core_seconds
