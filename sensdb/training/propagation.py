"""Forward and backward of a stack of models over fixed buffers, by hand: a step is a fixed list of kernel calls.

No autograd, no allocation: the calls are prepared once for a number of models and rows, and repeated every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from sensdb.training.layout import Parameters, aligned_rows
from sensdb.training.losses import loss_gradient
from sensdb.training.optimizers import Update

Call = Callable[[], object]

# torch multiplies smaller products by a loop of its own, whatever the strides.
_SMALL_PRODUCT = 400


class Workspace:
    """Buffers of a pack's activations, shared by all prepared calls; sized for n_models models of `rows` points.

    hidden[l] holds the activations of hidden layer l for the backward pass. Gradients by activations need no more
    than two buffers in turn. Every model's part is aligned (layout.py).
    """

    def __init__(
        self, n_models: int, rows: int, sizes: Sequence[int], dtype: torch.dtype, device: torch.device
    ) -> None:
        hidden = sizes[1:-1]
        lengths = [aligned_rows(rows, width) * width for width in hidden]
        n_classes = sizes[-1]
        logits = aligned_rows(rows, n_classes) * n_classes

        def zeros(length: int) -> Tensor:
            return torch.zeros(n_models * length, dtype=dtype, device=device)

        self.hidden = [zeros(length) for length in lengths]
        self.deltas = [zeros(max(lengths, default=0)) for _ in range(2)]
        self.logits = zeros(logits)
        self.delta_logits = zeros(logits)
        self.scratch = zeros(rows)


class Propagation:
    """The prepared calls for n_models models on B rows of input.

    Args:
        parameters: of exactly these models.
        gradient: where the gradients are accumulated, of the same models; None where what updates a layer multiplies
            them out itself.
        x: their input, [M, B, d], with any strides but a unit stride in the last axis.
        nonlinearity, loss: names, as in the spec.
        workspace: for as many models and rows, or more.
        kept: gradient = kept * gradient + share * (sum over the rows).
        share: 1 / points of the batch.

    Attributes:
        layers: of each, what its gradient is a product of: delta [M, fan_out, B], and its inputs [M, B, fan_in].
    """

    def __init__(
        self,
        parameters: Parameters,
        gradient: Parameters | None,
        x: Tensor,
        nonlinearity: str,
        loss: str,
        workspace: Workspace,
        *,
        kept: float,
        share: float,
    ) -> None:
        n_models, rows, _ = x.shape
        n_classes = parameters.weights[-1].shape[1]
        self._loss = loss
        self._scratch = workspace.scratch[: n_models * rows]
        self.n_columns = aligned_rows(rows, n_classes)
        self._logits = _part(workspace.logits, n_models, n_classes, self.n_columns)  # [M, C, B']
        self._delta_logits = _part(workspace.delta_logits, n_models, n_classes, self.n_columns)

        hidden, deltas = [], []
        for layer, weight in enumerate(parameters.weights[:-1]):
            width = weight.shape[1]
            hidden.append(_part(workspace.hidden[layer], n_models, aligned_rows(rows, width), width))  # [M, B', h]
            deltas.append(_part(workspace.deltas[layer % 2], n_models, aligned_rows(rows, width), width))
        inputs = [x, *(h[:, :rows] for h in hidden)]  # of each layer, [M, B, fan_in]

        self._forward: list[Call] = []
        self._backward: list[list[Call]] = []
        last = len(hidden)
        for layer, weight in enumerate(parameters.weights):
            bias = None if parameters.biases is None else parameters.biases[layer]
            if layer < last:
                output = hidden[layer][:, :rows]  # [M, B, h]
                self._forward.append(_product(output, inputs[layer], weight.mT))
                if bias is not None:
                    self._forward.append(partial(output.add_, bias.unsqueeze(1)))
                self._forward += _activate(nonlinearity, hidden[layer].view(-1))
            else:
                output = self._logits[:, :, :rows]  # [M, C, B]
                self._forward.append(_product(output, weight, inputs[layer].mT))
                if bias is not None:
                    self._forward.append(partial(output.add_, bias.unsqueeze(2)))

        outputs = [*(delta[:, :rows].mT for delta in deltas), self._delta_logits[:, :, :rows]]
        self.layers = list(zip(outputs, inputs, strict=True))
        for layer, (delta, layer_input) in reversed(list(enumerate(self.layers))):
            calls: list[Call] = []
            if layer > 0:
                calls.append(_product(deltas[layer - 1][:, :rows], delta.mT, parameters.weights[layer]))
                calls.append(_slope(nonlinearity, deltas[layer - 1].view(-1), hidden[layer - 1].view(-1)))
            if gradient is not None:
                calls.append(_product(gradient.weights[layer], delta, layer_input, kept, share))
            if gradient is not None and gradient.biases is not None:
                calls.append(partial(_add_bias_gradient, gradient.biases[layer], delta, kept, share))
            self._backward.append(calls)

    def forward(self) -> None:
        """Logits of the input that x holds now."""
        for call in self._forward:
            call()

    def backward(
        self, targets: Tensor, sums: Tensor, updates: Sequence[Update] | None, coefficients: Sequence[Tensor]
    ) -> None:
        """Gradients after `forward`, and the optimizer's step on each layer as soon as its weights are done with.

        Args:
            targets, sums: as in `losses.loss_gradient`.
            updates: one a block of the parameters; None while more rows of the batch are to come.
            coefficients: of this step, each [M, 1].
        """
        loss_gradient(self._loss, self._logits, targets, self._delta_logits, sums, self._scratch)
        n_layers = len(self._backward)
        for layer, calls in zip(reversed(range(n_layers)), self._backward, strict=True):
            for call in calls:
                call()
            if updates is not None:
                for block in range(layer, len(updates), n_layers):
                    updates[block](coefficients)


def _part(buffer: Tensor, n_models: int, rows: int, columns: int) -> Tensor:
    size = (n_models, rows, columns)
    return buffer.as_strided(size, (rows * columns, columns, 1))


def _product(out: Tensor, a: Tensor, b: Tensor, kept: float = 0.0, share: float = 1.0) -> Call:
    """The prepared call out = kept * out + share * a b, for [M, n, k] and [M, k, m].

    torch hands contiguous outputs to MKL as one batch and loops over the models otherwise; which of the two is a
    matter of the shape, and must not be one of M: for M = 1 an output with gaps looks contiguous.
    """
    n_models, n, m = out.shape
    gaps = out.stride() != (n * m, m, 1)
    if out.is_cpu and n_models == 1 and gaps and n * m * a.shape[2] >= _SMALL_PRODUCT:
        return partial(torch.addmm, out[0], a[0], b[0], beta=kept, alpha=share, out=out[0])
    return partial(torch.baddbmm, out, a, b, beta=kept, alpha=share, out=out)


def _activate(nonlinearity: str, h: Tensor) -> list[Call]:
    """Prepared calls that apply the nonlinearity in place; h is flat, gaps included."""
    if nonlinearity == "relu":
        return [partial(torch.relu_, h)]
    if nonlinearity == "tanh":
        return [partial(torch.tanh_, h)]
    if nonlinearity == "hard_sigmoid":
        return [partial(h.add_, 0.5), partial(torch.clamp_, h, 0.0, 1.0)]
    low, high = _FLAT_FROM[nonlinearity]
    return [partial(torch.clamp_, h, low, high)]


_FLAT_FROM = {"relu6": (0.0, 6.0), "hard_tanh": (-1.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
"""Activations at which the nonlinearity is flat: all that is needed of it backwards."""


def _slope(nonlinearity: str, delta: Tensor, h: Tensor) -> Call:
    """The prepared call delta *= slope at activations h, in place, flat.

    torch's own backward kernels choose 0 where the slope is 0 and do not multiply by it: 0 times infinity is NaN.
    """
    backward = torch.ops.aten
    if nonlinearity == "relu":
        return partial(backward.threshold_backward.grad_input, delta, h, 0.0, grad_input=delta)
    if nonlinearity == "tanh":
        return partial(backward.tanh_backward.grad_input, delta, h, grad_input=delta)
    low, high = _FLAT_FROM[nonlinearity]
    return partial(backward.hardtanh_backward.grad_input, delta, h, low, high, grad_input=delta)


def _add_bias_gradient(gradient: Tensor, delta: Tensor, kept: float, share: float) -> None:
    """gradient [M, fan_out] = kept * gradient + share * sum of delta [M, fan_out, B] over the rows.

    A sum and not a product with ones: of a single model, MKL rounds that differently (network.stacked_product).
    """
    gradient.mul_(kept) if kept else gradient.zero_()
    gradient.add_(delta.sum(2), alpha=share)
