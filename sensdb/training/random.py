"""Counter-based randomness: what a model draws depends on its seed, a purpose and a counter, and on nothing else.

Philox4x32-10 (Salmon et al. 2011) in integer tensor operations: the same words on CPU and CUDA, in any order, for any
pack. There is no generator state to save: the step number says where a stream stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

STREAM_VERSION = 1
"""Fourth counter word. Another version of the streams would be another spec_version."""

INITIAL_VARIANCE = {"relu": 2.0, "relu6": 2.0, "tanh": 1.0, "hard_tanh": 1.0, "hard_sigmoid": 2.0}
"""v in std = weight_scale * sqrt(v / fan_in) (paper.md 4)."""

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
# Counters at a time: bounds memory for large n; much smaller chunks cost more in calls than the cache gives back.
_CHUNK = 32768

Word = Tensor | int


class Purpose(IntEnum):
    """What a stream is for; the third counter word. Numbers are never given a second meaning."""

    INIT = 1
    SHUFFLE = 2
    LABEL_NOISE = 3
    AUGMENTATION = 4
    MEASUREMENT = 5


def philox(key: tuple[Word, Word], counter: tuple[Word, Word, Word, Word]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ten rounds of Philox4x32: four random words for each key and counter.

    Args:
        key, counter: words 0 .. 2^32 - 1, ints or int64 tensors that broadcast; one at least is a tensor.

    Returns:
        Four int64 tensors of the common shape with values 0 .. 2^32 - 1.

    The 64-bit product of two words overflows int64; torch wraps it as two's complement on CPU and CUDA, so its halves
    are still right once the sign bits are masked off (the known answers in the tests would fail otherwise).
    """
    k0, k1 = key
    device = next(word.device for word in (*counter, *key) if isinstance(word, Tensor))
    c0, c1, c2, c3 = (torch.as_tensor(word, dtype=torch.int64, device=device) for word in counter)
    for _ in range(10):
        product0, product2 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        high0 = (product0 >> 32).bitwise_and_(_MASK)
        high2 = (product2 >> 32).bitwise_and_(_MASK)
        c0, c2 = high2 ^ c1 ^ k0, high0 ^ c3 ^ k1
        c1, c3 = product2.bitwise_and_(_MASK), product0.bitwise_and_(_MASK)
        k0, k1 = (k0 + _KEY_STEPS[0]) & _MASK, (k1 + _KEY_STEPS[1]) & _MASK
    return c0, c1, c2, c3


def words(seed: Word, purpose: Purpose, step: Word, index: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The four words of a model's stream `purpose` at (step, index).

    Args:
        seed: 0 .. 2^53 - 1, the key; of many models int64, broadcasts against index.
        step: what the purpose counts: a step, an epoch or a layer, 0 .. 2^56 - 1; broadcasts against index.
        index: int64, 0 .. 2^32 - 1, place within the step.
    """
    key = (seed & _MASK, seed >> 32)
    return philox(key, (index, step & _MASK, (step >> 32 << 8) | int(purpose), STREAM_VERSION))


def _keys(seed: int, purpose: Purpose, steps: Tensor, n: int) -> Tensor:
    """63-bit sorting keys, [E, n] for E steps: two from each block of four words."""
    n_blocks = (n + 1) // 2
    index = torch.arange(n_blocks, device=steps.device)
    pairs = torch.empty(len(steps), n_blocks, 2, dtype=torch.int64, device=steps.device)
    rows, columns = max(1, _CHUNK // n_blocks), _CHUNK
    for row in range(0, len(steps), rows):
        for column in range(0, n_blocks, columns):
            step = steps[row : row + rows, None]
            a, b, c, d = words(seed, purpose, step, index[column : column + columns])
            part = pairs[row : row + rows, column : column + columns]  # [E', n', 2]
            part[..., 0] = (a << 31) | (b >> 1)
            part[..., 1] = (c << 31) | (d >> 1)
    return pairs.view(len(steps), 2 * n_blocks)[:, :n]


def permutations(seed: int, first_epoch: int, n_epochs: int, n: int, *, device: str | torch.device = "cpu") -> Tensor:
    """The order of a model's training points in each of n_epochs epochs from first_epoch on.

    Stable argsort of 63-bit keys, equal keys by index, so that the order is the same wherever it is computed. Several
    epochs a call, because the price of short ones is the calls.

    Returns:
        int64 [n_epochs, n], each row a permutation of 0 .. n - 1.
    """
    epochs = torch.arange(first_epoch, first_epoch + n_epochs, device=device)
    return _stable_argsort(_keys(seed, Purpose.SHUFFLE, epochs, n))


def _stable_argsort(keys: Tensor) -> Tensor:
    """torch.argsort(keys, dim=1, stable=True), on the host four times faster."""
    if not keys.is_cpu:
        return torch.argsort(keys, dim=1, stable=True)
    # NumPy's vectorised sort is not stable, which shows only where two keys are equal: once in 10^10 epochs of 50 000.
    order = np.argsort(keys.numpy(), axis=1)
    ordered = np.take_along_axis(keys.numpy(), order, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        order = np.argsort(keys.numpy(), axis=1, kind="stable")
    return torch.from_numpy(order)


def permutation(seed: int, epoch: int, n: int) -> Tensor:
    """The order of a model's training points in one epoch, int64 [n]; a row of `permutations`."""
    return permutations(seed, epoch, 1, n)[0]


def uniform(word: Tensor) -> Tensor:
    """A random word as a number in [0, 1): its upper 24 bits, exact in float32; a float64 tensor."""
    return (word >> 8).to(torch.float64) * 2.0**-24


def below(word: Tensor, n: int) -> Tensor:
    """A random word as a whole number 0 .. n - 1 (n up to 2^31), in integers: floor(word * n / 2^32)."""
    return (word * n) >> 32


def initial_weights(seed: int, weight_scale: float, nonlinearity: str, sizes: Sequence[int]) -> list[Tensor]:
    """The weights a model starts from: normal, mean 0, std = weight_scale * sqrt(v / fan_in).

    Box-Muller in float64, always on the host: logarithm and cosine differ between devices, so the caller rounds and
    uploads. v is `INITIAL_VARIANCE` of the nonlinearity, in the last layer too.

    Args:
        sizes: (d, h1, ..., C).

    Returns:
        One float64 tensor a layer, [fan_out, fan_in]. Layer l does not depend on the sizes of the others.
    """
    weights = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        std = weight_scale * math.sqrt(INITIAL_VARIANCE[nonlinearity] / fan_in)
        draws = normals(seed, Purpose.INIT, layer, fan_out * fan_in)
        weights.append(draws.mul_(std).view(fan_out, fan_in))
    return weights


def normals(seed: int, purpose: Purpose, step: int, n: int) -> Tensor:
    """n standard normals, float64 on the host; a block of words gives two 53-bit uniforms and they two normals."""
    pairs = torch.empty((n + 1) // 2, 2, dtype=torch.float64)
    for start in range(0, len(pairs), _CHUNK):
        part = pairs[start : start + _CHUNK]
        a, b, c, d = words(seed, purpose, step, torch.arange(start, start + len(part)))
        # In (0, 1), ends excluded, so that the logarithm is finite.
        radius = ((a << 21) | (b >> 11)).to(torch.float64).add_(0.5).mul_(2.0**-53).log_().mul_(-2.0).sqrt_()
        angle = ((c << 21) | (d >> 11)).to(torch.float64).mul_(2.0**-53 * 2.0 * math.pi)
        part[:, 0] = radius * torch.cos(angle)
        part[:, 1] = radius * torch.sin(angle)
    return pairs.view(-1)[:n]


def noisy_labels(seed: int, label_noise: float, labels: Tensor, n_classes: int) -> Tensor:
    """The labels a model trains on: a share of them redrawn uniformly over all classes.

    floor(label_noise * n + 1/2) points are drawn without replacement; of these 1 / n_classes keep their label by
    chance. With one seed, the points of a smaller share are among those of a larger one, and their new labels agree.

    Args:
        labels: int64 [n], of the model's training points in training order.

    Returns:
        int64 [n], a new tensor; equal to `labels` at label_noise 0.
    """
    n = len(labels)
    n_redrawn = math.floor(label_noise * n + 0.5)
    noisy = labels.clone()
    if n_redrawn == 0:
        return noisy
    a, b, new, _ = words(seed, Purpose.LABEL_NOISE, 0, torch.arange(n, device=labels.device))
    redrawn = torch.argsort((a << 31) | (b >> 1), stable=True)[:n_redrawn]
    noisy[redrawn] = below(new[redrawn], n_classes)
    return noisy
