"""Point rows made ready for the database, without one."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sensdb.definitions.metrics import POINT_METRICS
from sensdb.errors import ShapeError
from sensdb.results.rows import COLUMNS, SMALLEST, Column, clean_points, copy_rows, driver_rows


def _column(*values: object, kind: type, missing: tuple[bool, ...] | None = None) -> Column:
    return Column(np.array(values, dtype=kind), np.array(missing or (False,) * len(values)))


def test_copy_rows_are_the_bytes_postgresql_documents() -> None:
    columns = {
        "model_id": _column(7, kind=np.int64),
        "point_index": _column(3, kind=np.int32),
        "correct": _column(True, kind=np.bool_),
        "loss": _column(0.5, kind=np.float32),
        "margin": _column(0.0, kind=np.float32, missing=(True,)),
    }

    assert copy_rows(columns) == (
        struct.pack(">h", 5)
        + struct.pack(">iq", 8, 7)
        + struct.pack(">ii", 4, 3)
        + struct.pack(">i?", 1, True)
        + struct.pack(">if", 4, 0.5)
        + struct.pack(">i", -1)
    )


def test_rows_with_different_nulls_have_their_own_layouts() -> None:
    columns = {
        "point_index": _column(0, 1, 2, kind=np.int32),
        "loss": _column(1, 2, 3, kind=np.float32, missing=(False, True, False)),
    }

    whole = [struct.pack(">hii", 2, 4, index) + struct.pack(">if", 4, loss) for index, loss in ((0, 1.0), (2, 3.0))]
    lacking = struct.pack(">hii", 2, 4, 1) + struct.pack(">i", -1)
    assert copy_rows(columns) == b"".join(whole) + lacking


def test_no_points_are_no_bytes_and_no_rows() -> None:
    columns = clean_points(1, {"point_index": np.arange(0)})

    assert copy_rows(columns) == b""
    assert driver_rows(columns) == []


def test_driver_rows_are_python_values_with_none_for_null() -> None:
    points = {"point_index": np.array([4]), "label": np.array([2]), "correct": np.array([True])}

    (row,) = driver_rows(clean_points(9, points | {"loss": np.array([0.1])}))

    stored = dict(zip(COLUMNS, row, strict=True))
    assert stored["model_id"] == 9
    assert (stored["point_index"], stored["label"], stored["correct"]) == (4, 2, True)
    assert stored["loss"] == float(np.float32(0.1))
    assert stored["margin"] is None
    assert {type(value) for value in row} == {int, bool, float, type(None)}


@settings(deadline=None)
@given(values=arrays.arrays(np.float64, 20, elements=st.floats(allow_subnormal=True)))
def test_a_real_is_stored_as_its_nearest_four_bytes_or_zero_or_null(values: np.ndarray) -> None:
    column = clean_points(1, {"point_index": np.arange(20), "loss": values})["loss"]

    with np.errstate(over="ignore", under="ignore"):
        expected = np.where(np.abs(values) < SMALLEST, 0.0, values).astype(np.float32)
    assert np.array_equal(column.missing, ~np.isfinite(expected))
    assert np.array_equal(column.values[~column.missing], expected[~column.missing])
    assert not np.any(np.signbit(column.values) & (column.values == 0))
    assert not np.any((column.values != 0) & (np.abs(column.values) < np.finfo(np.float32).tiny))


def test_whole_numbers_are_null_where_negative_or_nan() -> None:
    given_numbers = {"transitions": np.array([3.0, np.nan, -1.0]), "label": np.array([0, -1, 5])}

    columns = clean_points(1, {"point_index": np.arange(3), **given_numbers})

    assert columns["transitions"].missing.tolist() == [False, True, True]
    assert columns["label"].missing.tolist() == [False, True, False]
    assert columns["label"].values.tolist() == [0, 0, 5]


def test_metrics_not_given_are_null_for_every_point() -> None:
    columns = clean_points(1, {"point_index": np.arange(3)})

    assert list(columns) == list(COLUMNS)
    assert all(columns[metric.name].missing.all() for metric in POINT_METRICS)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"loss": np.zeros(2)}, "points of model 5 have no point_index."),
        (
            {"point_index": np.arange(2), "loss": np.zeros(3)},
            "points of model 5: loss has shape (3,), point_index (2,).",
        ),
        (
            {"point_index": np.arange(2), "loss": np.zeros((2, 1))},
            "points of model 5: loss has shape (2, 1), point_index (2,).",
        ),
        ({"point_index": np.array([1, 1])}, "points of model 5: point_index names a point twice."),
        ({"point_index": np.arange(2), "sharpness": np.zeros(2)}, "points of model 5: no metric 'sharpness'."),
        (
            {"point_index": np.arange(1), "transitions": np.array([2**31])},
            "transitions of 2147483648 does not fit 4 bytes.",
        ),
    ],
)
def test_points_that_do_not_fit_are_refused_with_what_is_wrong(points: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ShapeError) as raised:
        clean_points(5, points)

    assert raised.value.message == message
