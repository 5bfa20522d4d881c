"""What the resident kernel becomes on a GPU, read off its machine code: `python -m tests.benchmarks.resident`.

No GPU is needed (compiled.py). A row is a shape and an optimizer: warps a model, registers a thread, bytes a thread
that did not fit registers and lie in the cache instead, shared memory, and instructions of a step, with the
multiply-adds among them. `issue bound` is the most steps a second that 132 multiprocessors of four schedulers, one
instruction a cycle each, could do at 1.755 GHz: no measurement, and waiting for memory or barriers comes on top. A
launch also tells the compiler that arrays lie aligned.
"""

from __future__ import annotations

import argparse
import json
import sys

from sensdb.datasets.catalogue import DatasetInfo
from sensdb.definitions.spec import TrainingSpec
from sensdb.training.gradient_pack import GradientPack
from sensdb.training.resident import ResidentSteps
from tests.benchmarks.compiled import HERTZ, MULTIPROCESSORS, SCHEDULERS, Compiled
from tests.training.models import a_spec, made_up_data, made_up_info

INFO = made_up_info(400, (8, 8, 1), 10)
SHAPES = {
    "64-16-16-10": {"width": 16, "batch_size": 32},
    "64-50-50-10": {"width": 50, "batch_size": 32},
    "64-32x4-10": {"width": 32, "hidden_layers": 4, "batch_size": 32},
}
OPTIMIZERS = ("momentum", "adam", "sgd", "rmsprop")


def compiled(spec: TrainingSpec, info: DatasetInfo) -> Compiled:
    """The kernel of one spec; its loop is a step."""
    steps = ResidentSteps(GradientPack(spec, 2, made_up_data(info), resident=True), 2)
    return Compiled(steps.kernel, steps.arguments(0, 1), steps.constants, as_launched=False)


def issue_bound(one: Compiled) -> float:
    """Steps a second."""
    return MULTIPROCESSORS * HERTZ / (len(one.loop) * one.warps / SCHEDULERS)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", choices=OPTIMIZERS, action="append", help="momentum and adam unless given")
    parser.add_argument("--fields", type=json.loads, default={}, help="more fields of the spec, as JSON")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    chosen = parser.parse_args()
    print(
        f"{'shape':<14}{'optimizer':<11}{'warps':>6}{'registers':>11}{'spilled B':>11}{'shared B':>10}"
        f"{'a step':>8}{'FFMA':>7}{'issue bound/s':>15}"
    )
    for shape in chosen.shape or SHAPES:
        for optimizer in chosen.optimizer or OPTIMIZERS[:2]:
            one = compiled(a_spec(INFO, optimizer=optimizer, **{**SHAPES[shape], **chosen.fields}), INFO)
            print(
                f"{shape:<14}{optimizer:<11}{one.warps:>6}{one.registers:>11}{one.stack:>11}{one.shared:>10}"
                f"{len(one.loop):>8}{one.loop.count('FFMA'):>7}{issue_bound(one) / 1e6:>13.1f} M",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
