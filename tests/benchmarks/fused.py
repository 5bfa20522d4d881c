"""What the kernel of fused steps becomes on a GPU, read off its machine code: `python -m tests.benchmarks.fused`.

No GPU is needed (compiled.py). A row is a layer of a shape and an optimizer: the tile, warps and registers of a
program, bytes a thread that did not fit registers, shared memory, and the share of multiply-adds in the loop over the
points. `issue us` and `bytes us` are the least microseconds of 512 models' layers on 132 multiprocessors at 1.755 GHz
whose four schedulers issue one instruction a cycle, and at 4.3 TB/s for what the pass must read and write once:
arithmetic, no measurement. `stacked us` is the second for the calls it stands for: the product that writes the
gradient, and the optimizer's passes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

from sensdb.definitions.spec import layer_sizes
from sensdb.training.fused import FusedLayer
from sensdb.training.gradient_pack import GradientPack
from sensdb.training.step import Step
from tests.benchmarks.compiled import HERTZ, MULTIPROCESSORS, SCHEDULERS, Compiled
from tests.training.models import a_spec, made_up_data, made_up_info

SHAPES = {
    "784-100x3-10 b100": ((28, 28, 1), {"width": 100, "hidden_layers": 3, "batch_size": 100}),
    "3072-100x3-10 b128": ((32, 32, 3), {"width": 100, "hidden_layers": 3, "batch_size": 128}),
    "3072-1000x3-10 b128": ((32, 32, 3), {"width": 1000, "hidden_layers": 3, "batch_size": 128}),
}
# Numbers a weight that the calls of a stacked step on a GPU read and write, the product's included: optimizers.py.
STACKED = {"sgd": 4, "momentum": 5, "rmsprop": 16, "adam": 19}
STATES = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2}
MODELS, BYTES_A_SECOND = 512, 4.3e12


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", choices=STACKED, action="append", help="momentum and adam unless given")
    parser.add_argument("--fields", type=json.loads, default={}, help="more fields of the spec, as JSON")
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--layer", type=int, choices=(0, 1, 3), action="append", help="all three unless given")
    chosen = parser.parse_args()
    print(
        f"{'shape':<21}{'layer':<11}{'optimizer':<9}{'tile':>10}{'warps':>6}{'registers':>10}{'spilled B':>10}"
        f"{'shared B':>9}{'FFMA':>6}{'issue us':>9}{'bytes us':>9}{'stacked us':>11}"
    )
    for shape in chosen.shape or SHAPES:
        image, fields = SHAPES[shape]
        info = made_up_info(200, image, 10)
        for optimizer in chosen.optimizer or ("momentum", "adam"):
            spec = a_spec(info, optimizer=optimizer, **{**fields, **chosen.fields})
            pack = GradientPack(spec, 2, made_up_data(info), fused=True)
            sizes = layer_sizes(spec, info)
            for layer in chosen.layer or (0, 1, 3):
                row = _row(pack, layer, optimizer)
                print(f"{shape:<21}{f'{sizes[layer]}-{sizes[layer + 1]}':<11}{optimizer:<9}{row}", flush=True)


def compiled(pack: GradientPack, step: Step, layer: int) -> Compiled:
    """The kernel of one layer of a pack's step."""
    update = _of_layer(step, layer)
    arguments = update.arguments([ahead[0] for ahead in pack.window.coefficients])
    return Compiled(update.kernel, arguments, update.constants, as_launched=True)


def _of_layer(step: Step, layer: int) -> FusedLayer:
    update = step.updates[layer]
    assert isinstance(update, FusedLayer)
    return update


def _row(pack: GradientPack, layer: int, optimizer: str) -> str:
    step = Step(pack, 2)
    one, constants = compiled(pack, step, layer), _of_layer(step, layer).constants
    units, columns, points = (int(constants[name]) for name in ("UNITS", "COLUMNS", "POINTS"))
    fan_in, fan_out = pack.sizes[layer : layer + 2]
    n_programs = MODELS * math.ceil(fan_out / units) * math.ceil(fan_in / columns)
    n_instructions = len(one.all) + (math.ceil(pack.batch / points) - 1) * len(one.loop)
    issue = n_programs * n_instructions * one.warps / (SCHEDULERS * MULTIPROCESSORS * HERTZ)
    read = pack.batch * (fan_in + fan_out)
    times = [
        4 * MODELS * (numbers * fan_in * fan_out + read) / BYTES_A_SECOND
        for numbers in (2 + 2 * STATES[optimizer], STACKED[optimizer])
    ]
    return (
        f"{f'{units}x{columns}x{points}':>10}{one.warps:>6}{one.registers:>10}{one.stack:>10}{one.shared:>9}"
        f"{one.loop.count('FFMA') / max(1, len(one.loop)):>6.0%}{1e6 * issue:>9.0f}"
        f"{1e6 * times[0]:>9.0f}{1e6 * times[1]:>11.0f}"
    )


if __name__ == "__main__":
    sys.exit(main())
