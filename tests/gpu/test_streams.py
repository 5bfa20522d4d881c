"""Random streams are the same integers on the host and on a GPU, and float32 is not TF32 there."""

from __future__ import annotations

import torch

from sensdb.training.random import Purpose, below, noisy_labels, permutations, uniform, words

SEED = 2**53 - 1


def test_words_and_uniforms_are_equal(device: torch.device) -> None:
    index = torch.arange(1000)
    for step in (0, 2**40 + 7):
        here = words(SEED, Purpose.AUGMENTATION, step, index)
        there = words(SEED, Purpose.AUGMENTATION, step, index.to(device))
        for one, other in zip(here, there, strict=True):
            assert torch.equal(one, other.cpu())
            assert torch.equal(uniform(one), uniform(other).cpu())
            assert torch.equal(below(one, 10), below(other, 10).cpu())


def test_shuffles_are_equal(device: torch.device) -> None:
    assert torch.equal(permutations(SEED, 3, 4, 50_000), permutations(SEED, 3, 4, 50_000, device=device).cpu())


def test_noisy_labels_are_equal(device: torch.device) -> None:
    labels = torch.arange(50_000) % 10
    assert torch.equal(noisy_labels(SEED, 0.3, labels, 10), noisy_labels(SEED, 0.3, labels.to(device), 10).cpu())


def test_products_in_float32_keep_its_24_bits(device: torch.device) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(4, 200, 200, generator=generator, dtype=torch.float64) for _ in range(2))
    product = torch.bmm(a.float().to(device), b.float().to(device)).cpu().double()
    exact = torch.bmm(a.float().double(), b.float().double())
    # TF32 keeps 11 bits: its relative error would be a hundred times this.
    assert float((product - exact).norm() / exact.norm()) < 1e-6
