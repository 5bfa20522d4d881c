"""What measuring a model costs beside training it: `python -m tests.benchmarks.measuring_cost`.

784-200-200-200-10, as the default policy measures it: all of point_metrics with spectral norms at 10,000 test points
and 1,000 training points, exact transitions at 1,000 test points and 200 of training. The points are the digits
enlarged to 28 x 28, each point repeated with noise of its own; the network is trained on them for a few hundred steps.

Training is timed by a shorter run of a full pack and scaled to 2^16 steps of one model: its time is proportional to its
steps. CPU seconds of one thread, both parts in the same minutes.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor

from sensdb.definitions.measure import MeasureSettings
from sensdb.measurement.jacobian import first_layer_factor, point_metrics
from sensdb.measurement.norms import weight_norms
from sensdb.measurement.plan import count_transitions, plan_transitions
from sensdb.training.network import StackedNetwork
from sensdb.training.packing import device_class, plan_slots
from sensdb.training.trainer import Trainer
from tests.benchmarks.measurement import digits_as_mnist, trained_network
from tests.benchmarks.training import N_POINTS, spec_of
from tests.training.models import made_up_data, made_up_info

SIZES = (784, 200, 200, 200, 10)
STEPS = 2**16
BATCH = 128
TEST_POINTS, TRAINING_POINTS = 10_000, 1_000


def noisy_copies(images: Tensor, labels: Tensor, n_points: int) -> tuple[Tensor, Tensor]:
    """n_points images, each one of those given with noise, standardised again."""
    chosen = torch.arange(n_points) % len(images)
    noise = torch.randn(n_points, *images.shape[1:], generator=torch.Generator().manual_seed(0))
    flat = (images[chosen] + 0.1 * noise).flatten(1)
    flat = (flat - flat.mean(dim=1, keepdim=True)) / flat.std(dim=1, correction=0, keepdim=True)
    return flat.view(-1, *images.shape[1:]), labels[chosen]


def training_seconds(seconds: float) -> tuple[float, int]:
    """CPU seconds that STEPS steps of one model take in a full pack, from a run of about `seconds`; the slots of it."""
    info = made_up_info(N_POINTS, (28, 28, 1), 10)
    data = made_up_data(info)
    spec = spec_of(SIZES[1:-1], BATCH, "momentum", info)
    slots = plan_slots(spec, data, "cpu")
    trainer = Trainer(spec, slots, data)
    for slot in range(slots):
        trainer.put(slot, spec_of(SIZES[1:-1], BATCH, "momentum", info, slot))
    trainer.run(seconds / 5)  # warms up
    before, started = trainer.model_steps, time.process_time()
    trainer.run(seconds)
    return STEPS * (time.process_time() - started) / (trainer.model_steps - before), slots


def measuring_seconds(network: StackedNetwork, images: Tensor, labels: Tensor) -> dict[str, float]:
    """CPU seconds of each part of measuring one model."""
    settings = MeasureSettings()
    x, y = noisy_copies(images, labels, TEST_POINTS)
    x_train, y_train = noisy_copies(images, labels, TRAINING_POINTS)
    taken: dict[str, float] = {}
    started = time.process_time()

    def lap(name: str) -> None:
        nonlocal started
        now = time.process_time()
        taken[name], started = now - started, now

    factor = first_layer_factor(network.weights[0])
    lap("QR of the first layer")
    for points, classes in ((x, y), (x_train, y_train)):
        point_metrics(network, points.flatten(1), classes, spectral=False, factor=factor)
    lap("Jacobian family without spectral norms")
    for points, classes in ((x, y), (x_train, y_train)):
        point_metrics(network, points.flatten(1), classes, spectral=True, factor=factor)
    lap("spectral norms")
    taken["spectral norms"] -= taken["Jacobian family without spectral norms"]
    weight_norms(network)
    lap("weight norms")
    chosen = torch.cat([x[: settings.transitions_points], x_train[: settings.transitions_points // 5]])
    plan = plan_transitions(network, chosen, settings, len(chosen))
    counts = count_transitions(network, chosen, plan)
    lap(f"transitions, {plan.method}, {len(chosen)} paths of {float(counts.mean()):.0f}")
    return taken


def main() -> None:
    """Parse the command line and print the parts and their share of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of training that is timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images, labels = digits_as_mnist()
    network = trained_network(SIZES, images.flatten(1), labels)
    before, slots = training_seconds(arguments.seconds / 2)
    taken = measuring_seconds(network, images, labels)
    after, _ = training_seconds(arguments.seconds / 2)
    training, measuring = (before + after) / 2, sum(taken.values())
    print(f"\n{'-'.join(map(str, SIZES))}, float32, one thread, CPU seconds a model; {device_class('cpu')}")
    print(f"training, {STEPS} steps, batch {BATCH}, pack of {slots} (scaled from a shorter run) {training:>10.1f}")
    for name, seconds in taken.items():
        print(f"  {name:<70}{seconds:>10.2f}{seconds / training:>10.2%}")
    print(f"  {'measuring':<70}{measuring:>10.2f}{measuring / training:>10.2%}")


if __name__ == "__main__":
    main()
