"""Mistakes in sweep files: each kind has its own message, with the line, the value and what is allowed."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.spec_fields import FIELDS
from sensdb.definitions.sweep import expand_sweep, load_sweep
from sensdb.errors import SensdbError, SpecError
from tests.definitions.examples import SMALLEST

# One line, so that what a test adds begins in line 2.
FIXED = "fixed: {dataset: digits, hidden_layers: 2, width: 16, learning_rate: 0.01, batch_size: 32}\n"
SWEEP_KEYS = "name, description, priority, seeds, fixed, grid, zip, random, when, exclude, measure, blocks, max_models"


def message_of(text: str, **options: object) -> tuple[str, str | None]:
    """The error of a sweep that has one."""
    with pytest.raises(SpecError) as error:
        expand_sweep(load_sweep(text, source="x.yaml", **options), dataset_info)
    assert "\n" not in error.value.message
    return error.value.message, error.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "gird: {width: [1]}",
            "the sweep in x.yaml line 2: no key 'gird'.",
            f"did you mean 'grid'? allowed: {SWEEP_KEYS}.",
        ),
        ("grid: {widht: [1]}", "grid in x.yaml line 2: no spec field 'widht'.", "did you mean 'width'?"),
        ("zip: {xyz: [1]}", "zip in x.yaml line 2: no spec field 'xyz'.", None),
        ("grid: [1]", "grid in x.yaml line 2: [1] is not a mapping.", None),
        (
            "grid: {label_noise: 1}",
            "label_noise in x.yaml line 2: grid needs a list of values, not 1.",
            "one value for all belongs into fixed.",
        ),
        (
            "grid: {label_noise: []}",
            "label_noise in x.yaml line 2: grid needs a list of values, not [].",
            "one value for all belongs into fixed.",
        ),
        (
            "grid:\n  label_noise:\n    - 0\n    - 2",
            "label_noise in x.yaml line 5: 2 is not a number from 0 to 1.",
            None,
        ),
        ("grid: {width: [8]}", "width in x.yaml line 2: given in fixed and in grid.", None),
        (
            "grid: {label_noise: [0]}\nzip: {label_noise: [0]}",
            "label_noise in x.yaml line 3: given in grid and in zip.",
            None,
        ),
        (
            "random: {count: 1, width: {choice: [1]}}",
            "width in x.yaml line 2: given in fixed and in random.",
            None,
        ),
        (
            "zip: {label_noise: [0, 1], weight_scale: [1]}",
            "zip in x.yaml line 2: weight_scale has 1 values, label_noise has 2; zip needs as many of each.",
            None,
        ),
        (
            "random: {weight_scale: {choice: [1]}}",
            "random in x.yaml line 2: count is missing; needs a whole number from 1 to 1000000.",
            None,
        ),
        (
            "random: {count: 0, weight_scale: {choice: [1]}}",
            "count in x.yaml line 2: 0 is not a whole number from 1 to 1000000.",
            None,
        ),
        (
            "random: {count: 2}",
            "random in x.yaml line 2: no field to draw.",
            "such as learning_rate: {log_uniform: [1e-3, 0.1]}",
        ),
        (
            "random: {count: 2, stream: -1, weight_scale: {choice: [1]}}",
            "stream in x.yaml line 2: -1 is not a whole number from 0 to 9007199254740991.",
            None,
        ),
        (
            "random: {count: 2, weight_scale: [1, 2]}",
            "weight_scale in x.yaml line 2: [1, 2] is not a distribution.",
            "such as {log_uniform: [1e-3, 0.1]} or {choice: [1, 2, 4]}",
        ),
        (
            "random:\n  count: 2\n  weight_scale: {uniform: [2, 1]}",
            "weight_scale in x.yaml line 4: uniform needs [low, high] with low below high, not [2, 1].",
            None,
        ),
        ("when: {if: a}", "when in x.yaml line 2: {if: 'a'} is not a list.", None),
        (
            "when:\n  - {if: biases}",
            "when in x.yaml line 3: needs if and set.",
            'such as {if: "width > 500", set: {dtype: float64}}',
        ),
        ("when: [{if: biases, set: {}}]", "when in x.yaml line 2: set names no field.", None),
        (
            "when: [{if: biases, set: {dtype: float}}]",
            "dtype in x.yaml line 2: 'float' is not one of float32, float64.",
            "did you mean 'float64'?",
        ),
        (
            "when: [{if: biases, set: {dtpye: float32}}]",
            "set in x.yaml line 2: no spec field 'dtpye'.",
            "did you mean 'dtype'?",
        ),
        (
            "when: [{if: true, set: {dtype: float32}}]",
            "when in x.yaml line 2: true is not a condition.",
            "conditions are text, such as \"width > 500 and optimizer == 'adam'\".",
        ),
        (
            "when: [{if: width, set: {dtype: float64}}]",
            "when in x.yaml line 2: 'width': gives 16, which is not true or false.",
            None,
        ),
        ("exclude: width > 3", "exclude in x.yaml line 2: 'width > 3' is not a list.", None),
        (
            "exclude:\n  - width > 3\n  - widht > 3",
            "exclude in x.yaml line 4: 'widht > 3': no spec field 'widht'.",
            "did you mean 'width'? texts stand in quotes.",
        ),
        (
            'exclude: ["1 / label_noise > 2"]',
            "exclude in x.yaml line 2: '1 / label_noise > 2': 1 / 0.0 divides by zero.",
            None,
        ),
        ("exclude: [width > 3]", "x.yaml: exclude leaves none of 1 combinations.", None),
        ("seeds: 0", "seeds in x.yaml line 2: 0 is not a number of seeds from 1 to 1000000, or a list of them.", None),
        ("seeds: []", "seeds in x.yaml line 2: [] is empty.", None),
        ("seeds: [1, 1]", "seeds in x.yaml line 2: [1, 1] names a seed twice.", None),
        ("seeds: [-1]", "seeds in x.yaml line 2: -1 is not a whole number from 0 to 9007199254740991.", None),
        ("seeds: 2\ngrid: {seed: [1, 2]}", "seed in x.yaml line 3: given beside seeds.", "keep one of the two."),
        (
            "measure:\n  points: al",
            "measure.points in x.yaml line 3: 'al' is not all or a whole number of rows a model, from 0.",
            None,
        ),
        (
            "measure:\n  transitions:\n    methd: exact",
            "measure.transitions.methd in x.yaml line 4: no such key.",
            "did you mean 'method'? allowed: method, points, samples.",
        ),
        (
            "measure: {transitions: {method: sampled, samples: 20}}",
            "measure.transitions.samples in x.yaml: 20 is not a multiple of 8, the pixels of a row.",
            None,
        ),
        (
            "blocks: [{grid: {label_noise: [0]}}, {name: x}]",
            "block 2 in x.yaml line 2: no key 'name'.",
            "allowed: seeds, fixed, grid, zip, random, when, exclude, measure.",
        ),
        ("blocks: {}", "blocks in x.yaml line 2: {} is not a list.", None),
        ("blocks: [3]", "block 1 in x.yaml line 2: 3 is not a mapping.", None),
        ("priority: high", "priority in x.yaml line 2: 'high' is not a whole number from -1000000 to 1000000.", None),
        ("max_models: 0", "max_models in x.yaml line 2: 0 is not a whole number from 1 to 5000000.", None),
        ("name: a b", "name in x.yaml line 2: 'a b' is not 1 to 100 letters, digits, - and _.", None),
        ("name: 3", "name in x.yaml line 2: 3 is not 1 to 100 letters, digits, - and _.", None),
        ("description: [a]", "description in x.yaml line 2: ['a'] is not text of at most 10000 characters.", None),
        ('description: "a\\0b"', "description in x.yaml line 2: holds a character that no database stores.", None),
        ('description: "\\ud83d"', "description in x.yaml line 2: holds a character that no database stores.", None),
        ("fixed: {}", "x.yaml line 2: key 'fixed' a second time; the first is in line 1.", None),
        (
            "seeds: 1000000\ngrid: {label_noise: [0, 0.1, 0.2, 0.3, 0.4, 0.5]}",
            "x.yaml: 6000000 combinations are more than the 5000000 a sweep may have.",
            "split it, or draw with random instead of a grid.",
        ),
        (
            "grid:\n  n_train: [10, 20, 40]",
            "batch_size in x.yaml line 1: 32 is not full or a whole number from 1 to 10, the training points.",
            None,
        ),
        (
            'grid:\n  optimizer: [sgd]\nwhen:\n  - {if: "width > 3", set: {batch_size: 5000}}',
            "batch_size in x.yaml line 5: 5000 is not full or a whole number from 1 to 1200, the training points.",
            None,
        ),
        (
            'grid:\n  n_train: [10, 5000]\nwhen: [{if: "n_train < 32", set: {batch_size: full}}]',
            "n_train in x.yaml line 3: 5000 is not null or a whole number from 1 to 1200, the training points of "
            "digits.",
            None,
        ),
    ],
)
def test_each_kind_of_mistake_has_its_message(text, message, hint):
    assert message_of(FIXED + text) == (message, hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "dataset in x.yaml line 1: missing; needs one of digits, mnist, fashion_mnist, cifar10, cifar100, or "
            "an .npz.",
        ),
        ("- 1", "the sweep in x.yaml line 1: [1] is not a mapping."),
        ("hello", "the sweep in x.yaml line 1: 'hello' is not a mapping."),
        (
            "fixed: {dataset: digits}\nblocks:\n  - grid: {width: [8]}",
            "hidden_layers in x.yaml line 3: missing; needs a whole number from 0 to 200.",
        ),
        (
            "fixed: {dataset: minst}",
            "dataset in x.yaml line 1: 'minst' is not one of digits, mnist, fashion_mnist, cifar10, cifar100, or an "
            ".npz by its sha256.",
        ),
        (
            "fixed:\n  dataset: digits\n  width: [16, 8, 4]\n  hidden_layers: 2\n  batch_size: 32\n  learning_rate: 1",
            "width in x.yaml line 3: [16, 8, 4] has 3 entries, hidden_layers = 2 needs 2.",
        ),
    ],
)
def test_what_is_missing_or_does_not_go_together_is_located(text, message):
    assert message_of(text)[0] == message


@pytest.mark.parametrize(
    ("overrides", "message", "hint"),
    [
        ({"widht": "3"}, "--set: no spec field 'widht'.", "did you mean 'width'?"),
        ({"width": "tree"}, "width in --set: 'tree' is not a whole number from 1 to 65536, nor a list of them.", None),
        ({"width": "[1,"}, "--set width line 1: not YAML: expected the node content, but found '<stream end>'.", None),
        (
            {"label_noise": "1"},
            "--set label_noise: the sweep varies it in x.yaml line 2.",
            "--set replaces a value of fixed alone.",
        ),
        ({"sees": "1"}, "--set: no spec field 'sees'.", "did you mean 'seeds'?"),
        (
            {"seeds": "0"},
            "seeds in --set seeds line 1: 0 is not a number of seeds from 1 to 1000000, or a list of them.",
            None,
        ),
        ({"seed": "1"}, "--set seed: the sweep has seeds.", "take seeds out of the sweep to train a single seed."),
        (
            {"batch_size": "2000"},
            "batch_size in --set: 2000 is not full or a whole number from 1 to 1200, the training points.",
            None,
        ),
    ],
)
def test_a_mistake_in_set_says_so(overrides, message, hint):
    assert message_of(FIXED + "grid: {label_noise: [0, 1]}\nseeds: 2", overrides=overrides) == (message, hint)


@pytest.mark.parametrize("given", ["grid: {seed: [3, 4]}", "blocks: [{fixed: {seed: 3}}, {}]"])
def test_set_seeds_beside_a_seed_of_the_sweep_says_where_it_is(given):
    message, hint = message_of(FIXED + given, overrides={"seeds": "2"})

    assert message.startswith("--set seeds: seed is given in x.yaml line ")
    assert hint == "--set seed=N replaces it where it is fixed."


def test_a_sweep_from_stdin_needs_a_name():
    with pytest.raises(SpecError) as error:
        load_sweep(FIXED, source="-")

    assert error.value.message == "name in standard input: missing."
    assert error.value.hint == "a sweep without a file needs name: in its text."


def test_a_file_whose_stem_is_no_name_needs_one_in_its_text():
    with pytest.raises(SpecError) as error:
        load_sweep(FIXED, source="my sweep.yaml")

    assert error.value.message == "name in my sweep.yaml: 'my sweep' is not 1 to 100 letters, digits, - and _."
    assert error.value.hint == "the file's stem is its name; write name: in the sweep."


def test_an_npz_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(SensdbError, match=r"nowhere\.npz"):
        load_sweep(FIXED.replace("digits", "nowhere.npz"), source="x.yaml", folder=tmp_path)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["relu", "full", "x", "width > 3", ""])
)
WORDS = "name seeds fixed grid zip random when exclude measure blocks count if set points transitions method choice"
keys = st.sampled_from([*FIELDS, *WORDS.split(), "log_uniform", "max_models", "description"])
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=25
)


@given(st.dictionaries(keys, trees, max_size=6))
@example({"fixed": SMALLEST, "grid": {"seed": [1, 2, 1e400]}})
@example({"fixed": SMALLEST, "random": {"count": 3, "width": {"choice": [[1, 2], [3]]}}})
@example({"fixed": SMALLEST, "seeds": 10**9})
@example({"fixed": {**SMALLEST, "width": [[1]]}})
def test_no_sweep_raises_anything_but_an_error_of_sensdb(tree):
    # JSON is YAML's flow style; what it calls NaN and Infinity, YAML reads as text
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in tree.items())

    with contextlib.suppress(SensdbError):
        expand_sweep(load_sweep(text, source="x.yaml"), dataset_info)
