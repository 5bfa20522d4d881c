"""Optimizers as they are computed on different devices: the same steps, rounded otherwise."""

from __future__ import annotations

import pytest
import torch

from sensdb.training.layout import Parameters
from sensdb.training.optimizers import Adam, FusedAdam, Optimizer, make_optimizer

SIZES = (5, 7, 3)
RATES = [0.01, 0.003, 0.01]


def zeros() -> Parameters:
    return Parameters.zeros(len(RATES), SIZES, True, torch.float64, torch.device("cpu"))


def after_steps(optimizer: Optimizer, n_steps: int) -> list[torch.Tensor]:
    """The blocks of three models after n_steps drawn gradients."""
    generator = torch.Generator().manual_seed(3)
    parameters, gradient, states = zeros(), zeros(), [zeros() for _ in range(optimizer.n_states)]
    updates = optimizer.updates(parameters, gradient, states)
    steps = torch.arange(1, n_steps + 1)
    by_model = [optimizer.coefficients(torch.full((n_steps,), rate, dtype=torch.float64), steps) for rate in RATES]
    for step in range(n_steps):
        coefficients = [torch.stack([each[k][step] for each in by_model])[:, None] for k in range(len(by_model[0]))]
        for block, update in zip(gradient.blocks, updates, strict=True):
            block.normal_(generator=generator)
            update(coefficients)
    return parameters.blocks


def test_adam_over_the_stack_and_adam_model_by_model_take_the_same_steps() -> None:
    for stacked, fused in zip(after_steps(Adam(), 300), after_steps(FusedAdam(), 300), strict=True):
        torch.testing.assert_close(stacked, fused, rtol=1e-11, atol=1e-13)


def test_models_of_one_learning_rate_and_of_another_share_no_step() -> None:
    first, second, third = after_steps(FusedAdam(), 1)[0].abs().amax(1).tolist()
    assert first == pytest.approx(0.01)
    assert second == pytest.approx(0.003)
    assert third == pytest.approx(0.01)


def test_the_host_has_the_fused_kernel_and_gpus_the_stack() -> None:
    assert isinstance(make_optimizer("adam", None, "cpu"), FusedAdam)
    assert isinstance(make_optimizer("adam", None, "cuda:0"), Adam)
