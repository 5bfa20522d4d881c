"""Which figures there are and which rows each draws; light, for the command line lists them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SUFFIXES = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
"""Suffixes of files a figure can become, and the format each means."""


@dataclass(frozen=True)
class Drawing:
    """A figure by name. Its module in this package has `<module>_figure`, which draws rows, and `<module>_data`,
    which gives the numbers that are drawn of them.

    Attributes:
        question: what it shows, one sentence.
        query: the saved query whose rows it draws; empty where the columns are named by whoever asks.
        module: in this package.
        number: of the paper's figure that it is; None for those the paper does not have.
        parameters: of the query, where the figure needs others than its defaults.
        of_one_model: it draws the first model of the answer alone, and the file that its rows name.
    """

    question: str
    query: str
    module: str
    number: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    of_one_model: bool = False

    @property
    def of_columns(self) -> bool:
        """Whether the user names the columns to draw."""
        return not self.query

    @property
    def described(self) -> str:
        """The question, with the number the figure has in the paper."""
        return f"{self.question} (the paper's figure {self.number})" if self.number is not None else self.question


FIGURES: Mapping[str, Drawing] = {
    "size": Drawing(
        "Do larger networks, or those with a smaller training loss, have a larger gap?", "configurations", "size", 1
    ),
    "trajectories": Drawing(
        "Are models less sensitive at training points than between them and far from them?",
        "trajectory_profile",
        "trajectories",
        2,
    ),
    "regions": Drawing(
        "Where do a model's linear regions end on a plane through training points, before and after training?",
        "region_slices",
        "regions",
        3,
        of_one_model=True,
    ),
    "pairs": Drawing(
        "Do labels, augmentation, nonlinearity and batch move gap and sensitivity when nothing else changes?",
        "pairs",
        "pairs",
        4,
    ),
    "gap": Drawing(
        "Do configurations with a larger Jacobian norm have a larger generalization gap?", "configurations", "gap", 5
    ),
    "point_loss": Drawing(
        "Do the test points a model is most sensitive at have the largest loss?", "point_losses", "point_loss", 6
    ),
    "points": Drawing(
        "Are the test points with the largest Jacobian norms the ones models get wrong?",
        "points_by_quantile",
        "points",
    ),
    "scatter": Drawing("How do any two columns X and Y of v_models go together?", "", "scatter"),
}
