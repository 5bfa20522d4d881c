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
    return models


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
