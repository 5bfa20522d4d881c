"""What the resident kernel becomes on a GPU, read off its machine code: `python -m tests.benchmarks.resident`.

No GPU is needed: Triton compiles for compute capability 9.0 and its ptxas and nvdisasm say what came of it. A row is a
shape and an optimizer: warps a model, registers a thread, bytes a thread that did not fit registers and lie in the
cache instead, shared memory, and instructions of a step, with the multiply-adds among them. `issue bound` is the
most steps a second that 132 multiprocessors of four schedulers, one instruction a cycle each, could do at 1.755 GHz: no
measurement, and waiting for memory or barriers comes on top. A launch also tells the compiler that arrays lie aligned.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.gradient_pack import GradientPack
from sensdb.training.resident import ResidentSteps
from tests.training.models import a_spec, made_up_data, made_up_info

INFO = made_up_info(400, (8, 8, 1), 10)
SHAPES = {
    "64-16-16-10": {"width": 16, "batch_size": 32},
    "64-50-50-10": {"width": 50, "batch_size": 32},
    "64-32x4-10": {"width": 32, "hidden_layers": 4, "batch_size": 32},
}
OPTIMIZERS = ("momentum", "adam", "sgd", "rmsprop")
CAPABILITY = 90
MULTIPROCESSORS, SCHEDULERS, HERTZ = 132, 4, 1.755e9
_INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]+)\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_]*)", re.MULTILINE)
_BACKWARD_JUMP = re.compile(r"^\s+/\*([0-9a-f]+)\*/\s+(?:@!?U?P\w+\s+)?BRA\b.*?`\((\.L_x_\d+)\)", re.MULTILINE)


class Compiled:
    """The kernel of one spec, compiled.

    Attributes:
        warps, shared, registers, stack: of it, the last two a thread.
        step: the names of the instructions of one step, in order.
    """

    def __init__(self, spec: TrainingSpec) -> None:
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        steps = ResidentSteps(GradientPack(spec, 2, made_up_data(INFO), resident=True), 2)
        tensors, numbers, constants = steps.arguments(0, 1)
        options = {name: constants.pop(name) for name in ("num_warps", "maxnreg")}
        self.warps = int(options["num_warps"])
        names = steps.kernel.arg_names
        signature: dict[str, Any] = dict(zip(names, map(_type_of, (*tensors, *numbers)), strict=False))
        signature |= dict.fromkeys(constants, "constexpr")
        source = ASTSource(steps.kernel, signature, constexprs=constants)
        kernel = triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options=options)
        self.shared = int(kernel.metadata.shared)
        programs = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(kernel.asm["cubin"])
            file.flush()
            usage = _said_by(programs / "cuobjdump", "--dump-resource-usage", file.name)
            listing = _said_by(programs / "nvdisasm", file.name)
        found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
        assert found is not None, usage
        self.registers, self.stack = int(found[1]), int(found[2])
        self.step = _longest_loop(listing)

    @property
    def issue_bound(self) -> float:
        """Steps a second."""
        cycles = len(self.step) * self.warps / SCHEDULERS
        return MULTIPROCESSORS * HERTZ / cycles


def _type_of(argument: object) -> object:
    if isinstance(argument, tuple):
        return tuple(map(_type_of, argument))
    if isinstance(argument, int):
        return "i32"
    if isinstance(argument, float):
        return "fp32"
    assert isinstance(argument, torch.Tensor)
    return {torch.int64: "*i64", torch.float32: "*fp32"}[argument.dtype]


def _said_by(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def _longest_loop(listing: str) -> list[str]:
    """The instructions between a label and the jump back to it, of the loop that has most."""
    labels = {}
    for match in re.finditer(r"^(\.L_x_\d+):", listing, re.MULTILINE):
        following = _INSTRUCTION.search(listing, match.end())
        if following is not None:
            labels[match[1]] = int(following[1], 16)
    loops = [(labels[match[2]], int(match[1], 16)) for match in _BACKWARD_JUMP.finditer(listing) if match[2] in labels]
    start, end = max(loops, key=lambda loop: loop[1] - loop[0])
    return [match[2] for match in _INSTRUCTION.finditer(listing) if start <= int(match[1], 16) <= end]


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
            one = Compiled(a_spec(INFO, optimizer=optimizer, **{**SHAPES[shape], **chosen.fields}))
            print(
                f"{shape:<14}{optimizer:<11}{one.warps:>6}{one.registers:>11}{one.stack:>11}{one.shared:>10}"
                f"{len(one.step):>8}{one.step.count('FFMA'):>7}{one.issue_bound / 1e6:>13.1f} M",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
