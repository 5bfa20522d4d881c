"""YAML as sweeps know it: the 1.2 core schema with lines, and a refusal of everything clever."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensdb.definitions.document import read_document
from sensdb.errors import SpecError


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("+7", 7),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"1"', "1"),
        ("'true'", "true"),
        ("[1, [2, a]]", [1, [2, "a"]]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("loss < 0.01", "loss < 0.01"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written, value):
    read = read_document(written, "x.yaml").plain()

    assert read == value
    assert type(read) is type(value)


def test_every_value_knows_its_line():
    tree = read_document("a: 1\nb:\n  - x\n  - y\n\nc: {d:\n  2}\n", "x.yaml").value

    assert isinstance(tree, dict)
    assert tree["a"].line == 1
    assert [node.line for node in tree["b"].value] == [3, 4]
    assert tree["c"].value["d"].line == 7
    assert read_document("a: 1\nb: 2", "x.yaml").key_lines == {"a": 1, "b": 2}


def test_an_alias_stands_for_its_anchor():
    assert read_document("a: &x [1, 2]\nb: *x", "x.yaml").plain() == {"a": [1, 2], "b": [1, 2]}


BILLION_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml line 3: key 'a' a second time; the first is in line 1."),
        ("a: {b: 1,\n b: 2}", "x.yaml line 2: key 'b' a second time; the first is in line 1."),
        ("%YAML 1.1\n---\na: no", "x.yaml line 2: a directive; sweeps are YAML 1.2 without directives."),
        ("%TAG ! tag:x,2000:\n---\na: 1", "x.yaml line 2: a directive; sweeps are YAML 1.2 without directives."),
        ("a: !!int '3'", "x.yaml line 1: tag 'tag:yaml.org,2002:int'; sweeps are YAML without tags."),
        ("a:\n  b: !!python/object:os.system x", None),
        ("a: !x [1]", "x.yaml line 1: tag '!x'; sweeps are YAML without tags."),
        ("a: .inf", "x.yaml line 1: '.inf' is not a finite number."),
        ("a:\n- -.INF", "x.yaml line 2: '-.INF' is not a finite number."),
        ("a: .nan", "x.yaml line 1: '.nan' is not a finite number."),
        ("a: 1e999", "x.yaml line 1: '1e999' is not a finite number."),
        ("a: " + "9" * 5000, "x.yaml line 1: a number of 5000 digits."),
        ("a: 1\n---\nb: 2", "x.yaml line 2: a second document; a sweep is one."),
        ("1: a", "x.yaml line 1: 1 as a key; keys are text."),
        ("? [a]\n: 1", "x.yaml line 1: a list or a mapping as a key; keys are text."),
        ("a: *b", "x.yaml line 1: alias *b before its anchor is complete."),
        ("a: &b [*b]", "x.yaml line 1: alias *b before its anchor is complete."),
        (BILLION_LAUGHS, "x.yaml line 4: aliases that stand for more than 10000 values."),
        ("[" * 30, "x.yaml line 1: nested deeper than 20 levels."),
        ("a: [1,", "x.yaml line 1: not YAML: expected the node content, but found '<stream end>'."),
        ("a:\n\tb: 1", "x.yaml line 2: not YAML: found character '\\t' that cannot start any token."),
        ("a: 1\n b: 2", "x.yaml line 2: not YAML: mapping values are not allowed here."),
        ("a: \x00", "x.yaml: not YAML: special characters are not allowed."),
        ("x" * 1_000_001, "x.yaml: 1000001 characters are more than the 1000000 of the longest sweep."),
    ],
)
def test_what_sweeps_do_not_use_is_refused_by_line(text, message):
    with pytest.raises(SpecError) as error:
        read_document(text, "x.yaml")

    assert "\n" not in error.value.message
    assert message is None or error.value.message == message


@given(st.text(max_size=200) | st.text("[]{}&*!%-?:,#|>'\"ab1. \n\t", max_size=80))
@example("\ud800")
@example('a: "\\ud800"')
@example("- -\n - -")
@example("%YAML 9.9\n---\n")
@example("&a &b c")
@example("0x")
def test_no_text_raises_anything_but_a_spec_error(text):
    with contextlib.suppress(SpecError):
        read_document(text, "x.yaml").plain()
