"""The sweeps that come along: what each holds, how many models, and that the small ones stay small."""

from __future__ import annotations

from functools import cache

import pytest

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.cost import Cost, total_cost
from sensdb.definitions.spec import TrainingSpec
from sensdb.definitions.sweep import Expansion, Sweep, builtin_sweeps, expand_sweep, load_sweep

N_MODELS = {
    "digits": 150,
    "fashion-mnist-small": 234,
    "mnist-small": 234,
    "novak2018-cifar10": 12_864,
    "novak2018-cifar10-mini": 534,
    "novak2018-cifar100": 12_864,
    "novak2018-cifar100-mini": 447,
    "novak2018-fashion-mnist": 2304,
    "novak2018-fashion-mnist-mini": 534,
    "novak2018-mnist": 2304,
    "novak2018-mnist-mini": 534,
    "novak2018-pairs-augmentation": 2304,
    "novak2018-pairs-augmentation-mini": 144,
    "novak2018-pairs-batch": 7192,
    "novak2018-pairs-batch-mini": 648,
    "novak2018-pairs-labels": 3248,
    "novak2018-pairs-labels-mini": 324,
    "novak2018-pairs-nonlinearity": 3248,
    "novak2018-pairs-nonlinearity-mini": 324,
    "novak2018-points": 80,
    "novak2018-points-mini": 72,
    "novak2018-regions": 8,
    "novak2018-regions-mini": 42,
    "novak2018-trajectories": 128,
    "novak2018-trajectories-mini": 54,
}
PAPER = sorted(name for name in N_MODELS if name.startswith("novak2018-") and not name.endswith("-mini"))
MINI = [f"{name}-mini" for name in PAPER]
DATASETS = ("cifar10", "cifar100", "mnist", "fashion-mnist")

# A quarter of an hour on two cores.
MOST_MINI_SECONDS = 2 * 15 * 60


@cache
def sweep(name: str) -> Sweep:
    path = builtin_sweeps()[name]
    return load_sweep(path.read_text(encoding="utf-8"), source=path.name)


@cache
def expansion(name: str) -> Expansion:
    return expand_sweep(sweep(name), dataset_info)


def specs(name: str) -> list[TrainingSpec]:
    return expansion(name).specs


def found(name: str, field: str) -> set[object]:
    """The values of one field in a sweep."""
    return {getattr(spec, field) for spec in specs(name)}


def cost(name: str) -> Cost:
    of = expansion(name)
    return total_cost(
        (spec, measure, dataset_info(spec.dataset)) for spec, measure in zip(of.specs, of.measures, strict=True)
    )


def pairs(specs: list[TrainingSpec], factor: str, low: object, high: object) -> set[tuple[object, ...]]:
    """What is equal in pairs of specs that differ in one factor alone."""

    def rest(value: object) -> set[tuple[object, ...]]:
        return {
            tuple(getattr(spec, name) for name in TrainingSpec.__dataclass_fields__ if name != factor)
            for spec in specs
            if getattr(spec, factor) == value
        }

    return rest(low) & rest(high)


def test_every_built_in_sweep_is_counted_here():
    assert {name: len(specs(name)) for name in builtin_sweeps()} == N_MODELS


@pytest.mark.parametrize("name", N_MODELS)
def test_a_built_in_sweep_is_called_like_its_file_and_asks_a_question(name):
    assert sweep(name).name == name
    assert sweep(name).description.endswith("?")
    assert len(sweep(name).description) < 120


@pytest.mark.parametrize("name", N_MODELS)
def test_only_random_draws_repeat_themselves(name):
    assert (expansion(name).n_collapsed == 0) or any(block.draws for block in sweep(name).blocks)


@pytest.mark.parametrize("name", PAPER)
def test_what_is_unconfirmed_in_a_sweep_of_the_paper_is_said_where_it_stands(name):
    text = builtin_sweeps()[name].read_text(encoding="utf-8")

    assert "arXiv 1802.08760" in text
    assert "# `unconfirmed` marks what is quoted from memory" in text
    assert sum("unconfirmed" in line for line in text.splitlines()) >= 8


@pytest.mark.parametrize("name", PAPER)
def test_networks_of_the_paper_are_free_of_biases_and_train_to_the_end_of_their_budget(name):
    assert found(name, "biases") == {False}
    assert found(name, "dtype") == {"float32"}
    assert found(name, "stop") == {"never"}
    assert {spec.momentum for spec in specs(name) if spec.optimizer == "momentum"} <= {0.9}
    # L-BFGS has no rate to drop; the batch alone is compared at a constant rate.
    drops = {spec.learning_rate_drop_epochs for spec in specs(name) if spec.optimizer != "lbfgs"}
    assert drops == ({500, None} if name == "novak2018-pairs-batch" else {500})


@pytest.mark.parametrize("name", ["novak2018-cifar10", "novak2018-cifar100", "novak2018-pairs-labels"])
def test_the_big_sweep_draws_from_the_grid_of_the_paper(name):
    drawn = specs(name)

    assert found(name, "crop") == {24}
    assert found(name, "n_train") == {None}
    assert found(name, "seed") == set(range(1, 9))
    assert found(name, "label_noise") == {0.0, 1.0}
    assert found(name, "hidden_layers") == {2**a for a in range(7)}
    assert found(name, "width") <= {2**a for a in range(17)}
    assert max(found(name, "width")) == 2**16
    assert found(name, "nonlinearity") == {"relu", "relu6", "tanh", "hard_tanh", "hard_sigmoid"}
    assert found(name, "weight_scale") == {0.5, 1.0, 4.0, 8.0}
    assert found(name, "optimizer") == {"sgd", "momentum", "adam", "rmsprop", "lbfgs"}
    assert found(name, "learning_rate") == {0.01, 0.005, 0.0005, None}
    budgets = {(spec.optimizer == "lbfgs", spec.batch_size, spec.max_steps) for spec in drawn}
    assert budgets == {(True, "full", 2684), (False, 128, 2**19), (False, 512, 2**19)}


@pytest.mark.parametrize("name", ["novak2018-cifar10", "novak2018-cifar100"])
def test_the_big_sweep_has_no_larger_networks_than_the_paper_shows(name):
    widest = {
        hidden_layers: max(spec.width for spec in specs(name) if spec.hidden_layers == hidden_layers)
        for hidden_layers in (1, 2, 4, 8, 16)
    }

    assert all(width * hidden_layers <= 2**16 for hidden_layers, width in widest.items())
    assert widest[1] == 2**16


@pytest.mark.parametrize(
    ("name", "labels", "augmentations"),
    [
        ("novak2018-mnist", {0.0, 1.0}, {None}),
        ("novak2018-fashion-mnist", {0.0, 1.0}, {None}),
        ("novak2018-pairs-augmentation", {0.0}, {None, ("translate", "flip")}),
    ],
)
def test_grids_of_the_paper_are_complete(name, labels, augmentations):
    assert found(name, "label_noise") == labels
    assert found(name, "augmentation") == augmentations
    assert found(name, "hidden_layers") == {depth - 1 for depth in (2, 3, 5, 10, 15, 20)}
    assert found(name, "width") == {100, 200, 500, 1000, 2000, 3000}
    assert found(name, "nonlinearity") == {"relu", "relu6", "hard_tanh", "hard_sigmoid"}
    assert found(name, "seed") == set(range(1, 9))
    assert {(s.optimizer, s.learning_rate, s.batch_size, s.max_steps) for s in specs(name)} == {
        ("momentum", 0.005, 256, 2**18)
    }
    assert found(name, "crop") == {None}
    assert found(name, "n_train") == ({None} if "augmentation" in name else {50_000})


def test_trajectories_are_measured_on_the_network_of_the_paper():
    (one,) = {spec.configuration_sha256: spec for spec in specs("novak2018-trajectories")}.values()

    assert (one.dataset, one.nonlinearity, one.hidden_layers, one.width) == ("mnist", "relu", 19, 200)
    assert (one.optimizer, one.max_steps) == ("momentum", 2**18)
    assert all(measure.trajectories for measure in expansion("novak2018-trajectories").measures)
    assert all(measure.trajectories for measure in expansion("novak2018-trajectories-mini").measures)


def test_regions_are_measured_on_the_network_of_the_paper():
    (one,) = {spec.configuration_sha256: spec for spec in specs("novak2018-regions")}.values()

    assert (one.dataset, one.nonlinearity, one.hidden_layers, one.width) == ("mnist", "relu6", 14, 300)
    assert (one.optimizer, one.max_steps) == ("momentum", 2**18)
    assert one.augmentation == ("translate", "flip", "rotate")
    assert all(measure.regions for measure in expansion("novak2018-regions").measures)
    assert all(measure.regions for measure in expansion("novak2018-regions-mini").measures)


def test_pairs_of_labels_are_among_the_big_sweep_s_models():
    assert set(specs("novak2018-pairs-labels")) < set(specs("novak2018-cifar10"))


def test_single_points_are_those_of_the_big_sweep_s_networks_and_of_squared_loss():
    of = specs("novak2018-points")

    assert {spec for spec in of if spec.loss == "cross_entropy"} < set(specs("novak2018-cifar10"))
    assert len(pairs(of, "loss", "cross_entropy", "squared")) == len(of) / 2


@pytest.mark.parametrize("size", ["", "-mini"])
@pytest.mark.parametrize(
    ("name", "factor", "low", "high"),
    [
        ("labels", "label_noise", 0.0, 1.0),
        ("augmentation", "augmentation", ("translate", "flip"), None),
        ("nonlinearity", "nonlinearity", "relu", "hard_sigmoid"),
    ],
)
def test_every_model_of_a_pair_sweep_has_its_other_side(name, factor, low, high, size):
    of = specs(f"novak2018-pairs-{name}{size}")

    assert 2 * len(pairs(of, factor, low, high)) == len(of)


@pytest.mark.parametrize(("size", "mini"), [("", 512), ("-mini", 50)])
def test_mini_batches_meet_the_full_batch_with_all_else_equal_and_l_bfgs_on_the_same_networks(size, mini):
    of = specs(f"novak2018-pairs-batch{size}")

    def networks(optimizers: set[str]) -> set[tuple[object, ...]]:
        return {
            (spec.hidden_layers, spec.width, spec.nonlinearity, spec.weight_scale, spec.seed)
            for spec in of
            if spec.optimizer in optimizers
        }

    n_full = sum(spec.full_batch and spec.optimizer == "momentum" for spec in of)
    assert len(pairs(of, "batch_size", mini, "full")) == n_full >= 3 * 50
    assert networks({"lbfgs"}) == networks({"sgd"}) == networks({"sgd", "momentum"})


@pytest.mark.parametrize("name", MINI)
def test_a_small_form_takes_a_quarter_of_an_hour_on_two_cores(name):
    assert cost(name).core_seconds < MOST_MINI_SECONDS


@pytest.mark.parametrize("name", MINI)
def test_a_small_form_has_three_seeds_a_configuration_and_says_how_many_networks(name):
    configurations = {spec.configuration_sha256 for spec in specs(name)}

    assert len(specs(name)) >= 3 * len(configurations)
    assert f"{len(specs(name))} networks" in builtin_sweeps()[name].read_text(encoding="utf-8").splitlines()[0]
    assert found(name, "stop") == {"never"}


@pytest.mark.parametrize("name", [f"novak2018-{dataset}-mini" for dataset in DATASETS])
def test_the_small_form_of_a_data_set_holds_every_factor(name):
    of = specs(name)
    batches = {(spec.optimizer, spec.full_batch) for spec in of}

    assert found(name, "label_noise") == {0.0, 1.0}
    assert {("lbfgs", True), ("momentum", True), ("momentum", False), ("sgd", False), ("adam", False)} <= batches
    assert {spec.augmentation is None for spec in of} == {True, False}
    assert {0.5, 1.0, 2.0, 4.0} <= found(name, "weight_scale")
    assert found(name, "nonlinearity") == {"relu", "relu6", "tanh", "hard_tanh", "hard_sigmoid"}
    for factor, low, high in (
        ("label_noise", 0.0, 1.0),
        ("nonlinearity", "relu", "hard_sigmoid"),
        ("batch_size", 50, "full"),
    ):
        assert len(pairs(of, factor, low, high)) >= 3 * 3, factor


@pytest.mark.parametrize("name", [name for name in MINI if "cifar" in name or "pairs" in name or "points" in name])
def test_small_forms_in_colour_take_any_pictures_of_that_size(name):
    path = builtin_sweeps()[name]

    changed = load_sweep(path.read_text(encoding="utf-8"), source=path.name, overrides={"dataset": "cifar100"})

    assert {spec.dataset for spec in expand_sweep(changed, dataset_info).specs} == {"cifar100"}


def test_the_demo_has_what_its_questions_need():
    of = specs("digits")

    assert 120 <= len(of) <= 160
    assert len(found("digits", "seed")) >= 3
    for factor, low, high in (
        ("label_noise", 0.0, 1.0),
        ("nonlinearity", "relu", "hard_sigmoid"),
        ("batch_size", 32, "full"),
    ):
        assert len(pairs(of, factor, low, high)) >= 4 * 3, factor
