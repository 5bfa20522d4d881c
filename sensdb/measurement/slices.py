"""Region slices of a model before and after training: the rows of region_slices (paper.md 4b, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sensdb.definitions.spec import TrainingSpec
from sensdb.measurement.pixels import Pixels, slice_pixels
from sensdb.measurement.planes import Plane, plane_through
from sensdb.measurement.regions import Regions, densities, slice_regions
from sensdb.measurement.triples import class_triples
from sensdb.training.network import StackedNetwork
from sensdb.training.random import initial_weights

SCOPES = ("last_hidden", "all")


@dataclass(frozen=True)
class Slice:
    """What one network looks like on a plane.

    Attributes:
        moment: before or after training.
        plane: the plane and its window.
        picture: exact regions, or pixels where there are too many of them or units have no linear pieces.
    """

    moment: str
    plane: Plane
    picture: Regions | Pixels

    @property
    def method(self) -> str:
        """How the regions were found: exact or pixels."""
        return "exact" if isinstance(self.picture, Regions) else "pixels"

    def rows(self) -> list[dict[str, object]]:
        """The rows of region_slices, one a scope, without the model."""
        rows = []
        for scope in SCOPES:
            if isinstance(self.picture, Regions):
                n_regions = self.picture.count(scope)
                at_points, mean = densities(self.picture.boundaries(scope), self.plane)
            else:
                n_regions = self.picture.n_codes[scope]
                at_points, mean = self.picture.densities(scope, self.plane)
            rows.append(
                {
                    "slice": 0,
                    "moment": self.moment,
                    "scope": scope,
                    "method": self.method,
                    "n_regions": n_regions,
                    "density_at_points": at_points,
                    "density_mean": mean,
                }
            )
        return rows


def slice_arrays(slices: Sequence[Slice]) -> dict[str, npt.NDArray[Any]]:
    """What the slices of one plane show, as the arrays of a file of pictures (`sensdb.results.pictures` names them)."""
    plane = slices[0].plane
    arrays: dict[str, npt.NDArray[Any]] = {
        name: np.asarray(getattr(plane, name)) for name in ("origin", "e1", "e2", "half", "points", "radius")
    }
    for one in slices:
        picture = one.picture
        seen: dict[str, Any] = {"n_hidden": picture.n_hidden}
        if isinstance(picture, Regions):
            seen |= {"segments": picture.segments, "layers": picture.layers}
            seen |= {"corners": picture.polygons.corners, "sizes": picture.polygons.sizes}
        else:
            seen |= {f"changes_{scope}": picture.changes[scope] for scope in SCOPES}
        arrays |= {f"{one.moment}_{name}": np.asarray(value) for name, value in seen.items()}
    return arrays


def chosen_plane(x: Tensor, labels: Tensor, n_trained: int, name: str) -> Plane | None:
    """The plane of a data set: through the first three of its training points that are of three classes, or, where it
    has but two, through the first three.

    None where the model was not trained on all of them, or where they lie on a line.

    Args:
        x: training points in training order, [n, d] standardised; labels: their true classes, [n].
        n_trained: how many of them the model was trained on.
        name: of the data set.
    """
    (triple,) = class_triples(labels.tolist(), 1, same_class=False, name=name) or [(0, 1, 2)]
    return plane_through(x[list(triple)]) if max(triple) < min(n_trained, len(x)) else None


def initial_network(network: StackedNetwork, seed: int, weight_scale: float) -> StackedNetwork:
    """The network (M = 1) as its training began: weights drawn anew from its seed, biases 0, of its shape and dtype."""
    like = network.weights[0]
    drawn = initial_weights(seed, weight_scale, network.nonlinearity, network.sizes)
    biases = None if network.biases is None else [torch.zeros_like(bias) for bias in network.biases]
    return StackedNetwork([weight.to(like).unsqueeze(0) for weight in drawn], biases, network.nonlinearity)


def slice_network(network: StackedNetwork, plane: Plane, moment: str) -> Slice:
    """Look at one network (M = 1) on a plane: exactly where its units are piecewise linear and its regions are not too
    many (`regions.REGION_LIMIT`), else by pixels."""
    exact = None if network.nonlinearity == "tanh" else slice_regions(network, plane)
    return Slice(moment, plane, slice_pixels(network, plane) if exact is None else exact)


def measure_slices(network: StackedNetwork, plane: Plane, spec: TrainingSpec | None) -> list[Slice]:
    """One network (M = 1) on a plane as it was before its training and as it is after.

    Args:
        spec: what it was trained on; its seed and weight scale say how it began. None, for networks trained elsewhere:
            nobody knows, so there is no slice of before.
    """
    after = slice_network(network, plane, "after")
    if spec is None:
        return [after]
    return [slice_network(initial_network(network, spec.seed, spec.weight_scale), plane, "before"), after]
