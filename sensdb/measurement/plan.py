"""How transitions are counted: what was asked for, what the nonlinearity allows and what the budget pays for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sensdb.definitions.measure import MeasureSettings
from sensdb.measurement.transitions import count_exact, count_sampled, exact_work, extrapolate, shift_vertices
from sensdb.training.network import StackedNetwork

# Places a segment where the settings do not say: measurement.md 2.4 has what each of them loses.
SAMPLED_MULTIPLE = 16
EXTRAPOLATED_MULTIPLE = 8

# Multiply-adds of exact counting a model may cost before its mean is extrapolated instead: about a minute of one core.
# Counted, not timed, so that every machine decides alike.
EXACT_WORK_LIMIT = 2e12
PILOT_PATHS = 8

# Numbers in the vertices of the paths counted at a time.
VERTEX_ELEMENTS = 2**22


@dataclass(frozen=True)
class TransitionsPlan:
    """A method of counting: exact, sampled, extrapolated or none; `multiple` is the number of places a segment."""

    method: str
    multiple: int

    def text(self, width: int) -> str | None:
        """The method as model_metrics stores it for images of this width: exact, sampled:k, extrapolated:k, or None."""
        if self.method == "none":
            return None
        return self.method if self.method == "exact" else f"{self.method}:{self.multiple * width}"

    @property
    def per_point(self) -> bool:
        """Whether a single point's number is a count; extrapolation is right in the mean only."""
        return self.method in ("exact", "sampled")


def plan_transitions(
    network: StackedNetwork, images: Tensor, settings: MeasureSettings, n_paths: int
) -> TransitionsPlan:
    """Choose the method for one network (M = 1).

    tanh is sampled whatever is asked. Exact counting whose estimated work (`exact_work` of PILOT_PATHS paths, times
    n_paths) is above EXACT_WORK_LIMIT becomes extrapolation. A number of samples that is no multiple of the image's
    width is raised to the next one, so that the vertices are among the places.

    Args:
        images: the images to be counted, [B, h, w, c], B >= 1 unless nothing is to be counted.
        n_paths: all paths that will be counted, those of training points too.
    """
    width = images.shape[2]
    if settings.transitions_points == 0 or n_paths == 0:
        return TransitionsPlan("none", 0)
    asked = settings.transitions_samples
    multiple = None if asked is None else math.ceil(asked / width)
    if network.nonlinearity == "tanh" or settings.transitions_method == "sampled":
        return TransitionsPlan("sampled", multiple or SAMPLED_MULTIPLE)
    if settings.transitions_method == "exact":
        pilots = shift_vertices(images[:PILOT_PATHS])
        if exact_work(network, pilots) * n_paths <= EXACT_WORK_LIMIT:
            return TransitionsPlan("exact", 1)
        multiple = None
    multiple = multiple or EXTRAPOLATED_MULTIPLE
    return TransitionsPlan("extrapolated", multiple + multiple % 2)


def count_transitions(network: StackedNetwork, images: Tensor, plan: TransitionsPlan) -> Tensor:
    """Transitions of one network (M = 1) along the paths of B images, in memory bounded by VERTEX_ELEMENTS.

    Returns:
        [B], float64 so that one type serves all methods; whole even numbers, but for extrapolation.
    """
    n_points, height, width, channels = images.shape
    at_a_time = max(1, VERTEX_ELEMENTS // (width * height * width * channels))
    parts = [torch.zeros(0, dtype=torch.float64, device=images.device)]
    for start in range(0, n_points, at_a_time):
        vertices = shift_vertices(images[start : start + at_a_time])
        if plan.method == "exact":
            counts = count_exact(network, vertices)
        elif plan.method == "sampled":
            counts = count_sampled(network, vertices, plan.multiple)
        else:
            counts = extrapolate(network, vertices, plan.multiple)
        parts.append(counts.double())
    return torch.cat(parts)
