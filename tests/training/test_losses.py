"""Losses against autograd and torch's own, and what they do at the ends of the number line."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sensdb.training.checks import loss_and_accuracy
from sensdb.training.losses import SUM_TO_LOSS, loss_gradient, point_losses
from sensdb.training.network import StackedNetwork

LABELS = torch.tensor([2, 0, 1, 1, 3])


def some_logits() -> Tensor:
    """[M, B, C] = [2, 5, 4]."""
    return 3 * torch.randn(2, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def reference(loss: str, logits: Tensor, labels: Tensor) -> Tensor:
    """The summed loss of [B, C] logits as torch has it."""
    if loss == "cross_entropy":
        return nn.functional.cross_entropy(logits, labels, reduction="sum")
    return (logits - nn.functional.one_hot(labels, logits.shape[1])).square().sum() / 2


def gradient_and_sums(loss: str, logits: Tensor) -> tuple[Tensor, Tensor]:
    """loss_gradient on [2, 5, 4] logits laid out class by class, 3 of 8 columns unused; back as [2, 5, 4]."""
    by_class = torch.full((2, 4, 8), float("nan"), dtype=logits.dtype)
    by_class[:, :, :5] = logits.mT
    targets = (LABELS * 8 + torch.arange(5) + torch.tensor([[0], [32]])).ravel()
    delta, sums = torch.empty_like(by_class), torch.empty(2, dtype=logits.dtype)
    loss_gradient(loss, by_class, targets, delta, sums, torch.empty(10, dtype=logits.dtype))
    return delta[:, :, :5].mT, sums * SUM_TO_LOSS[loss]


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_gradient_and_sum_of_the_loss_match_autograd(loss: str) -> None:
    logits = some_logits().requires_grad_()
    expected = [reference(loss, logits[model], LABELS) for model in range(2)]
    torch.stack(expected).sum().backward()
    assert logits.grad is not None

    gradient, sums = gradient_and_sums(loss, logits.detach())

    assert torch.allclose(gradient, logits.grad, atol=1e-14)
    assert sums.tolist() == pytest.approx([float(value.detach()) for value in expected], rel=1e-13)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_point_losses_add_up_to_torchs_loss(loss: str) -> None:
    logits = some_logits()[0]

    losses = point_losses(loss, logits, LABELS)

    assert losses.shape == (5,)
    assert float(losses.sum()) == pytest.approx(float(reference(loss, logits, LABELS)), rel=1e-13)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_logit_that_is_not_finite_makes_the_models_sum_so_and_no_other(loss: str, value: float) -> None:
    logits = some_logits()
    logits[1, 3, 0] = value

    gradient, sums = gradient_and_sums(loss, logits)

    assert torch.isfinite(sums).tolist() == [True, False]
    assert torch.isfinite(gradient[0]).all()


def test_large_finite_logits_give_finite_cross_entropy() -> None:
    logits = torch.full((2, 5, 4), 0.0)
    logits[:, :, 0] = 1e4

    gradient, sums = gradient_and_sums("cross_entropy", logits)

    assert torch.isfinite(gradient).all()
    assert sums.tolist() == pytest.approx([4e4, 4e4])


def test_a_check_is_the_mean_over_all_points_whatever_the_chunks() -> None:
    network = StackedNetwork([some_logits()[:1, :4]], None, "relu")  # [1, 4, 4]
    x = torch.randn(1300, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(1300) % 4

    loss, accuracy = loss_and_accuracy(network, x, labels, "cross_entropy")

    logits = x @ network.weights[0][0].T
    assert loss == pytest.approx(float(reference("cross_entropy", logits, labels)) / 1300, rel=1e-13)
    assert accuracy == float((logits.argmax(1) == labels).double().mean())


def test_a_network_of_zeros_predicts_the_first_class_and_not_all_of_them() -> None:
    network = StackedNetwork([torch.zeros(1, 4, 3)], None, "relu")

    _, accuracy = loss_and_accuracy(network, torch.ones(8, 3), torch.arange(8) % 4, "cross_entropy")

    assert accuracy == 0.25
