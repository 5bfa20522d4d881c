"""What a core is said to take, against times that were measured; and the limits it shares with the measuring code."""

from __future__ import annotations

import pytest

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions import rates
from sensdb.definitions.measure import MeasureSettings
from sensdb.definitions.rates import measuring_seconds, training_seconds
from sensdb.measurement.plan import EXACT_WORK_LIMIT, SAMPLED_MULTIPLE
from sensdb.measurement.regions import REGION_LIMIT
from sensdb.measurement.summary import TRAINING_SAMPLE, TRAINING_SHARE_OF_TRANSITIONS
from tests.definitions.examples import ROWS, sizes, spec

DIGITS = dataset_info("digits")


@pytest.mark.parametrize(
    ("fields", "milliseconds"),
    [
        ({"width": 16}, 0.0084),
        ({"width": 64, "hidden_layers": 4, "batch_size": 64}, 0.067),
        ({"width": 256, "batch_size": 256}, 0.95),
        ({"width": 16, "batch_size": "full"}, 0.118),
        ({"width": 16, "batch_size": 50, "optimizer": "adam"}, 0.0144),
        ({"width": 16, "batch_size": 50, "augmentation": ["translate", "flip"]}, 0.0221),
        ({"width": 256, "batch_size": "full", "optimizer": "lbfgs"}, 7.2),
        ({"dataset": "mnist", "n_train": 2000, "width": 64, "batch_size": 50, "optimizer": "adam"}, 0.239),
        ({"dataset": "mnist", "n_train": 2000, "width": 100, "hidden_layers": 19, "batch_size": 50}, 1.03),
        ({"dataset": "cifar10", "crop": 24, "n_train": 1000, "width": 256, "batch_size": 64}, 1.44),
        ({"dataset": "cifar10", "crop": 24, "n_train": 1000, "width": 64, "batch_size": "full"}, 3.30),
    ],
)
def test_a_step_takes_about_as_long_as_was_measured(fields, milliseconds):
    made = spec(**fields, max_steps=10_000)

    assert training_seconds(made, sizes(made.dataset)) / 10 == pytest.approx(milliseconds, rel=0.5)


@pytest.mark.parametrize(
    ("fields", "measure", "seconds"),
    [
        ({"width": 64}, MeasureSettings(transitions_points=100), 0.035),
        ({"dataset": "mnist", "width": 256}, MeasureSettings(transitions_points=100), 0.87),
        ({"dataset": "mnist", "width": 256}, MeasureSettings(transitions_points=0, spectral=False), 0.36),
        ({"dataset": "mnist", "width": 100, "hidden_layers": 19}, MeasureSettings(transitions_points=100), 6.4),
        (
            {"dataset": "mnist", "width": 100, "hidden_layers": 19},
            MeasureSettings(transitions_points=0, trajectories=2),
            1.3,
        ),
        (
            {"dataset": "mnist", "width": 64, "hidden_layers": 6, "nonlinearity": "relu6"},
            MeasureSettings(transitions_points=0, regions=True),
            1.6,
        ),
    ],
)
def test_measuring_takes_about_as_long_as_was_measured(fields, measure, seconds):
    made = spec(**fields)

    assert measuring_seconds(made, measure, sizes(made.dataset)) == pytest.approx(seconds, rel=0.5)


def test_what_is_not_asked_for_takes_no_time():
    least = MeasureSettings(points=0, transitions_points=0, spectral=False)
    made = spec(nonlinearity="hard_tanh")
    parts = [
        MeasureSettings(points=0, transitions_points=0, spectral=True),
        MeasureSettings(points=0, transitions_points=1, spectral=False),
        MeasureSettings(points=0, transitions_points=0, spectral=False, trajectories=1),
        MeasureSettings(points=0, transitions_points=0, spectral=False, regions=True),
    ]

    bare = measuring_seconds(made, least, DIGITS)

    assert all(measuring_seconds(made, part, DIGITS) > bare for part in parts)


def test_rows_of_numbers_have_no_paths_planes_or_ellipses_to_count_on():
    made = spec(dataset=ROWS.name, batch_size=2)
    everything = MeasureSettings(trajectories=3, regions=True)
    nothing = MeasureSettings(transitions_points=0)

    assert measuring_seconds(made, everything, ROWS) == measuring_seconds(made, nothing, ROWS)


def test_a_network_without_hidden_layers_has_nothing_to_count():
    made = spec(hidden_layers=0)

    assert measuring_seconds(made, MeasureSettings(trajectories=3), DIGITS) > 0
    assert training_seconds(made, DIGITS) > 0


def test_exact_counting_that_is_too_much_work_is_sampled_instead():
    # 33 hidden layers of 1,000 units would take minutes a model.
    made = spec(dataset="mnist", hidden_layers=33, width=1000)
    sampled = MeasureSettings(transitions_method="sampled")
    mnist = dataset_info("mnist")

    assert measuring_seconds(made, MeasureSettings(), mnist) == measuring_seconds(made, sampled, mnist)


def test_limits_are_those_of_the_measuring_code():
    assert rates.MOST_EXACT_WORK == EXACT_WORK_LIMIT
    assert rates.PLACES_A_PIXEL == SAMPLED_MULTIPLE
    assert rates.MOST_REGIONS == REGION_LIMIT
    assert rates.TRAINING_SAMPLE == TRAINING_SAMPLE
    assert rates.PATHS_A_POINT == 1 + 1 / TRAINING_SHARE_OF_TRANSITIONS
