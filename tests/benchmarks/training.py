"""Speed of packed training beside plain loops and torch.func.vmap: `python -m tests.benchmarks.training`.

Model-steps a second of one thread's CPU time, each row one shape and optimizer, all ways interleaved in the same
minutes; ratios are sensdb over the rival, so above 1 sensdb is faster. sensdb runs as a worker runs it, with its own
shuffles, learning rates and checks for non-finite losses, at the number of slots it plans. Best plain is one
nn.Sequential at a time with a fused optimizer and each batch selected into a fixed buffer; compiled is best plain with
network and loss compiled by torch.compile, in the warm-up; common plain has torch's default optimizer and `x[rows]`;
vmap is grad of a functional call over M stacked modules. Only ratios of one run mean anything: a shared machine moves
the absolute numbers.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sensdb.definitions.spec import TrainingSpec, layer_sizes, make_spec
from sensdb.training.data import TrainingData
from sensdb.training.packing import device_class, plan_slots
from sensdb.training.trainer import Trainer
from tests.training.models import MADE_UP, made_up_data, made_up_info

SHAPES: list[tuple[tuple[int, int, int], tuple[int, ...], int]] = [
    ((8, 8, 1), (16, 16), 32),
    ((8, 8, 1), (50, 50), 32),
    ((28, 28, 1), (100, 100, 100), 100),
    ((28, 28, 1), (200, 200, 200), 128),
    ((32, 32, 3), (100, 100, 100), 128),
]
OPTIMIZERS = ["momentum", "adam"]
N_POINTS = 2000
VMAP_MODELS = 16

# Does model-steps for about so many seconds; says how many.
Steps = Callable[[float], int]


def spec_of(hidden: tuple[int, ...], batch: int, optimizer: str, info: object, seed: int = 0) -> TrainingSpec:
    """A spec of the shape that never stops within the benchmark."""
    fields = {
        "dataset": MADE_UP,
        "hidden_layers": len(hidden),
        "width": list(hidden),
        "batch_size": batch,
        "optimizer": optimizer,
        "learning_rate": 0.01 if optimizer == "momentum" else 0.001,
        "max_steps": 2**24,
        "seed": seed,
    }
    return make_spec(fields, lambda _: info)  # type: ignore[arg-type, return-value]


def by_sensdb(spec: TrainingSpec, data: TrainingData, slots: int) -> Steps:
    """A pack of `slots` models."""
    trainer = Trainer(spec, slots, data)
    for slot in range(slots):
        trainer.put(slot, spec_of(spec.widths, int(spec.batch_size), spec.optimizer, data.info, slot))

    def run(seconds: float) -> int:
        before = trainer.model_steps
        trainer.run(seconds)
        return trainer.model_steps - before

    return run


def plain_model(spec: TrainingSpec, data: TrainingData) -> nn.Sequential:
    """One network of the spec's shape."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(layer_sizes(spec, data.info)):
        layers += [nn.Linear(fan_in, fan_out, bias=False), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def by_plain(spec: TrainingSpec, data: TrainingData, *, best: bool, compiled: bool = False) -> Steps:
    """One model in a loop of its own, `best` with a fused optimizer and a fixed input buffer."""
    model, batch = plain_model(spec, data), int(spec.batch_size)
    how = {"fused": True} if best else {}
    if spec.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), 0.001, **how)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, **how)
    x, y = data.x.contiguous(), data.labels
    buffer = torch.empty(batch, x.shape[1])

    def plain_loss(points: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(points), labels)

    loss = torch.compile(plain_loss) if compiled else plain_loss

    def batches() -> itertools.chain[Tensor]:
        return itertools.chain.from_iterable(
            torch.randperm(len(x))[: len(x) // batch * batch].view(-1, batch) for _ in itertools.count()
        )

    stream = batches()

    def run(seconds: float) -> int:
        deadline, n_steps = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            rows = next(stream)
            points = torch.index_select(x, 0, rows, out=buffer) if best else x[rows]
            optimizer.zero_grad()
            loss(points, y[rows]).backward()
            optimizer.step()
            n_steps += 1
        return n_steps

    return run


def vmap_step(spec: TrainingSpec, data: TrainingData, n_models: int) -> Callable[[], None]:
    """A step of n_models modules stacked by torch.func: gradients by vmap(grad), updates on the stacked tensors."""
    device = data.rows.device
    models = [plain_model(spec, data).to(device) for _ in range(n_models)]
    parameters, _ = torch.func.stack_module_state(models)  # type: ignore[arg-type]
    parameters = {name: value.detach() for name, value in parameters.items()}
    x, y, batch = data.x.contiguous(), data.labels, int(spec.batch_size)

    def loss(values: dict[str, Tensor], points: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(torch.func.functional_call(models[0], values, (points,)), labels)

    gradient = torch.func.vmap(torch.func.grad(loss))
    tensors = list(parameters.values())
    if spec.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(tensors, 0.001, fused=True)
    else:
        optimizer = torch.optim.SGD(tensors, 0.01, momentum=0.9, fused=True)

    def step() -> None:
        rows = torch.randint(len(x), (n_models, batch), device=device)
        for name, value in gradient(parameters, x[rows], y[rows]).items():
            parameters[name].grad = value
        optimizer.step()

    return step


def by_vmap(spec: TrainingSpec, data: TrainingData) -> Steps:
    """VMAP_MODELS models by `vmap_step`."""
    step = vmap_step(spec, data, VMAP_MODELS)

    def run(seconds: float) -> int:
        deadline, n_steps = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            step()
            n_steps += VMAP_MODELS
        return n_steps

    return run


def rates(ways: list[Steps], rounds: int, seconds: float) -> list[tuple[float, float]]:
    """Median model-steps a second of CPU time, and the largest relative deviation; the first round warms up."""
    found: list[list[float]] = [[] for _ in ways]
    for _ in range(rounds + 1):
        for way, each in zip(ways, found, strict=True):
            start = time.process_time()
            n_steps = way(seconds)
            each.append(n_steps / (time.process_time() - start))
    medians = [statistics.median(each[1:]) for each in found]
    spreads = [max(abs(rate / median - 1) for rate in each[1:]) for each, median in zip(found, medians, strict=True)]
    return list(zip(medians, spreads, strict=True))


def flops_a_step(sizes: tuple[int, ...], batch: int) -> int:
    """2 B (3 sum m - m_1): forward, dW and dH, none of the input."""
    products = [fan_in * fan_out for fan_in, fan_out in itertools.pairwise(sizes)]
    return 2 * batch * (3 * sum(products) - products[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each way in each round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(
        f"torch {torch.__version__}, {device_class('cpu')}, {platform.processor() or platform.machine()}, 1 thread, "
        f"float32, medians of {options.rounds} rounds of {options.seconds} s"
    )
    names = (
        "slots",
        "steps/s",
        "GFLOP/s",
        "spread",
        "best plain",
        "compiled",
        "common",
        f"vmap {VMAP_MODELS}",
        "1 slot",
    )
    print(f"{'shape':<30}{'optimizer':<10}" + "".join(f"{name:>11}" for name in names))
    for shape, hidden, batch in SHAPES:
        info = made_up_info(N_POINTS, shape, 10)
        data = made_up_data(info)
        for optimizer in OPTIMIZERS:
            spec = spec_of(hidden, batch, optimizer, info)
            slots = plan_slots(spec, data, "cpu")
            ways = [
                by_sensdb(spec, data, slots),
                by_plain(spec, data, best=True),
                by_plain(spec, data, best=True, compiled=True),
                by_plain(spec, data, best=False),
                by_vmap(spec, data),
                by_sensdb(spec, data, 1),
            ]
            (rate, spread), *others = rates(ways, options.rounds, options.seconds)
            sizes = layer_sizes(spec, info)
            name = f"{'-'.join(map(str, sizes))} b{batch}"
            print(
                f"{name:<30}{optimizer:<10}{slots:>11}{rate:>11.0f}{rate * flops_a_step(sizes, batch) / 1e9:>11.1f}"
                f"{spread:>11.0%}" + "".join(f"{rate / other:>11.2f}" for other, _ in others),
                flush=True,
            )


if __name__ == "__main__":
    main()
