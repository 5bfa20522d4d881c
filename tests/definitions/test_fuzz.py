"""Sweep files and conditions that nobody meant: SpecError or an answer, in bounded time and memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.expressions import evaluate
from sensdb.definitions.spec_fields import DEFAULTS, FIELDS
from sensdb.definitions.sweep import expand_sweep, load_sweep
from sensdb.errors import DataError, SpecError

SECONDS = 30.0
"""Of the processor; tracing the memory takes most of it."""
PEAK_BYTES = 64 << 20
GOOD = """\
name: good
seeds: 2
fixed: {dataset: digits, optimizer: momentum, batch_size: 128, stop: loss < 0.01, max_steps: 20}
grid:
  hidden_layers: [1, 2]
  width: &widths [4, 8]
zip: {learning_rate: [0.1, 0.2], label_noise: [0, 1]}
random: {count: 2, weight_scale: {log_uniform: [1, 2]}, n_train: {uniform_integer: [200, 300]}}
when:
  - {if: "optimizer == 'lbfgs'", set: {batch_size: full}}
exclude: ["hidden_layers >= 2 and width > 4"]
measure: {points: 10, transitions: {method: exact, points: 10}}
max_models: 1000
"""
FIELD_VALUES = {**DEFAULTS, "dataset": "digits", "width": 8, "hidden_layers": 2, "n_train": 100, "augmentation": ()}

patiently = settings(deadline=None, max_examples=150)


def _bounded(work: Callable[[], object]) -> str:
    """What the work was refused with, "" where it was not; no time and no memory without end, and no other error."""
    refusal = ""
    tracemalloc.start()
    started = time.process_time()
    try:
        work()
    except (SpecError, DataError) as error:
        refusal = error.message
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - started < SECONDS
    assert peak < PEAK_BYTES
    assert "\n" not in refusal
    assert len(refusal) < 1000
    return refusal


def _sweep(text: str) -> str:
    return _bounded(lambda: expand_sweep(load_sweep(text, source="sweep.yaml"), dataset_info))


def _condition(text: str) -> str:
    fields = {name: FIELD_VALUES.get(name) for name in FIELDS}
    return _bounded(lambda: evaluate(text, fields))


def _words(text: str) -> list[str]:
    return text.split()


NUMBERS = ["9" * 19, "9" * 99, "9" * 5000, *_words("0 1 -1 9 2.5 1e308 1e999 1e-999 0x7 .nan -.inf")]
WORDS = [*FIELDS, *_words("and or not in true null 'lbfgs' \"full\" ' \\ \u0661 \U0001f600 \0")]
SIGNS = [*_words("== != < <= > >= + - * / // % ** ( ) [ ] , = ;"), "\n"]
conditions = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(NUMBERS + WORDS + SIGNS), max_size=30).map(" ".join),
    st.recursive(
        st.sampled_from(["1", "9", "2.5", "0", "width", "n_train", "optimizer", "null", "true", "'adam'"]),
        lambda part: st.one_of(
            st.tuples(part, st.sampled_from([*SIGNS[:13], "and", "or", "in", "not in"]), part).map(" ".join),
            part.map("({})".format),
            part.map("not {}".format),
            st.lists(part, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
        ),
        max_leaves=20,
    ),
)

KEYS = _words("name seeds fixed grid zip random when exclude measure blocks max_models priority")
SCALARS = [*NUMBERS, *WORDS, "loss < 1e-3", "&a 1", *_words("full never digits x.npz *a !!python/x ~")]
FIELDS_AND_MORE = [*FIELDS, *_words("log_uniform choice count if set points")]
scalars = st.one_of(st.sampled_from(SCALARS), st.text(max_size=10).map(repr))
trees = st.recursive(
    scalars,
    lambda part: st.one_of(
        st.lists(part, max_size=4).map(lambda parts: f"[{', '.join(parts)}]"),
        st.lists(
            st.tuples(st.sampled_from(FIELDS_AND_MORE), part),
            max_size=4,
        ).map(lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"),
    ),
    max_leaves=15,
)


@patiently
@given(conditions)
def test_any_condition_is_answered_or_refused(text: str) -> None:
    _condition(text)


@patiently
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda content: content.decode("latin-1"))))
def test_any_text_is_a_sweep_or_refused(text: str) -> None:
    _sweep(text)


@patiently
@given(st.lists(st.tuples(st.sampled_from(KEYS), trees), max_size=6, unique_by=lambda pair: pair[0]))
def test_any_values_under_the_keys_of_a_sweep_are_taken_or_refused(pairs: list[tuple[str, str]]) -> None:
    _sweep("".join(f"{key}: {value}\n" for key, value in pairs))


@patiently
@given(st.sampled_from(range(1, 12)), trees)
def test_a_good_sweep_with_one_line_replaced_is_taken_or_refused(number: int, value: str) -> None:
    lines = GOOD.splitlines()
    key = lines[number].split(":")[0]
    lines[number] = f"{key}: {value}"

    _sweep("\n".join(lines) + "\n")


@patiently
@given(st.data())
def test_a_good_sweep_with_damage_is_taken_or_refused(data: st.DataObject) -> None:
    text = list(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from("{}[]:,-&*!|>'\"%@`#9 \n\t\0\x85e"))

    _sweep("".join(text))


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "refused_for"),
    [
        (BOMB, "aliases that stand for more than"),
        ("grid: " + "[" * 5000, "nested deeper|not YAML"),
        ("grid: " + "{a: " * 5000, "nested deeper|not YAML"),
        ("- " * 5000, "nested deeper|not YAML"),
        ("? " * 5000, "nested deeper|not YAML"),
        ("x" * 1_000_001, "characters are more than"),
        ("seeds: 999999999999", "seeds"),
        (
            "fixed: {dataset: digits}\nrandom: {count: 99999999999, label_noise: {choice: [0, 1]}}\n",
            "count",
        ),
        (GOOD.replace("seeds: 2", "seeds: 1000000").replace("max_models: 1000", "max_models: 5000000"), "combinations"),
    ],
    ids=["aliases", "lists", "mappings", "dashes", "question marks", "length", "seeds", "draws", "combinations"],
)
def test_a_sweep_that_would_take_all_memory_is_refused_at_once(text: str, refused_for: str) -> None:
    refusal = _sweep(text)

    assert any(part in refusal for part in refused_for.split("|")), refusal


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9 > 1",
        "9**9**9",
        "-9**9**9",
        "(" * 400,
        "-" * 900,
        "not " * 240 + "true",
        "[" * 900,
        "1" * 900,
        "1e999",
    ],
)
def test_a_condition_that_would_never_end_is_refused_at_once(text: str) -> None:
    assert _condition(text) != ""


def test_chains_without_nesting_may_be_as_long_as_a_condition() -> None:
    assert _condition("+".join(["1"] * 500)) == ""
    assert _condition(" < ".join(["1"] * 250)) == ""
