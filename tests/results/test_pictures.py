"""The file of a model's region slices: it reads back, and what is no such file is refused by name."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from sensdb.errors import ArtifactError
from sensdb.results.pictures import moments, pictures_bytes, read_pictures

PLANE = {
    "origin": np.linspace(0, 1, 5),
    "e1": np.eye(5)[0],
    "e2": np.eye(5)[1],
    "half": np.array(2.0),
    "points": np.array([[0.0, 1.0], [0.5, 0.0], [-0.5, 0.0]]),
    "radius": np.array(0.1),
}
EXACT = {
    "segments": np.arange(8.0).reshape(2, 2, 2) / 7,
    "layers": np.array([0, 1]),
    "corners": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "sizes": np.array([3]),
    "n_hidden": np.array(2),
}
PIXELS = {
    "changes_all": np.ones((4, 4), dtype=np.int32),
    "changes_last_hidden": np.zeros((4, 4), dtype=np.int32),
    "n_hidden": np.array(2),
}


def arrays() -> dict[str, np.ndarray]:
    """Exact before training, by pixels after it."""
    before = {f"before_{name}": array for name, array in EXACT.items()}
    return PLANE | before | {f"after_{name}": array for name, array in PIXELS.items()}


def test_arrays_read_back_the_plane_exactly_and_pictures_to_four_bytes():
    read = read_pictures(pictures_bytes(arrays()), "x")

    assert read.keys() == arrays().keys()
    assert moments(read) == ["before", "after"]
    for name, array in arrays().items():
        expected = array.astype(np.float32) if name in ("before_segments", "before_corners") else array
        assert read[name].dtype == expected.dtype
        np.testing.assert_array_equal(read[name], expected)


def test_equal_arrays_give_equal_bytes_in_any_order():
    assert pictures_bytes(dict(reversed(arrays().items()))) == pictures_bytes(arrays())


def test_a_file_of_one_moment_is_one():
    only_after = {name: array for name, array in arrays().items() if not name.startswith("before")}

    assert moments(read_pictures(pictures_bytes(only_after), "x")) == ["after"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"half": None}, "x is no file of region slices: array half is not there."),
        ({"points": np.zeros(3)}, "x is no file of region slices: array points has 1 axes, not 2."),
        ({"before_layers": None}, "x is no file of region slices: array before_layers is not there."),
        ({"after_changes_all": None}, "x is no file of region slices: array after_changes_all is not there."),
    ],
)
def test_what_is_missing_is_named(change: dict[str, np.ndarray | None], message: str):
    given = {name: array for name, array in (arrays() | change).items() if array is not None}

    with pytest.raises(ArtifactError) as raised:
        read_pictures(pictures_bytes(given), "x")

    assert raised.value.message == message
    assert raised.value.hint == "sensdb writes such files itself, under `measure: {regions: true}`."


def test_other_bytes_are_refused_and_nothing_is_unpickled():
    pickled = io.BytesIO()
    np.savez(pickled, half=np.array([{"an": "object"}], dtype=object))

    array = io.BytesIO()
    np.save(array, np.zeros(3))

    no_archives = (b"", b"not a file", pickle.dumps([1]), pictures_bytes(arrays())[:-30], array.getvalue())
    for data in (*no_archives, pickled.getvalue()):
        with pytest.raises(ArtifactError, match=r"^x is no file of region slices: "):
            read_pictures(data, "x")
