"""Which figures there are and which saved query each draws; light, for the command line lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Drawing:
    """A figure by name.

    Attributes:
        question: what it shows, one sentence.
        query: the saved query whose rows it draws.
        function: the function in the module `module` of this package that draws them.
        parameters: of the query, where the figure needs others than its defaults.
        of_one_model: it draws the first model of the answer alone, and the file that its rows name.
    """

    question: str
    query: str
    module: str
    function: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    of_one_model: bool = False


FIGURES: Mapping[str, Drawing] = {
    "gap": Drawing(
        "Do configurations with a larger Jacobian norm have a larger generalization gap?",
        "configurations",
        "gap",
        "gap_figure",
    ),
    "points": Drawing(
        "Are the test points with the largest Jacobian norms the ones models get wrong?",
        "points_by_quantile",
        "points",
        "points_figure",
    ),
    "trajectories": Drawing(
        "Are models less sensitive at training points than between them and far from them?",
        "trajectory_profile",
        "trajectories",
        "trajectories_figure",
    ),
    "regions": Drawing(
        "Where do a model's linear regions end on a plane through training points, before and after training?",
        "region_slices",
        "regions",
        "regions_figure",
        of_one_model=True,
    ),
}
