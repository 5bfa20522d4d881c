"""Canonical forms hold for every spec: spelling never changes a hash, and a stored spec reads back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.spec import from_canonical, make_spec
from sensdb.definitions.spec_fields import DEFAULTS
from tests.definitions.strategies import spec_mappings


def respelt(value: Any) -> Any:
    """The same value as another YAML might give it: whole numbers as floats where they are exact."""
    if isinstance(value, int) and not isinstance(value, bool) and value < 2**53:
        return float(value)
    if isinstance(value, list):
        return [respelt(entry) for entry in value]
    return value


@given(spec_mappings(), st.randoms())
def test_key_order_never_changes_the_hash(mapping, random):
    keys = list(mapping)
    random.shuffle(keys)

    assert (
        make_spec({key: mapping[key] for key in keys}, dataset_info).spec_sha256
        == make_spec(mapping, dataset_info).spec_sha256
    )


@given(spec_mappings())
def test_spelling_of_numbers_never_changes_the_hash(mapping):
    other = {name: respelt(value) for name, value in mapping.items()}

    assert make_spec(other, dataset_info).canonical == make_spec(mapping, dataset_info).canonical


@given(spec_mappings())
def test_defaults_left_out_never_change_the_hash(mapping):
    shorter = {
        name: value
        for name, value in mapping.items()
        if name not in DEFAULTS or DEFAULTS[name] is None or value != DEFAULTS[name]
    }

    assert make_spec(shorter, dataset_info).spec_sha256 == make_spec(mapping, dataset_info).spec_sha256


@given(spec_mappings())
def test_a_canonical_form_reads_back(mapping):
    made = make_spec(mapping, dataset_info)

    again = from_canonical(made.canonical)

    assert again == made
    assert again.canonical == made.canonical


@given(spec_mappings())
def test_normalising_twice_changes_nothing(mapping):
    made = make_spec(mapping, dataset_info)
    stored = json.loads(made.canonical)
    assert stored.pop("spec_version") == 1

    assert make_spec(stored, dataset_info) == made


@given(spec_mappings(), spec_mappings())
def test_specs_are_equal_exactly_if_their_hashes_are(first, second):
    one, other = make_spec(first, dataset_info), make_spec(second, dataset_info)

    assert (one == other) == (one.spec_sha256 == other.spec_sha256)


@given(spec_mappings())
def test_the_canonical_form_is_plain_json_with_sorted_keys(mapping):
    text = make_spec(mapping, dataset_info).canonical

    assert text.isascii()
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text
