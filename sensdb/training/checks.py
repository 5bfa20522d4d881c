"""A check: mean loss and accuracy of one model over all its training points."""

from __future__ import annotations

from torch import Tensor

from sensdb.training.losses import point_losses
from sensdb.training.network import StackedNetwork

CHUNK = 512
"""Points at a time, of a check and of a full batch; it enters the rounding of their sums, so it is a constant."""


def loss_and_accuracy(network: StackedNetwork, x: Tensor, labels: Tensor, loss: str) -> tuple[float, float]:
    """Mean loss and accuracy of one network, in fixed chunks; the sums of chunks are taken in float64.

    One model at a time: models are checked on their own steps, and a pass over many points fills the machine anyway.

    Args:
        network: M = 1.
        x: [n, d].
        labels: int64 [n].
        loss: cross_entropy or squared.

    Returns:
        Both as numbers; the loss is not finite where a point's is not. The first of equally large logits is the
        predicted class.
    """
    sum_losses, n_right = 0.0, 0
    for start in range(0, len(labels), CHUNK):
        part = slice(start, start + CHUNK)
        logits = network.forward(x[part])[0]  # [b, C]
        sum_losses += float(point_losses(loss, logits, labels[part]).double().sum())  # waits for the device
        n_right += int((logits.argmax(1) == labels[part]).sum())
    return sum_losses / len(labels), n_right / len(labels)
