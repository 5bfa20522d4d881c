"""Speed of measuring beside plain ways to the same numbers: `python -m tests.benchmarks.measurement`.

Each row is one shape; each rival runs at the best of a few chunk sizes, all of them interleaved in the same minutes.
Ratios above 1 mean that sensdb is faster. The rivals compute the Frobenius norm of the softmax Jacobian and nothing
else; sensdb computes every column of point_metrics, without and with the spectral norms. Only ratios of one run mean
anything: a shared machine moves the absolute numbers.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sensdb.datasets.prepare import load_dataset, standardise
from sensdb.measurement.jacobian import first_layer_factor, point_metrics
from sensdb.measurement.transitions import count_exact, count_extrapolated, count_sampled, shift_vertices
from sensdb.training.network import StackedNetwork
from tests.measurement.networks import random_network, random_points
from tests.measurement.plain_transitions import count_plainly

JACOBIAN_SHAPES = [
    ((784, 100, 100, 10), 2048),
    ((784, 500, 500, 10), 512),
    ((784, 2000, 2000, 10), 128),
    ((3072, 100, 100, 10), 1024),
    ((3072, 500, 500, 10), 512),
    ((3072, 100, 100), 256),
    ((784, *[100] * 8, 10), 1024),
]
TRANSITION_SHAPES = [((784, 200, 200, 200, 10), 100), ((784, 100, 100, 10), 200), ((784, *[100] * 8, 10), 50)]
TRAINED_STEPS = 300
CHUNKS = (64, 256, 1024)
MODEL_POINTS = 10_000


def logits(weights: Sequence[Tensor], x: Tensor) -> Tensor:
    """The forward pass of a bias-free relu network at x, [..., d]."""
    for weight in weights[:-1]:
        x = torch.relu(x @ weight.T)
    return x @ weights[-1].T


def by_jacrev(network: StackedNetwork, x: Tensor) -> Tensor:
    """torch.func: vmap over points of jacrev of the softmax."""
    weights = [weight[0] for weight in network.weights]
    jacobian = torch.func.vmap(torch.func.jacrev(lambda point: torch.softmax(logits(weights, point), -1)))(x)
    return torch.linalg.matrix_norm(jacobian)


def by_grad_calls(network: StackedNetwork, x: Tensor) -> Tensor:
    """One autograd.grad a class, on the sum over points."""
    weights = [weight[0] for weight in network.weights]
    x = x.detach().requires_grad_(True)
    probabilities = torch.softmax(logits(weights, x), -1)
    total = torch.zeros(len(x))
    for output in probabilities.sum(dim=0):
        (gradient,) = torch.autograd.grad(output, x, retain_graph=True)
        total += gradient.square().sum(dim=1)
    return total.sqrt()


def by_direct_product(network: StackedNetwork, x: Tensor) -> Tensor:
    """sensdb's own code with W_1 in the place of its QR factor: rows of d numbers."""
    y = torch.zeros(len(x), dtype=torch.int64)
    return point_metrics(network, x, y, spectral=False, factor=network.weights[0]).jacobian_norm


def in_chunks(measure: Callable[[StackedNetwork, Tensor], Tensor], chunk: int) -> Callable[..., None]:
    """The rival, `chunk` points at a time."""

    def run(network: StackedNetwork, x: Tensor) -> None:
        for part in x.split(chunk):
            measure(network, part)

    return run


def ours(network: StackedNetwork, x: Tensor, *, factor: Tensor, spectral: bool) -> None:
    """sensdb, in chunks of its own choice; the factor is made once a model and timed apart."""
    point_metrics(network, x, torch.zeros(len(x), dtype=torch.int64), factor=factor, spectral=spectral)


def seconds(calls: Sequence[Callable[[], object]], repeats: int) -> list[tuple[float, float]]:
    """Median and largest relative deviation of each call's CPU seconds, all of them run in turn `repeats` times.

    Of one thread: whatever else runs on the machine, waiting for a core does not count.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats + 1):
        for call, times in zip(calls, taken, strict=True):
            start = time.process_time()
            call()
            times.append(time.process_time() - start)
    medians = [statistics.median(times[1:]) for times in taken]  # the first run warms up
    spreads = [max(abs(t / m - 1) for t in times[1:]) for times, m in zip(taken, medians, strict=True)]
    return list(zip(medians, spreads, strict=True))


def jacobian_table(repeats: int) -> None:
    """Print one row a shape: points a second, and how many times faster than each rival."""
    columns = [f"{name:>10}" for name in ("points/s", "spread", "jacrev", "grad", "direct", "spectral", "QR")]
    print(f"\n{'Jacobians: sizes':<40}" + "".join(columns))
    for sizes, n_points in JACOBIAN_SHAPES:
        network = random_network(sizes, dtype=torch.float32)
        x = random_points(n_points, sizes[0], dtype=torch.float32)
        rivals = [by_jacrev, by_grad_calls, by_direct_product]
        factor = first_layer_factor(network.weights[0])
        runs: list[Callable[..., None]] = [partial(ours, factor=factor, spectral=flag) for flag in (False, True)]
        chunks = [chunk for chunk in CHUNKS if chunk * sizes[-1] * max(sizes) <= 2**26] or [CHUNKS[0]]
        runs += [in_chunks(rival, chunk) for rival in rivals for chunk in chunks]
        timed = seconds([partial(run, network, x) for run in runs], repeats)
        ((factoring, _),) = seconds([partial(first_layer_factor, network.weights[0])], repeats)
        mine, spread = timed[0]
        share = factoring / (mine * MODEL_POINTS / n_points)
        best = [
            min(median for median, _ in timed[2 + i * len(chunks) : 2 + (i + 1) * len(chunks)])
            for i in range(len(rivals))
        ]
        ratios = "".join(f"{other / mine:>10.1f}" for other in best)
        name = "-".join(map(str, sizes))
        print(
            f"{name:<40}{n_points / mine:>10.0f}{spread:>10.0%}{ratios}{timed[1][0] / mine:>10.1f}{share:>10.1%}",
            flush=True,
        )


def mean_of(count: Callable[..., Tensor], *arguments: object) -> float:
    """The mean over paths of what `count` finds."""
    return float(count(*arguments).double().mean())


def digits_as_mnist() -> tuple[Tensor, Tensor]:
    """The digits enlarged to 28 x 28 with a blank border, standardised, [B, 28, 28, 1]; and their labels."""
    digits = load_dataset("digits", ())
    large = np.kron(digits.x_train.reshape(-1, 8, 8), np.ones((1, 3, 3), dtype=digits.x_train.dtype))
    padded = np.pad(large, ((0, 0), (2, 2), (2, 2)))[..., None]
    return torch.from_numpy(standardise(padded, "float32")).view(-1, 28, 28, 1), torch.from_numpy(digits.y_train).long()


def trained_network(sizes: Sequence[int], x: Tensor, y: Tensor) -> StackedNetwork:
    """A relu network that has seen each point some fifteen times, by Adam."""
    weights = [weight.requires_grad_() for weight in random_network(sizes, dtype=torch.float32).weights]
    network = StackedNetwork(weights, None, "relu")
    optimizer, generator = torch.optim.Adam(weights, lr=1e-3), torch.Generator().manual_seed(0)
    for _ in range(TRAINED_STEPS):
        rows = torch.randint(len(x), (64,), generator=generator)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network.forward(x[rows])[0], y[rows]).backward()
        optimizer.step()
    return StackedNetwork([weight.detach() for weight in weights], None, "relu")


def plain_table(repeats: int) -> None:
    """Print one row a shape: the exact count beside the form of measurement.md 2.2, and where their counts differ."""
    names = "".join(f"{name:>10}" for name in ("exact/s", "plain/s", "ratio", "mean", "differ"))
    print(f"\n{'exact transitions, trained: sizes':<40}{names}")
    images, labels = digits_as_mnist()
    for sizes, n_paths in TRANSITION_SHAPES:
        network = trained_network(sizes, images.flatten(1), labels)
        vertices = shift_vertices(images[:n_paths])
        calls = [partial(count_exact, network, vertices), partial(count_plainly, network, vertices)]
        (ours, _), (plain, _) = seconds(calls, repeats)
        counts, plainly = [call() for call in calls]
        name = "-".join(map(str, sizes))
        print(
            f"{name:<40}{n_paths / ours:>10.0f}{n_paths / plain:>10.0f}{plain / ours:>10.2f}"
            f"{float(counts.double().mean()):>10.0f}{int((counts != plainly).sum()):>10}",
            flush=True,
        )


def transitions_table(repeats: int) -> None:
    """Print one row a shape: exact and sampled paths a second, and what the samples find of the exact count."""
    print(f"\n{'transitions: sizes':<40}{'exact/s':>10}{'mean':>8}{'k=28':>16}{'k=112':>16}{'2 t_56 - t_28':>16}")
    for sizes, n_paths in TRANSITION_SHAPES:
        network = random_network(sizes, dtype=torch.float32)
        # Blurred noise: neighbouring pixels are alike, as in pictures.
        noise = random_points(n_paths, 784, dtype=torch.float32).view(n_paths, 1, 28, 28)
        smooth = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(noise, (2, 2, 2, 2), mode="circular"), 5, 1)
        vertices = shift_vertices(smooth.view(n_paths, 28, 28, 1) * 5.0)
        calls = [
            partial(mean_of, count_exact, network, vertices),
            partial(mean_of, count_sampled, network, vertices, 1),
            partial(mean_of, count_sampled, network, vertices, 4),
            partial(count_extrapolated, network, vertices, 2),
        ]
        exact, *others = seconds(calls, repeats)
        mean, *found = [call() for call in calls]
        cells = [
            f"{share / mean:.3f} at {exact[0] / taken:.1f}x" for share, (taken, _) in zip(found, others, strict=True)
        ]
        name = "-".join(map(str, sizes))
        print(f"{name:<40}{n_paths / exact[0]:>10.0f}{mean:>8.0f}" + "".join(f"{c:>16}" for c in cells), flush=True)


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each call")
    parser.add_argument("--only", choices=("jacobians", "plain", "transitions"), help="one table instead of all")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread, float32, "
        f"medians of CPU seconds over {arguments.repeats} interleaved runs.\n"
        "jacrev, grad, direct: times faster than each; spectral: times slower with spectral norms; "
        f"QR: once a model, as a share of {MODEL_POINTS} points; "
        "k: share of the exact count found, and how many times faster"
    )
    parts = {"jacobians": jacobian_table, "plain": plain_table, "transitions": transitions_table}
    for name, table in parts.items():
        if arguments.only in (None, name):
            table(arguments.repeats)


if __name__ == "__main__":
    main()
