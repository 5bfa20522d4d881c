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
    """

    question: str
    query: str
    module: str
    function: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


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
}
