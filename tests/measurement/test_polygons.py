"""Convex polygons, lines across them, and segments in discs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensdb.measurement.polygons import Polygons, lengths, lengths_within

TOLERANCE = 1e-10


def line(angle: float, distance: float) -> np.ndarray:
    """The line at this distance from the origin, normal to (cos angle, sin angle), [1, 3]."""
    return np.array([[math.cos(angle), math.sin(angle), -distance]])


def along(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    return np.array([[start, end]], dtype=np.float64)


def test_a_square_is_cut_in_two():
    parts, parents, ends = Polygons.square(1.0).cut(line(0.0, 0.5), TOLERANCE)

    assert sorted(parts.areas) == pytest.approx([1.0, 3.0])
    assert parents.tolist() == [0, 0]
    assert lengths(ends).tolist() == pytest.approx([2.0])
    assert set(ends[:, :, 0].ravel()) == {0.5}
    assert sorted(parts.centroids[:, 0]) == pytest.approx([-0.25, 0.75])


@pytest.mark.parametrize("distance", [1.0, 1.0 - 1e-12, 1.5, -1.0])
def test_a_line_that_misses_or_touches_an_edge_cuts_nothing(distance: float):
    parts, parents, ends = Polygons.square(1.0).cut(line(0.0, distance), TOLERANCE)

    assert parts.areas.tolist() == [4.0]
    assert parents.tolist() == [0]
    assert ends.shape == (0, 2, 2)


def test_a_line_through_two_corners_makes_two_triangles():
    parts, _, ends = Polygons.square(1.0).cut(line(math.pi / 4, 0.0), TOLERANCE)

    assert parts.sizes.tolist() == [3, 3]
    assert parts.areas.tolist() == pytest.approx([2.0, 2.0])
    assert lengths(ends).tolist() == pytest.approx([math.sqrt(8.0)])


def test_each_polygon_is_cut_along_a_line_of_its_own():
    halves, _, _ = Polygons.square(1.0).cut(line(0.0, 0.0), TOLERANCE)
    left = int(halves.centroids[:, 0].argmin())
    lines = np.concatenate([line(0.0, 5.0)] * 2)
    lines[left] = line(math.pi / 2, 0.0)

    parts, parents, _ = halves.cut(lines, TOLERANCE)

    assert sorted(parts.areas) == pytest.approx([1.0, 1.0, 2.0])
    assert sorted(parents.tolist()) == sorted([left, left, 1 - left])


@settings(max_examples=50)
@given(
    lines=st.lists(
        st.tuples(st.floats(0, 2 * math.pi), st.one_of(st.floats(-1.5, 1.5), st.sampled_from([0.0, 1.0]))),
        min_size=1,
        max_size=12,
    )
)
def test_any_lines_leave_convex_parts_that_fill_the_square(lines):
    polygons, length = Polygons.square(1.0), 0.0

    for angle, distance in lines:
        polygons, _, ends = polygons.cut(np.repeat(line(angle, distance), len(polygons), axis=0), TOLERANCE)
        length += float(lengths(ends).sum())

    assert polygons.areas.sum() == pytest.approx(4.0, rel=1e-12)
    assert bool((polygons.areas > 0).all())
    assert length <= len(lines) * math.sqrt(8.0) + 1e-9
    corners, after = polygons.corners, polygons.corners[polygons._next()]
    beyond = after[polygons._next()]
    turns = (after - corners)[:, 0] * (beyond - after)[:, 1] - (after - corners)[:, 1] * (beyond - after)[:, 0]
    assert bool((turns > -1e-9).all())


def test_taking_and_joining_keep_polygons_whole():
    halves, _, _ = Polygons.square(1.0).cut(line(0.3, 0.2), TOLERANCE)

    joined = Polygons.join([halves.take(slice(1, 2)), halves.take(np.array([True, False])), Polygons.join([])])

    assert joined.areas.tolist() == halves.areas[::-1].tolist()
    assert len(Polygons.join([])) == 0
    assert Polygons.join([]).areas.tolist() == []


@pytest.mark.parametrize(
    ("segment", "within"),
    [
        (along((-3, 0), (3, 0)), 2.0),  # through the middle
        (along((0, 0), (3, 0)), 1.0),  # from the middle out
        (along((0.2, 0), (0.4, 0)), 0.2),  # inside
        (along((-3, 0.6), (3, 0.6)), 1.6),  # a chord
        (along((-3, 1.0), (3, 1.0)), 0.0),  # touches
        (along((1.5, 0), (3, 0)), 0.0),  # on the same line, beyond
        (along((0.3, 0.3), (0.3, 0.3)), 0.0),  # of no length
    ],
)
def test_a_segments_part_in_a_disc(segment: np.ndarray, within: float):
    assert lengths_within(segment, np.zeros(2), 1.0).tolist() == pytest.approx([within])
    assert lengths_within(segment[:, ::-1] + 5.0, np.full(2, 5.0), 1.0).tolist() == pytest.approx([within])
