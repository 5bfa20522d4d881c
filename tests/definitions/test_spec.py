"""Specs: what is allowed, what is said of what is not, and one spelling for equal networks."""

from __future__ import annotations

import hashlib
import json

import pytest

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.fields import FieldError
from sensdb.definitions.spec import (
    from_canonical,
    layer_sizes,
    make_spec,
    n_hidden_units,
    n_parameters,
    n_train_points,
    pack_key,
    stop_rule,
)
from sensdb.errors import SpecError
from tests.definitions.examples import ROWS, SMALLEST, WIDE, sizes, spec

DATASETS = "digits, mnist, fashion_mnist, cifar10, cifar100, or an .npz by its sha256"


def test_the_canonical_form_and_its_hashes_never_change():
    known = spec()

    assert known.canonical == (
        '{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32",'
        '"hidden_layers":2,"label_noise":0.0,"learning_rate":0.01,"learning_rate_drop_epochs":null,'
        '"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu",'
        '"optimizer":"momentum","seed":0,"spec_version":1,"stop":"never","weight_scale":1.0,"width":16}'
    )
    assert known.spec_sha256 == hashlib.sha256(known.canonical.encode()).hexdigest()
    without_seed = known.canonical.replace('"seed":0,', "")
    assert known.configuration_sha256 == hashlib.sha256(without_seed.encode()).hexdigest()


def test_replicas_share_their_configuration_and_nothing_else():
    assert spec(seed=1).configuration_sha256 == spec(seed=2).configuration_sha256
    assert spec(seed=1).spec_sha256 != spec(seed=2).spec_sha256


@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        ({"width": [16, 16]}, {"width": 16}),
        ({"hidden_layers": 0, "width": 16}, {"hidden_layers": 0, "width": None}),
        ({"n_train": 1200}, {"n_train": None}),
        ({"crop": 8}, {"crop": None}),
        ({"batch_size": 1200}, {"batch_size": "full"}),
        ({"n_train": 100, "batch_size": 100}, {"n_train": 100, "batch_size": "full"}),
        ({"optimizer": "adam", "momentum": 0.5}, {"momentum": None}),
        ({"momentum": None}, {"momentum": 0.9}),
        (
            {"optimizer": "lbfgs", "batch_size": "full", "learning_rate_drop_epochs": 3},
            {"learning_rate": None, "learning_rate_drop_epochs": None, "momentum": None},
        ),
        ({"max_steps": 1e4}, {"max_steps": 10_000}),
        ({"label_noise": 1}, {"label_noise": 1.0}),
        ({"label_noise": -0.0}, {"label_noise": 0.0}),
        ({"stop": "loss<1e-2"}, {"stop": "loss < 0.01"}),
        ({"stop": "  loss  <  .010 "}, {"stop": "loss < 0.01"}),
        ({"augmentation": ["flip", "translate", "flip"]}, {"augmentation": ("translate", "flip")}),
        ({"augmentation": []}, {"augmentation": None}),
        ({"augmentation": "none"}, {"augmentation": None}),
    ],
)
def test_equal_networks_are_spelt_alike(given, normalised):
    made = spec(**given)

    for field, value in normalised.items():
        assert getattr(made, field) == value
        assert type(getattr(made, field)) is type(value)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"dataset": "minst"}, f"dataset: 'minst' is not one of {DATASETS}.", "did you mean 'mnist'?"),
        ({"dataset": None}, f"dataset: null is not one of {DATASETS}.", None),
        ({"dataset": "npz:12"}, f"dataset: 'npz:12' is not one of {DATASETS}.", None),
        ({"n_train": 0}, "n_train: 0 is not null or a whole number from 1 to the training points.", None),
        (
            {"n_train": 1201},
            "n_train: 1201 is not null or a whole number from 1 to 1200, the training points of digits.",
            None,
        ),
        ({"crop": 9}, "crop: 9 is not null or a whole number of pixels from 1 to 8 for digits.", None),
        ({"crop": 2.5}, "crop: 2.5 is not null or the side of the centre crop in pixels.", None),
        ({"dataset": ROWS.name, "crop": 1}, "crop: 1 needs images, and the .npz has none.", "leave crop out."),
        ({"hidden_layers": 201}, "hidden_layers: 201 is not a whole number from 0 to 200.", None),
        ({"hidden_layers": True}, "hidden_layers: true is not a whole number from 0 to 200.", None),
        ({"width": "tree"}, "width: 'tree' is not a whole number from 1 to 65536, nor a list of them.", None),
        ({"width": 0}, "width: 0 is not a whole number from 1 to 65536, nor a list of them.", None),
        ({"width": [16, 0]}, "width: 0 is not a whole number from 1 to 65536, nor a list of them.", None),
        (
            {"width": [16, 8, 4]},
            "width: [16, 8, 4] has 3 entries, hidden_layers = 2 needs 2.",
            "one number gives all hidden layers the same width.",
        ),
        ({"width": [1] * 201}, "width: a list of 201 is longer than the 200 hidden layers.", None),
        (
            {"nonlinearity": "hardtanh"},
            "nonlinearity: 'hardtanh' is not one of relu, relu6, tanh, hard_tanh, hard_sigmoid.",
            "did you mean 'hard_tanh'?",
        ),
        ({"biases": "yes"}, "biases: 'yes' is not true or false.", None),
        ({"biases": 1}, "biases: 1 is not true or false.", None),
        ({"weight_scale": 0}, "weight_scale: 0 is not a number above 0.", None),
        ({"weight_scale": 10**400}, "weight_scale: a number of more than 77 digits is not a number above 0.", None),
        ({"label_noise": 1.1}, "label_noise: 1.1 is not a number from 0 to 1.", None),
        ({"label_noise": False}, "label_noise: false is not a number from 0 to 1.", None),
        (
            {"augmentation": ["shift"]},
            "augmentation: 'shift' is not one of translate, flip, rotate.",
            None,
        ),
        (
            {"augmentation": "flip"},
            "augmentation: 'flip' is not none or a list of translate, flip, rotate.",
            "write [flip].",
        ),
        (
            {"dataset": ROWS.name, "augmentation": ["flip"]},
            "augmentation: ['flip'] needs images, and the .npz has none.",
            "write none.",
        ),
        (
            {"dataset": WIDE.name, "augmentation": ["rotate"]},
            "augmentation: rotate needs square images, and those of the .npz are 6 x 12.",
            "a crop makes them square.",
        ),
        ({"loss": "square"}, "loss: 'square' is not one of cross_entropy, squared.", "did you mean 'squared'?"),
        ({"optimizer": "SGD"}, "optimizer: 'SGD' is not one of sgd, momentum, adam, rmsprop, lbfgs.", None),
        ({"momentum": 1}, "momentum: 1 is not a number from 0 to below 1.", None),
        ({"learning_rate": "1e-3x"}, "learning_rate: '1e-3x' is not a number above 0.", None),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not a number above 0.", None),
        ({"learning_rate": None}, "learning_rate: missing; needs a number above 0.", None),
        (
            {"learning_rate_drop_epochs": 0},
            "learning_rate_drop_epochs: 0 is not null or a whole number of epochs from 1.",
            None,
        ),
        (
            {"batch_size": 1201},
            "batch_size: 1201 is not full or a whole number from 1 to 1200, the training points.",
            None,
        ),
        ({"batch_size": "ful"}, "batch_size: 'ful' is not full or a whole number from 1 to the training points.", None),
        (
            {"optimizer": "lbfgs"},
            "batch_size: 32 is not full, the only batch of optimizer lbfgs.",
            "write batch_size: full.",
        ),
        (
            {"optimizer": "lbfgs", "batch_size": "full", "augmentation": ["flip"]},
            "augmentation: ['flip'] does not go with optimizer lbfgs, whose line search needs a fixed loss.",
            "write augmentation: none, or train with sgd, momentum, adam or rmsprop.",
        ),
        ({"max_steps": 2**24 + 1}, "max_steps: 16777217 is not a whole number from 1 to 16777216.", None),
        ({"max_steps": 0.5}, "max_steps: 0.5 is not a whole number from 1 to 16777216.", None),
        (
            {"stop": "loss < 0"},
            "stop: 'loss < 0' is not never, fitted, or loss < x with x above 0.",
            None,
        ),
        (
            {"stop": "fited"},
            "stop: 'fited' is not never, fitted, or loss < x with x above 0.",
            "did you mean 'fitted'?",
        ),
        (
            {"stop": "loss < 1.2.3"},
            "stop: 'loss < 1.2.3' is not never, fitted, or loss < x with x above 0.",
            "did you mean 'loss < 0.01'?",
        ),
        (
            {"stop": "loss < 1e999"},
            "stop: 'loss < 1e999' is not never, fitted, or loss < x with x above 0.",
            None,
        ),
        ({"dtype": "float16"}, "dtype: 'float16' is not one of float32, float64.", "did you mean 'float64'?"),
        (
            {"stop": "los<0.1"},
            "stop: 'los<0.1' is not never, fitted, or loss < x with x above 0.",
            "did you mean 'loss < 0.01'?",
        ),
        ({"seed": -1}, "seed: -1 is not a whole number from 0 to 9007199254740991.", None),
        ({"seed": 2**53}, "seed: 9007199254740992 is not a whole number from 0 to 9007199254740991.", None),
        ({"widht": 3}, "'widht': no such spec field.", "did you mean 'width'?"),
    ],
)
def test_a_mistake_names_the_field_the_value_and_what_is_allowed(given, message, hint):
    with pytest.raises(FieldError) as error:
        spec(**given)

    assert (error.value.message, error.value.hint) == (message, hint)


@pytest.mark.parametrize("field", ["dataset", "hidden_layers", "width", "learning_rate", "batch_size"])
def test_a_required_field_left_out_is_named(field):
    with pytest.raises(FieldError, match=rf"^{field}: missing; needs "):
        make_spec({name: value for name, value in SMALLEST.items() if name != field}, sizes)


def test_a_long_value_is_shortened_in_the_message():
    with pytest.raises(FieldError) as error:
        spec(nonlinearity="relu\n" * 1000)

    assert len(error.value.message) < 150
    assert "\n" not in error.value.message


def test_no_learning_rate_is_needed_for_lbfgs():
    fields = {name: value for name, value in SMALLEST.items() if name != "learning_rate"}

    made = make_spec({**fields, "optimizer": "lbfgs", "batch_size": "full"}, sizes)

    assert made.learning_rate is None


@pytest.mark.parametrize(
    ("stop", "rule"),
    [("never", ("never", None)), ("fitted", ("fitted", None)), ("loss < 1e-5", ("loss", 1e-5))],
)
def test_the_stop_rule_comes_apart_into_rule_and_threshold(stop, rule):
    assert stop_rule(spec(stop=stop)) == rule


def test_sizes_follow_crop_and_widths():
    info = dataset_info("cifar10")
    made = spec(dataset="cifar10", crop=24, width=[10, 20], biases=True)

    assert layer_sizes(made, info) == (24 * 24 * 3, 10, 20, 10)
    assert n_parameters(made, info) == 1728 * 10 + 10 * 20 + 20 * 10 + 40
    assert n_hidden_units(made) == 30
    assert made.widths == (10, 20)


def test_without_hidden_layers_the_network_is_one_matrix():
    made = spec(hidden_layers=0)

    assert layer_sizes(made, dataset_info("digits")) == (64, 10)
    assert (made.widths, n_hidden_units(made), n_parameters(made, dataset_info("digits"))) == ((), 0, 640)


def test_batch_rows_of_a_full_batch_are_the_training_points():
    info = dataset_info("digits")

    assert spec(n_train=300, batch_size="full").batch_rows(n_train_points(spec(n_train=300), info)) == 300
    assert spec().batch_rows(1200) == 32


def test_pack_key_tells_what_a_pack_shares():
    info = dataset_info("digits")

    assert pack_key(spec(), info) == (
        "digits/whole/64-16-16-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 4},
        {"width": 17},
        {"hidden_layers": 3},
        {"nonlinearity": "tanh"},
        {"biases": True},
        {"loss": "squared"},
        {"augmentation": ["flip"]},
        {"optimizer": "adam"},
        {"momentum": 0.8},
        {"batch_size": 33},
        {"dtype": "float64"},
    ],
)
def test_what_changes_shapes_or_arithmetic_changes_the_pack_key(change):
    info = dataset_info("digits")

    assert pack_key(spec(**change), info) != pack_key(spec(), info)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"learning_rate": 0.5},
        {"weight_scale": 4},
        {"label_noise": 1},
        {"n_train": 500},
        {"max_steps": 10},
        {"stop": "fitted"},
        {"learning_rate_drop_epochs": 5},
    ],
)
def test_what_a_model_has_for_itself_stays_out_of_the_pack_key(change):
    info = dataset_info("digits")

    assert pack_key(spec(**change), info) == pack_key(spec(), info)


def test_a_full_batch_never_shares_a_pack_with_a_mini_batch_of_as_many_points():
    info = dataset_info("digits")

    assert pack_key(spec(n_train=300, batch_size="full"), info) != pack_key(spec(batch_size=300), info)


def test_a_stored_spec_of_a_newer_version_is_refused():
    newer = json.dumps({**json.loads(spec().canonical), "spec_version": 2})

    with pytest.raises(SpecError) as error:
        from_canonical(newer)

    assert error.value.message == "a stored spec has spec_version 2; this sensdb knows 1."
    assert error.value.hint == "upgrade sensdb on this machine."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a stored spec is not JSON: "),
        ("[]", "a stored spec has spec_version null; this sensdb knows 1."),
        ('{"spec_version": 1, "dataset": "digits"}', "a stored spec has other fields than spec_version 1."),
    ],
)
def test_a_stored_spec_that_is_none_is_refused(text, message):
    with pytest.raises(SpecError) as error:
        from_canonical(text)

    assert error.value.message.startswith(message)
