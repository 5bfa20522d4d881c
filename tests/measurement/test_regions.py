"""Linear regions on planes: planted truths, codes at random places, and pixels that come near the exact numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from sensdb.errors import ShapeError
from sensdb.measurement.affine import codes
from sensdb.measurement.pixels import slice_pixels
from sensdb.measurement.planes import Plane, plane_through
from sensdb.measurement.regions import Regions, densities, slice_regions
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import PIECEWISE_LINEAR, as_dtype, planted_network, random_network, random_points


def flat(half: float = 1.0, points: Tensor | None = None, radius: float = 0.1) -> Plane:
    """The plane of a network of two inputs: its coordinates are the inputs."""
    e1, e2 = torch.eye(2, dtype=torch.float64)
    where = np.zeros((3, 2)) if points is None else points.numpy()
    return Plane(torch.zeros(2, dtype=torch.float64), e1, e2, half, where, radius)


def through_random_points(size: int, scale: float = 1.0) -> Plane:
    plane = plane_through(scale * random_points(3, size))
    assert plane is not None
    return plane


def regions(network: StackedNetwork, plane: Plane, **options: int) -> Regions:
    found = slice_regions(network, plane, **options)
    assert found is not None
    return found


def lines(angles: list[float], distances: list[float], nonlinearity: str = "relu") -> StackedNetwork:
    """One hidden layer whose units change on these lines of the flat plane."""
    normals = [[math.cos(angle), math.sin(angle)] for angle in angles]
    ones = [[1.0] * len(angles), [-1.0] * len(angles)]
    return planted_network([normals, ones], [[-d for d in distances], [0.0, 0.0]], nonlinearity)


def test_the_plane_passes_its_three_points_with_discs_apart_and_inside_the_window():
    points = random_points(3, 20)

    plane = plane_through(points)

    assert plane is not None
    coordinates = torch.from_numpy(plane.points)
    at = plane.origin + coordinates[:, :1] * plane.e1 + coordinates[:, 1:] * plane.e2
    torch.testing.assert_close(at, points)
    torch.testing.assert_close(
        torch.stack([plane.e1, plane.e2]) @ torch.stack([plane.e1, plane.e2]).T, torch.eye(2).double()
    )
    sides = [torch.linalg.vector_norm(points[i] - points[j]) for i, j in ((0, 1), (1, 2), (2, 0))]
    assert plane.radius == pytest.approx(float(min(sides)) / 4)
    assert bool((np.abs(plane.points).max() + plane.radius) < plane.half)


@pytest.mark.parametrize("third", [0.0, 1.0, 0.3])
def test_three_points_on_a_line_leave_no_plane(third: float):
    first, second = random_points(2, 5)

    assert plane_through(torch.stack([first, second, first + third * (second - first)])) is None
    assert plane_through(torch.stack([first, first, second])) is None


@pytest.mark.parametrize("n", [1, 2, 6, 9])
def test_n_lines_in_general_position_leave_as_many_regions_as_they_must(n: int):
    angles = [math.pi * (i + 0.3 * (i % 3)) / n for i in range(n)]
    distances = [math.sin(3.0 * i + 1.0) for i in range(n)]

    found = regions(lines(angles, distances), flat(half=1e4))

    assert found.count("all") == found.count("last_hidden") == 1 + n + n * (n - 1) // 2


def test_each_kink_is_a_boundary_of_its_own():
    network = lines([0.0], [0.0], "hard_tanh")  # changes at -1 and 1

    found = regions(network, flat(half=2.0))

    assert found.count("all") == 3
    assert sorted(found.boundaries("all")[:, :, 0].ravel()) == pytest.approx([-1.0, -1.0, 1.0, 1.0])
    assert densities(found.boundaries("all"), flat(half=2.0))[1] == pytest.approx(2 * 4.0 / 16.0)


def test_a_planted_boundary_bends_where_the_layer_before_bends_it():
    # relu(a) + relu(-a) = |a|, and the second layer changes where |a| = 1/2: two lines, not one.
    network = planted_network(
        [[[1.0, 0.0], [-1.0, 0.0]], [[1.0, 1.0]], [[1.0], [-1.0]]], [[0.0, 0.0], [-0.5], [0.0, 0.0]]
    )
    plane = flat()

    found = regions(network, plane)

    # Both units of the first layer change at a = 0: one boundary.
    assert found.count("all") == 4
    assert found.count("last_hidden") == 2
    assert sorted(found.boundaries("last_hidden")[:, 0, 0]) == pytest.approx([-0.5, 0.5])
    assert sorted(found.boundaries("all")[:, 0, 0]) == pytest.approx([-0.5, 0.0, 0.5])


def test_density_near_the_points_is_that_of_the_discs():
    # The boundary is the line a = 0, 2 long; a disc of radius 0.1 around (0, 0) sees 0.2 of it, the others nothing.
    points = torch.tensor([[0.0, 0.0], [0.5, 0.5], [-0.5, 0.5]], dtype=torch.float64)
    plane = flat(points=points)

    at_points, mean = densities(regions(lines([0.0], [0.0]), plane).boundaries("all"), plane)

    assert mean == pytest.approx(2.0 / 4.0)
    assert at_points == pytest.approx(0.2 / (3 * math.pi * 0.01))


@pytest.mark.parametrize("nonlinearity", PIECEWISE_LINEAR)
@pytest.mark.parametrize("biases", [False, True])
def test_areas_fill_the_window_and_every_place_has_the_code_of_its_polygon(nonlinearity: str, biases: bool):
    network = random_network((6, 11, 9, 10, 3), nonlinearity, biases=biases, seed=2)
    plane = through_random_points(6, scale=3.0)

    found = regions(network, plane)

    assert found.polygons.areas.sum() == pytest.approx(plane.area, rel=1e-12)
    middle = torch.from_numpy(found.polygons.centroids)
    corners = torch.from_numpy(found.polygons.corners)
    # A place of each corner, near it but inside its polygon, has the codes of the polygon's middle.
    owner = torch.from_numpy(found.polygons.owner)
    inside = corners + 1e-3 * (middle[owner] - corners)
    codes_at = [_codes_at(network, plane, where) for where in (middle, inside)]
    wide = torch.from_numpy(found.polygons.areas)[owner] > 1e-6 * plane.area
    assert torch.equal(codes_at[0][owner][wide], codes_at[1][wide])
    assert len(torch.unique(codes_at[0], dim=0)) == found.count("all") == len(found.polygons)
    assert len(torch.unique(codes_at[0][:, -10:], dim=0)) == found.count("last_hidden")


def _codes_at(network: StackedNetwork, plane: Plane, where: Tensor) -> Tensor:
    """Codes of all hidden units at places (a, b) of the plane, [B, units]."""
    x = plane.origin + where[:, :1] * plane.e1 + where[:, 1:] * plane.e2
    return torch.cat([codes(network.nonlinearity, z[0]) for z in network.preactivations(x)[:-1]], dim=1)


def test_the_cut_into_parts_changes_no_region():
    network = random_network((6, 12, 13, 9, 3), "relu6", biases=True)
    plane = through_random_points(6, scale=3.0)
    whole = regions(network, plane)

    for cap in (1, 3000):
        parted = regions(network, plane, cap=cap)

        for scope in ("all", "last_hidden"):
            assert parted.count(scope) == whole.count(scope)
            assert densities(parted.boundaries(scope), plane) == pytest.approx(
                densities(whole.boundaries(scope), plane)
            )


def test_more_regions_than_the_limit_are_given_up():
    network, plane = random_network((6, 12, 13, 9, 3)), through_random_points(6, scale=3.0)
    n_regions = regions(network, plane).count("all")

    assert regions(network, plane, limit=n_regions).count("all") == n_regions
    assert slice_regions(network, plane, limit=n_regions - 1) is None
    assert slice_regions(network, plane, limit=5) is None


def test_a_network_without_hidden_units_and_one_of_dead_units_have_one_region():
    plane = flat()
    dead = planted_network([[[1.0, 0.0]] * 3, [[1.0] * 3] * 2, [[1.0, 1.0]]], [[-9.0] * 3, [0.0, 0.0], [0.0]])

    for network in (planted_network([[[1.0, 2.0], [3.0, 4.0]]]), dead):
        found, seen = regions(network, plane), slice_pixels(network, plane, side=8)
        for scope in ("all", "last_hidden"):
            assert found.count(scope) == seen.n_codes[scope] == 1
            assert densities(found.boundaries(scope), plane) == seen.densities(scope, plane) == (0.0, 0.0)


@pytest.mark.parametrize(("nonlinearity", "biases"), [("relu", False), ("relu6", True), ("hard_sigmoid", True)])
def test_pixels_approach_the_exact_numbers(nonlinearity: str, biases: bool):
    network, plane = random_network((30, 16, 16, 3), nonlinearity, biases=biases), through_random_points(30)
    found = regions(network, plane)

    seen = [slice_pixels(network, plane, side=side) for side in (32, 128, 512)]

    for scope in ("all", "last_hidden"):
        exact = found.count(scope)
        coarse, middle, fine = (pixels.n_codes[scope] for pixels in seen)
        assert coarse < middle < fine <= exact
        assert fine > 0.9 * exact
        np.testing.assert_allclose(
            seen[-1].densities(scope, plane), densities(found.boundaries(scope), plane), rtol=0.08
        )


def test_changes_stand_where_the_boundary_is():
    # a = 0.1 lies between the third and the fourth of the nine corners a row.
    pixels = slice_pixels(lines([0.0, 0.0], [0.1, 0.1]), flat(), side=8)

    expected = np.zeros((8, 8), dtype=np.int64)
    expected[:, 4] = 2
    for scope in ("all", "last_hidden"):
        np.testing.assert_array_equal(pixels.changes[scope], expected)


def test_rows_of_pixels_go_with_the_second_coordinate():
    pixels = slice_pixels(lines([math.pi / 2], [-0.9]), flat(), side=8)

    assert np.flatnonzero(pixels.changes["all"].sum(axis=1)).tolist() == [0]


def test_pixels_do_not_depend_on_how_many_rows_are_taken_at_a_time(monkeypatch: pytest.MonkeyPatch):
    network, plane = random_network((6, 12, 12, 3)), through_random_points(6)
    whole = slice_pixels(network, plane, side=20)
    monkeypatch.setattr("sensdb.measurement.pixels.GRID_ELEMENTS", 1)

    parted = slice_pixels(network, plane, side=20)

    for scope in ("all", "last_hidden"):
        np.testing.assert_array_equal(parted.changes[scope], whole.changes[scope])
        assert parted.n_codes[scope] == whole.n_codes[scope]


def test_tanh_is_seen_by_its_signs():
    network, plane = random_network((6, 12, 3), "tanh"), through_random_points(6)

    pixels = slice_pixels(network, plane, side=30)

    as_relu = slice_pixels(StackedNetwork(network.weights, None, "relu"), plane, side=30)
    np.testing.assert_array_equal(pixels.changes["all"], as_relu.changes["all"])
    assert pixels.n_codes == as_relu.n_codes


def test_float32_weights_are_taken_as_they_are():
    network, plane = as_dtype(random_network((6, 12, 12, 3)), torch.float32), through_random_points(6)

    single, double = regions(network, plane), regions(as_dtype(network, torch.float64), plane)

    np.testing.assert_array_equal(single.polygons.corners, double.polygons.corners)


def test_what_cannot_be_cut_is_refused_in_words():
    plane = through_random_points(6)

    with pytest.raises(ValueError, match="tanh is not piecewise linear: use slice_pixels"):
        slice_regions(random_network((6, 4, 3), "tanh"), plane)
    for look in (slice_regions, slice_pixels):
        with pytest.raises(ShapeError, match="pieces are those of one network, not 2"):
            look(random_network((6, 4, 3), n_models=2), plane)
        with pytest.raises(ShapeError, match="inputs of size 6 for a layer of input size 8"):
            look(random_network((8, 4, 3)), plane)
