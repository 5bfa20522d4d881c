"""Models with known answers: every factor, two data sets, models that a default population leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np


def planted_models(*, n_points: int = 24) -> list[dict[str, Any]]:
    """Some 60 models on digits and mnist, all on paper; the larger the Jacobian norm the larger the gap.

    Of the points those with a large norm are wrong, with exceptions; values repeat, so that there are ties.
    """
    generator = np.random.default_rng(7)
    models = []
    for dataset in ("digits", "mnist"):
        for width in (16, 32, 64, 128, 256):
            for seed in (0, 1):
                same = {"dataset": dataset, "width": width, "seed": seed}
                models += [
                    _model(generator, n_points, label_noise=0.0, **same),
                    _model(generator, n_points, label_noise=1.0, **same),
                    _model(generator, n_points, nonlinearity="hard_sigmoid", **same),
                ]
    for width, test_accuracy in ((16, 0.99), (32, 0.05)):
        models.append(_model(generator, n_points, width=width, full_batch=True, batch_size=None))
        augmented = {"augmentation": "flip", "train_accuracy": 0.97, "fitted": False, "test_accuracy": test_accuracy}
        models.append(_model(generator, n_points, width=width, **augmented))
    models.append(_model(generator, 0, width=1, train_accuracy=0.5, fitted=False))
    diverged = {"stop_reason": "diverged", "train_accuracy": None, "test_accuracy": None, "generalization_gap": None}
    models.append({"width": 2, "fitted": False, "jacobian_norm_mean": None, "transitions_mean": None, **diverged})
    models.append(_model(generator, 0, width=3, transitions_method="sampled:28"))
    models.append({"width": 4, "result": False})
    for width in (48, 96):
        for seed in (0, 1):
            curves = {"trajectories": trajectories(2, seed), "regions": regions(seed)}
            models.append(_model(generator, n_points, width=width, seed=seed, **curves))
    return models


def trajectories(n: int = 1, seed: int = 0) -> list[dict[str, Any]]:
    """n ellipses of each kind; the norm is 10^-(2 k + seed) for kind k, but at positions 10, 31, 52 a tenth of it.

    Transitions are 3 - k everywhere; the second of two has one more.
    """
    rows = []
    for number in range(3 * n):
        kind = number % 3
        for position in range(63):
            log10 = -2.0 * kind - seed - (kind > 0 and position in (10, 31, 52))
            rows.append(
                {
                    "trajectory": number,
                    "position": position,
                    "kind": ("random", "different_classes", "same_class")[kind],
                    "angle": (position + 0.5) * 2 * np.pi / 63,
                    "jacobian_norm": 10.0**log10,
                    "log10_jacobian_norm": log10,
                    "transitions": 3 - kind + number // 3,
                }
            )
    return rows


def regions(seed: int = 0) -> list[dict[str, Any]]:
    """Both moments and scopes; boundaries near the points become half as dense, seed decides from where."""
    return [
        {
            "slice": 0,
            "moment": moment,
            "scope": scope,
            "method": "exact" if moment == "before" else "pixels",
            "n_regions": 100 + seed if scope == "all" else 10,
            "density_at_points": (0.5 if moment == "after" else 1.0) * (1.0 + seed),
            "density_mean": 1.25,
        }
        for moment in ("before", "after")
        for scope in ("last_hidden", "all")
    ]


def _model(generator: np.random.Generator, n_points: int, **fields: Any) -> dict[str, Any]:
    random = fields.get("label_noise") == 1.0
    norm = (0.1 + 20 / fields["width"]) * (4 if random else 1) * generator.lognormal(sigma=0.2)
    if fields.get("nonlinearity") == "hard_sigmoid":
        norm *= 1.5
    test_accuracy = 0.1 if random else round(0.97 - 0.05 * norm + 0.001 * generator.normal(), 4)
    train_accuracy = fields.get("train_accuracy", 1.0)
    points = []
    for _ in range(n_points):
        size = round(float(generator.lognormal()), 1)
        right = bool(generator.random() > (0.9 if random else min(0.9, size / 6)))
        doubt = min(0.9, size / 10)
        points.append(
            {
                "correct": right,
                "predicted": 1 if right else 2,
                "jacobian_norm": size,
                "doubt": doubt,
                "entropy": doubt / 2,
                "margin": 5 - size,
                "boundary_distance": 1 / (0.1 + size),
                "logit_jacobian_norm": float(generator.random()),
                "loss": 0.0 if doubt == 0 else doubt,
            }
        )
    return {
        "jacobian_norm_mean": norm,
        "jacobian_norm_median": 1 / norm,
        "log10_jacobian_norm_mean": float(np.log10(norm)),
        "logit_jacobian_norm_mean": norm * 10,
        "transitions_mean": 10.0 * fields["width"],
        "test_accuracy": test_accuracy,
        "generalization_gap": train_accuracy - test_accuracy,
        "points": points,
        **fields,
    }
