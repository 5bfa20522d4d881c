"""Packed training on a GPU beside what the card can do: `python -m tests.benchmarks.gpu [--device cuda:0]`.

Model-steps a second of wall-clock time, float32 without TF32, momentum unless --optimizer adam is given, all ways
interleaved in the same minutes, medians with the largest relative deviation. The ceiling of a shape is the lower of two
bounds (training-engine.md 2): its floating-point operations at the rate of a large matrix product, and the bytes its
kernels must move at the rate of a large copy, both measured on this card in this run. Rivals: one model in a loop on
the device with a fused optimizer, the same recorded as a CUDA graph, and torch.func.vmap over a stack; sensdb's rate is
given as so many times theirs. The last columns are `sensdb worker --fused` and `--resident` as so many times the
stacked rate, the latter where a shape has such steps.
`--device cpu` tries the program itself.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_parameters
from sensdb.training.data import TrainingData
from sensdb.training.packing import device_class, plan_slots
from sensdb.training.recorded import Record, beside, record_on
from sensdb.training.resident import is_resident
from sensdb.training.trainer import Trainer
from tests.benchmarks.training import flops_a_step, plain_model, spec_of, vmap_step
from tests.training.models import made_up_data, made_up_info

SHAPES: list[tuple[tuple[int, int, int], tuple[int, ...], int]] = [
    ((8, 8, 1), (50, 50), 32),
    ((28, 28, 1), (100, 100, 100), 100),
    ((32, 32, 3), (100, 100, 100), 128),
    ((32, 32, 3), (1000, 1000, 1000), 128),
]
N_POINTS = 10_000
VMAP_MODELS = 64
STEPS_A_MODEL = 2**18

# Does so many steps, of each of its models; says how many model-steps that was.
Steps = Callable[[int], int]


class Card:
    """A device, what it can do, and how its work is timed."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        size = 8192 if device.type == "cuda" else 1024
        a, b = (torch.randn(size, size, device=device) for _ in range(2))
        out = torch.empty_like(a)
        self.flops = 2 * size**3 / self._best(lambda: torch.mm(a, b, out=out))
        source = torch.zeros((1 << 30 if device.type == "cuda" else 1 << 26) // 4, device=device)
        target = torch.empty_like(source)
        self.bytes = 2 * 4 * source.numel() / self._best(lambda: target.copy_(source))

    def timed(self, way: Steps, n_steps: int) -> tuple[int, float]:
        """What a way says of so many steps, and wall-clock seconds until the device has done them."""
        self._wait()
        started = time.perf_counter()
        done = way(n_steps)
        self._wait()
        return done, time.perf_counter() - started

    def _best(self, call: Callable[[], object]) -> float:
        return min(self.timed(by_loop(call), 1)[1] for _ in range(10))

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def bytes_a_step(sizes: tuple[int, ...], n_weights: int, batch: int, optimizer: str) -> int:
    """4 (7 P - m_1 + 8 B H + 4 B d0): what a step moves where each kernel reads and writes memory; with Adam 10 P."""
    passes = {"momentum": 7, "adam": 10}[optimizer]
    return 4 * (passes * n_weights - sizes[0] * sizes[1] + 8 * batch * sum(sizes[1:-1]) + 4 * batch * sizes[0])


def by_sensdb(spec: TrainingSpec, data: TrainingData, slots: int, device: torch.device, **kinds: bool) -> Steps:
    """A full pack; what it trains never stops within the benchmark."""
    trainer = Trainer(spec, slots, data, device=device, **kinds)
    for slot in range(slots):
        trainer.put(slot, spec_of(spec.widths, int(spec.batch_size), spec.optimizer, data.info, slot))

    def run(n_steps: int) -> int:
        before, wanted = trainer.model_steps, n_steps * slots
        while trainer.model_steps - before < wanted:
            trainer.run(seconds=0.0)
        return trainer.model_steps - before

    return run


def one_model(spec: TrainingSpec, data: TrainingData, device: torch.device) -> Callable[[], None]:
    """A step of one model on the device: batches come from a shuffle that lies there."""
    model, batch = plain_model(spec, data).to(device), int(spec.batch_size)
    optimizer: torch.optim.Optimizer
    if spec.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), 0.001, fused=True, capturable=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)
    x, y = data.x.contiguous(), data.labels
    order = torch.randperm(len(x), device=device)
    place = torch.zeros((), dtype=torch.int64, device=device)
    ahead = torch.arange(batch, device=device)

    def step() -> None:
        rows = order[(place + ahead) % len(x)]
        optimizer.zero_grad(set_to_none=False)
        nn.functional.cross_entropy(model(x.index_select(0, rows)), y.index_select(0, rows)).backward()
        optimizer.step()
        place.add_(batch)

    return step


def by_loop(step: Callable[[], object], n_models: int = 1) -> Steps:
    """A step of so many models after the other, from Python."""

    def run(n_steps: int) -> int:
        for _ in range(n_steps):
            step()
        return n_steps * n_models

    return run


def recorded(step: Callable[[], None], record: Record, device: torch.device) -> Callable[[], object]:
    """The step as a CUDA graph, after steps beside the stream as torch's notes on CUDA graphs ask."""
    with beside(device):
        for _ in range(3):
            step()
    return record(step)


def rates(card: Card, ways: list[Steps], rounds: int, seconds: float) -> list[tuple[float, float]]:
    """Median model-steps a second and the largest relative deviation; first as many steps as fill the time."""
    n_steps = []
    for way in ways:
        way(64)
        n_steps.append(max(1, int(64 * seconds / card.timed(way, 64)[1])))
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds):
        for way, n, each in zip(ways, n_steps, found, strict=True):
            done, taken = card.timed(way, n)
            each.append(done / taken)
    medians = [statistics.median(each) for each in found]
    return [(m, max(abs(rate / m - 1) for rate in each)) for m, each in zip(medians, found, strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--optimizer", choices=("momentum", "adam"), default="momentum")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way in each round")
    parser.add_argument("--shapes", type=int, default=len(SHAPES), help="so many, the smallest first")
    given = parser.parse_args()
    torch.set_num_threads(1)  # of the host
    device = torch.device(given.device)
    card = Card(device)
    print(
        f"torch {torch.__version__}, {device_class(device)}, {given.optimizer}:"
        f" {card.flops / 1e12:.2f} TFLOP/s float32, {card.bytes / 1e12:.3f} TB/s;"
        f" medians of {given.rounds} rounds of {given.seconds} s"
    )
    names = (
        "slots",
        "steps/s",
        "spread",
        "models/h",
        "ceiling",
        "share",
        "MB",
        "eager",
        "recorded",
        f"vmap {VMAP_MODELS}",
        "fused",
        "resident",
    )
    print(f"{'shape':<30}" + "".join(f"{name:>11}" for name in names))
    for shape, hidden, batch in SHAPES[: given.shapes]:
        info = made_up_info(N_POINTS, shape, 10)
        data = made_up_data(info)
        data = TrainingData(info, data.rows.to(device), data.labels.to(device), data.image_shape)
        spec = spec_of(hidden, batch, given.optimizer, info)
        slots = plan_slots(spec, data, device)
        ways = [by_sensdb(spec, data, slots, device), by_loop(one_model(spec, data, device))]
        if (record := record_on(device)) is not None:
            ways.append(by_loop(recorded(one_model(spec, data, device), record, device)))
        ways.append(by_loop(vmap_step(spec, data, VMAP_MODELS), VMAP_MODELS))
        if device.type == "cuda":
            ways.append(by_sensdb(spec, data, slots, device, fused=True))
            if is_resident(spec, info):
                ways.append(by_sensdb(spec, data, slots, device, resident=True))
        (rate, spread), *others = rates(card, ways, given.rounds, given.seconds)
        sizes = layer_sizes(spec, info)
        n_bytes = bytes_a_step(sizes, n_parameters(spec, info), batch, spec.optimizer)
        ceiling = min(card.flops / flops_a_step(sizes, batch), card.bytes / n_bytes)
        memory = torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else float("nan")
        ratios = [rate / other for other, _ in others]
        if device.type != "cuda":
            ratios.insert(1, float("nan"))
        ratios = [*ratios[:3], *(1 / ratio for ratio in ratios[3:]), *[float("nan")] * (5 - len(ratios))]
        print(
            f"{'-'.join(map(str, sizes)) + f' b{batch}':<30}{slots:>11}{rate:>11.0f}{spread:>11.0%}"
            f"{3600 * rate / STEPS_A_MODEL:>11.0f}{ceiling:>11.0f}{rate / ceiling:>11.0%}{memory:>11.0f}"
            + "".join(f"{ratio:>11.2f}" for ratio in ratios),
            flush=True,
        )


if __name__ == "__main__":
    main()
