"""How a trained network is measured: a sweep's `measure:` block, never part of a spec's identity."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from sensdb.definitions.document import read_document
from sensdb.definitions.fields import FieldError, boolean, canonical_json, choice, integer, show
from sensdb.errors import did_you_mean

# From the least to the most demanding: the union of two demands takes the later one.
TRANSITIONS_METHODS = ("sampled", "extrapolated", "exact")
MOST_POINTS = 2**31 - 1
KEYS = ("points", "transitions", "spectral", "trajectories", "regions", "keep_weights")
TRANSITIONS_KEYS = ("method", "points", "samples")


@dataclass(frozen=True)
class MeasureSettings:
    """What to measure of a model and what to store of it (design.md 4.2).

    points: test points that get a row in point_metrics: "all", or a number (0 stores none). Summaries a model are
        over all test points either way.
    transitions_method: exact counts every crossing; sampled compares codes at `transitions_samples` places a path;
        extrapolated corrects the mean of two sampled counts. Networks that are not piecewise linear (tanh) are sampled
        whatever is asked, and the method used is stored beside the number.
    transitions_points: test points whose transitions are counted, a fixed choice a data set; 0 counts none.
    transitions_samples: places a path, a multiple of the image's width; None leaves it to the measuring code, and is
        the only value for exact.
    spectral: also the largest singular values, an eigenvalue problem a point.
    trajectories: ellipses of each kind; regions: slices through the input space; keep_weights: store the weights.
    """

    points: int | Literal["all"] = "all"
    transitions_method: str = "exact"
    transitions_points: int = 1000
    transitions_samples: int | None = None
    spectral: bool = True
    trajectories: int = 0
    regions: bool = False
    keep_weights: bool = False

    @classmethod
    def from_mapping(
        cls, mapping: Mapping[str, object], where: str = "measure", default: MeasureSettings | None = None
    ) -> MeasureSettings:
        """Read a `measure:` block; keys left out keep their defaults.

        Args:
            mapping: the block, `transitions` nested as in a sweep file.
            where: how errors call the block; a field in it is `where.key`.
            default: what keys left out mean; None for the defaults of a sweep file.

        Raises:
            FieldError: a value that is not allowed or a key that does not exist; `field` is `where` and the path below.
        """
        _check_keys(mapping, KEYS, where)
        default = default or cls()
        points = mapping.get("points", default.points)
        if points != "all":
            points = integer(f"{where}.points", points, 0, MOST_POINTS, "all or a whole number of rows a model, from 0")
        transitions = mapping.get("transitions", {})
        inner = f"{where}.transitions"
        if not isinstance(transitions, Mapping):
            raise FieldError(inner, f"{show(transitions)} is not a mapping of {', '.join(TRANSITIONS_KEYS)}.")
        _check_keys(transitions, TRANSITIONS_KEYS, inner)
        method = choice(
            f"{inner}.method", transitions.get("method", default.transitions_method), TRANSITIONS_METHODS[::-1]
        )
        samples = transitions.get("samples")
        if samples is not None and method == "exact":
            raise FieldError(
                f"{inner}.samples",
                f"{show(samples)} has no meaning for method exact.",
                "write method: sampled, or leave samples out.",
            )
        return cls(
            points="all" if points == "all" else int(points),
            transitions_method=method,
            transitions_points=integer(
                f"{inner}.points", transitions.get("points", default.transitions_points), 0, MOST_POINTS
            ),
            transitions_samples=None if samples is None else integer(f"{inner}.samples", samples, 2, 2**24),
            spectral=boolean(f"{where}.spectral", mapping.get("spectral", default.spectral)),
            trajectories=integer(f"{where}.trajectories", mapping.get("trajectories", default.trajectories), 0, 10_000),
            regions=boolean(f"{where}.regions", mapping.get("regions", default.regions)),
            keep_weights=boolean(f"{where}.keep_weights", mapping.get("keep_weights", default.keep_weights)),
        )

    @lru_cache(maxsize=64)  # noqa: B019  frozen and few: a sweep's models are measured alike
    def canonical(self) -> str:
        """The block as JSON in one spelling with every key present, as `jobs.measure` holds it."""
        return canonical_json(
            {
                "points": self.points,
                "transitions": {
                    "method": self.transitions_method,
                    "points": self.transitions_points,
                    "samples": self.transitions_samples,
                },
                "spectral": self.spectral,
                "trajectories": self.trajectories,
                "regions": self.regions,
                "keep_weights": self.keep_weights,
            }
        )

    @classmethod
    def from_canonical(cls, text: str) -> MeasureSettings:
        """The inverse of `canonical`."""
        return cls.from_mapping(json.loads(text))


def union(first: MeasureSettings, second: MeasureSettings) -> MeasureSettings:
    """The larger demand of both, key by key; a model of two sweeps is measured once, for both of them.

    Commutative, associative and idempotent. Of two methods of counting transitions the more exact is taken, with its
    own number of samples.
    """
    method = max(first.transitions_method, second.transitions_method, key=TRANSITIONS_METHODS.index)
    samples = [
        demand.transitions_samples
        for demand in (first, second)
        if demand.transitions_method == method and demand.transitions_samples is not None
    ]
    points = (first.points, second.points)
    return MeasureSettings(
        points="all" if "all" in points else max(point for point in points if point != "all"),
        transitions_method=method,
        transitions_points=max(first.transitions_points, second.transitions_points),
        transitions_samples=max(samples, default=None),
        spectral=first.spectral or second.spectral,
        trajectories=max(first.trajectories, second.trajectories),
        regions=first.regions or second.regions,
        keep_weights=first.keep_weights or second.keep_weights,
    )


NOTHING = MeasureSettings(points=0, transitions_method=TRANSITIONS_METHODS[0], transitions_points=0, spectral=False)
"""The smallest demand: its union with another is the other."""


def read_additions(texts: Sequence[str], where: str) -> MeasureSettings:
    """A demand for what the texts name and for nothing else, to be united with another.

    Args:
        texts: KEY or KEY=VALUE each: keys of a `measure:` block, those below transitions as `transitions.points`, and
            values as a sweep file writes them; a key alone is true.
        where: how errors call the texts.

    Raises:
        FieldError: a key that does not exist or is given twice, or a value that is not allowed.
        SpecError: a value is not YAML.
    """
    block: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        outer, _, inner = key.partition(".")
        within = block.setdefault(outer, {}) if inner else block
        if not isinstance(within, dict) or (inner or outer) in within:
            raise FieldError(f"{where}.{key}", "given twice.", "leave one of them out.")
        within[inner or outer] = read_document(value, f"{where} {key}").plain() if equals else True
    return MeasureSettings.from_mapping(block, where, NOTHING)


def _check_keys(mapping: Mapping[str, object], allowed: tuple[str, ...], where: str) -> None:
    for key in mapping:
        if key not in allowed:
            hint = did_you_mean(key, allowed, f"allowed: {', '.join(allowed)}.")
            raise FieldError(f"{where}.{key}", "no such key.", hint)
