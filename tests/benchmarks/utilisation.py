"""How much of a pack's time goes into steps where models stop at all times: `python -m tests.benchmarks.utilisation`.

N models whose numbers of steps are log-normal (sigma 0.7) go through M slots that are refilled as they stop, N/M = 15.
Counted: model-steps over slots times pack steps. Of time: what the same model-steps take a full pack that neither
starts nor ends nor checks a model, over what they took here, so that starts, checks, copies and the tail of the queue
are all paid for; in CPU time of the one thread, the two interleaved in the same minutes. On a CPU empty slots are not
computed, so this, and not the share counted, is the utilisation of training-engine.md 7, whose median is 20,000 steps;
short models pay more for their start: `--median 2000`. The median of each row is printed with it.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import time
from collections import deque

import torch

from sensdb.definitions.spec import TrainingSpec, make_spec
from sensdb.training.data import TrainingData
from sensdb.training.packing import device_class, plan_slots
from sensdb.training.trainer import Trainer
from tests.benchmarks.training import by_sensdb, spec_of
from tests.training.models import MADE_UP, made_up_data, made_up_info

# Image, hidden layers, batch, median number of steps: fewer where a step takes so long that a start hardly shows.
SHAPES: list[tuple[tuple[int, int, int], tuple[int, ...], int, int]] = [
    ((8, 8, 1), (16, 16), 32, 20_000),
    ((8, 8, 1), (50, 50), 32, 20_000),
    ((28, 28, 1), (100, 100, 100), 100, 2_000),
]
SIGMA = 0.7
MODELS_A_SLOT = 15


def specs_of(hidden: tuple[int, ...], batch: int, data: TrainingData, n: int, median: int) -> list[TrainingSpec]:
    """Specs of one shape with log-normal numbers of steps, half of them fitted rather than timed: those are checked."""
    draws = random.Random(0)
    fields = {"dataset": MADE_UP, "hidden_layers": len(hidden), "width": list(hidden), "batch_size": batch}
    return [
        make_spec(
            {
                **fields,
                "learning_rate": 0.001,
                "max_steps": max(1, round(median * draws.lognormvariate(0.0, SIGMA))),
                # Never reached: the checks are paid for, the number of steps is the one drawn.
                "stop": "loss < 1e-9" if seed % 2 else "never",
                "seed": seed,
            },
            lambda _: data.info,
        )
        for seed in range(n)
    ]


def refilled(specs: list[TrainingSpec], data: TrainingData, slots: int) -> tuple[int, float, float]:
    """Model-steps, the share of slots in use over pack steps, and seconds of CPU time."""
    waiting, pack_steps = deque(specs), 0.0
    started = time.thread_time()
    trainer = Trainer(specs[0], slots, data)
    while waiting or trainer.active_slots:
        for slot in trainer.free_slots[: len(waiting)]:
            trainer.put(slot, waiting.popleft())
        n_active, before = len(trainer.active_slots), trainer.model_steps
        for slot in trainer.run():
            trainer.take(slot)
        pack_steps += (trainer.model_steps - before) / n_active
    seconds = time.thread_time() - started
    return trainer.model_steps, trainer.model_steps / (slots * pack_steps), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--median", type=int, help="of the models' numbers of steps, for all shapes")
    parser.add_argument("--slots", type=int, default=8, help="at most; a run takes as long as it has slots")
    parser.add_argument("--points", type=int, default=2000, help="training points, all seen by each check")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"{device_class('cpu')}, torch {torch.__version__}, {platform.platform()}, {arguments.rounds} rounds, medians"
    )
    print(f"log-normal steps, sigma {SIGMA}, {MODELS_A_SLOT} models a slot")
    print(f"{'shape':24} {'median':>7} {'slots':>5} {'counted':>8} {'of time':>8} {'spread':>13}")
    for image, hidden, batch, usual in SHAPES:
        median = arguments.median or usual
        data = made_up_data(made_up_info(arguments.points, image, 10))
        spec = spec_of(hidden, batch, "momentum", data.info)
        slots = min(plan_slots(spec, data, "cpu"), arguments.slots)
        specs = specs_of(hidden, batch, data, MODELS_A_SLOT * slots, median)
        full = by_sensdb(spec, data, slots)
        full(1.0)
        shares, counted = [], 0.0
        for _ in range(arguments.rounds):
            started = time.thread_time()
            n_steps = full(3.0)
            rate = n_steps / (time.thread_time() - started)
            model_steps, counted, seconds = refilled(specs, data, slots)
            shares.append(model_steps / rate / seconds)
        shape = "-".join(map(str, (data.info.input_size, *hidden, 10)))
        spread = f"{min(shares):.2f} to {max(shares):.2f}"
        kind = f"{f'{shape} b{batch}':24} {median:7d} {slots:5d}"
        print(f"{kind} {counted:8.2f} {statistics.median(shares):8.2f} {spread:>13}", flush=True)


if __name__ == "__main__":
    main()
