"""Conditions: what they mean, what is said of mistakes, and that none of them can hurt."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensdb.definitions.expressions import evaluate, parse_expression
from sensdb.definitions.operators import FullBatch
from sensdb.definitions.spec_fields import DEFAULTS, FIELDS
from sensdb.errors import SpecError

FIELD_VALUES = {
    **DEFAULTS,
    "dataset": "digits",
    "hidden_layers": 2,
    "width": 100,
    "batch_size": FullBatch(1200),
    "n_train": 1200,
    "augmentation": (),
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "stop": "loss < 0.01",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2 - 7 % 2", 2),
        ("1 / 4", 0.25),
        ("2 ** 3 ** 2", 512),
        ("-2 ** 2", -4),
        ("2 ** -1", 0.5),
        ("4 ** 0.5", 2.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("not 1 == 2 and 2 == 2", True),
        ("1 == 2 or 2 == 2 and 1 == 1", True),
        ("width > 50", True),
        ("width * hidden_layers == 200", True),
        ("hidden_layers in [1, 2, 4]", True),
        ("hidden_layers not in [1, 2, 4]", False),
        ("optimizer == 'sgd'", True),
        ('optimizer in ["adam", "sgd"]', True),
        ("optimizer != 'sgd'", False),
        ("biases", False),
        ("not biases", True),
        ("biases == false", True),
        ("batch_size == 'full'", True),
        ("batch_size == 1200", True),
        ("batch_size > 1000", True),
        ("batch_size / 2", 600),
        ("n_train >= 1200", True),
        ("augmentation == 'none'", True),
        ("'flip' in augmentation", False),
        ("crop == null", True),
        ("crop > 0", False),
        ("crop <= 0", False),
        ("stop == 'loss<1e-2'", True),
        ("label_noise == 0", True),
        ("true == 1", False),
        ("'full' == batch_size", True),
        ("[1, 2] == [1, 2]", True),
    ],
)
def test_an_expression_has_its_value(text, value):
    result = evaluate(text, FIELD_VALUES)

    assert result == value
    assert type(result) is type(value) or isinstance(value, int | float)


def test_and_and_or_stop_where_they_are_decided():
    assert evaluate("width == 0 and 1 / width > 1", {**FIELD_VALUES, "width": 5}) is False
    assert evaluate("width == 0 or 1 / width > 0", {**FIELD_VALUES, "width": 0}) is True


def test_an_expression_knows_the_fields_it_reads():
    assert parse_expression("width > 3 and optimizer == 'sgd'").fields == {"width", "optimizer"}


def test_a_data_set_may_be_called_by_its_path():
    name = "npz:" + "a" * 64

    condition = parse_expression("dataset == 'mine.npz'", lambda path: name)

    assert condition.holds({**FIELD_VALUES, "dataset": name})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("widht > 3", "'widht > 3': no spec field 'widht'.", "did you mean 'width'? texts stand in quotes."),
        ("optimizer == sgd", "'optimizer == sgd': no spec field 'sgd'.", "texts stand in quotes."),
        ("1 +", "'1 +': the end stands where a value is needed at character 4.", None),
        ("(1", "'(1': the end stands where ) is needed at character 3.", None),
        ("1 2", "'1 2': '2' is not expected at character 3.", None),
        ("width ? 3", "'width ? 3': '?' is not expected at character 7.", None),
        ("width = 3", "'width = 3': '=' is not expected at character 7.", None),
        ("not in", "'not in': 'in' stands where a value is needed at character 5.", None),
        ("[1, 2", "'[1, 2': the end stands where , is needed at character 6.", None),
        ("width.real", "'width.real': '.' is not expected at character 6.", None),
        ("f(1)", "'f(1)': no spec field 'f'.", "texts stand in quotes."),
        ("__import__('os')", "\"__import__('os')\": no spec field '__import__'.", "texts stand in quotes."),
        ("1 if 2 else 3", "'1 if 2 else 3': 'if' is not expected at character 3.", None),
        ("'open", '"\'open": "\'" is not expected at character 1.', None),
        ("", "'': the end stands where a value is needed at character 1.", None),
        (
            "optimizer == 'adm'",
            "\"optimizer == 'adm'\": optimizer can never be 'adm': 'adm' is not one of sgd, momentum, adam, rmsprop, "
            "lbfgs.",
            "did you mean 'adam'?",
        ),
        (
            "nonlinearity in ['relu', 'selu']",
            "\"nonlinearity in ['relu', 'selu']\": nonlinearity can never be 'selu': 'selu' is not one of relu, "
            "relu6, tanh, hard_tanh, hard_sigmoid.",
            "did you mean 'relu'?",
        ),
        (
            "width == 'wide'",
            "\"width == 'wide'\": width can never be 'wide': 'wide' is not a whole number from 1 to 65536, nor a list "
            "of them.",
            None,
        ),
        ("x" * 1001, "an expression of 1001 characters is longer than 1000.", None),
        ("(" * 40, "'((((((((((((((((((((((((((((((((((((((((': nested deeper than 30 levels at character 32.", None),
        ("-" * 40 + "1", None, None),
        ("not " * 40 + "biases", None, None),
        ("2" + "**2" * 40, None, None),
    ],
)
def test_a_mistake_is_named_when_the_expression_is_read(text, message, hint):
    with pytest.raises(SpecError) as error:
        parse_expression(text)

    assert message is None or (error.value.message, error.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9 ** 9 ** 9", "'9 ** 9 ** 9': 9 ** 387420489 is no number below 2 ** 63."),
        ("(0 - 8) ** 0.5", "'(0 - 8) ** 0.5': -8 ** 0.5 is no number below 2 ** 63."),
        ("0 ** -1", "'0 ** -1': 0 ** -1 is no number below 2 ** 63."),
        ("1e300 * 1e300", "'1e300 * 1e300': a number beyond 2 ** 63."),
        ("4611686018427387904 * 4", "'4611686018427387904 * 4': a number beyond 2 ** 63."),
        ("1 / 0", "'1 / 0': 1 / 0 divides by zero."),
        ("1 % 0", "'1 % 0': 1 % 0 divides by zero."),
        ("'a' * 1000000000", "\"'a' * 1000000000\": 'a' * 1000000000 needs two numbers."),
        ("[1] + [2]", "'[1] + [2]': [1] + [2] needs two numbers."),
        ("optimizer > 3", "'optimizer > 3': 'sgd' > 3 compares what has no common order."),
        ("biases < 1", "'biases < 1': false < 1 compares what has no common order."),
        ("width in 3", "'width in 3': 'in' needs a list on its right, not 3."),
        ("'s' in optimizer", None),
        ("width and biases", "'width and biases': 'and' needs true or false, not 100."),
        ("crop + 1", "'crop + 1': null + 1 needs two numbers."),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_when_the_expression_runs(text, message):
    with pytest.raises(SpecError) as error:
        evaluate(text, FIELD_VALUES)

    assert message is None or error.value.message == message


def test_a_condition_that_is_a_number_is_refused():
    with pytest.raises(SpecError, match=r"'width': gives 100, which is not true or false\."):
        parse_expression("width").holds(FIELD_VALUES)


words = st.sampled_from([*FIELDS, "and", "or", "not", "in", "(", ")", "[", "]", ",", "==", "<", "**", "*", "-", "/"])
numbers = st.integers(0, 10**25).map(str) | st.floats(0, 1e308).map(repr)
quoted = st.sampled_from(["'relu'", "'full'", "''", '"sgd"'])


@given(st.lists(words | numbers | quoted, max_size=40).map(" ".join) | st.text(max_size=100))
@example("1e999 < 2")
@example("9**9**9**9")
@example("((2**62)**2)")
@example("1" * 900)
@example("1 " + "+ 1 " * 240)
@example("0 == " * 150 + "0")
@example("\x00")
@example("\\")
@example("٣")
def test_no_expression_raises_anything_but_a_spec_error(text):
    with contextlib.suppress(SpecError):
        evaluate(text, FIELD_VALUES)
