"""What a Triton kernel becomes on a GPU, read off its machine code; no GPU is needed.

Triton compiles for compute capability 9.0, and its ptxas and nvdisasm say what came of it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

CAPABILITY = 90
MULTIPROCESSORS, SCHEDULERS, HERTZ = 132, 4, 1.755e9
_OPTIONS = ("num_warps", "maxnreg")
_INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]+)\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_]*)", re.MULTILINE)
_BACKWARD_JUMP = re.compile(r"^\s+/\*([0-9a-f]+)\*/\s+(?:@!?U?P\w+\s+)?BRA\b.*?`\((\.L_x_\d+)\)", re.MULTILINE)


class Compiled:
    """A kernel, compiled for the arguments of a launch.

    Args:
        kernel: a function of triton.jit.
        arguments: tensors, integers, numbers, or tuples of them, in the kernel's order.
        constants: by name; num_warps and maxnreg among them.
        as_launched: tell what a launch tells of values: which integers are 1, which of them 16 divides, and that
            tensors lie on 16 bytes.

    Attributes:
        warps, shared, registers, stack: of it, the last two a thread.
        all, loop: the names of its instructions in order, and of those of its longest loop.
    """

    def __init__(
        self, kernel: Any, arguments: Sequence[object], constants: Mapping[str, object], *, as_launched: bool
    ) -> None:
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        options = {name: constants[name] for name in _OPTIONS}
        values = {name: value for name, value in constants.items() if name not in _OPTIONS}
        said = _said_of(kernel, arguments) if as_launched else {}
        ones: dict[Any, object] = {place: 1 for place, is_one in said.items() if is_one}
        divisible = {place: [["tt.divisibility", 16]] for place, is_one in said.items() if not is_one}
        signature = {
            name: _type_of(argument, ones, (place,))
            for place, (name, argument) in enumerate(zip(kernel.arg_names, arguments, strict=False))
        } | dict.fromkeys(values, "constexpr")
        source = ASTSource(kernel, signature, ones | values, divisible)
        compiled = triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options=options)
        self.warps, self.shared = int(compiled.metadata.num_warps), int(compiled.metadata.shared)
        programs = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(compiled.asm["cubin"])
            file.flush()
            usage = _said_by(programs / "cuobjdump", "--dump-resource-usage", file.name)
            listing = _said_by(programs / "nvdisasm", file.name)
        found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
        assert found is not None, usage
        self.registers, self.stack = int(found[1]), int(found[2])
        self.all = [match[2] for match in _INSTRUCTION.finditer(listing)]
        self.loop = _longest_loop(listing)


# Where a value stands among the arguments: (argument,), or (argument, place in its tuple).
_Place = tuple[int, ...]


def _type_of(argument: object, ones: Container[_Place], place: _Place) -> object:
    if isinstance(argument, tuple):
        return tuple(_type_of(value, ones, (*place, number)) for number, value in enumerate(argument))
    if isinstance(argument, int):
        return "constexpr" if place in ones else "i32"
    if isinstance(argument, float):
        return "fp32"
    assert isinstance(argument, torch.Tensor)
    return {torch.int64: "*i64", torch.float32: "*fp32"}[argument.dtype]


def _said_of(kernel: Any, arguments: Sequence[object]) -> dict[_Place, bool]:
    """The places of what a launch looks at and finds to be 1 (True), or divisible by 16 (False)."""
    said = {}
    for parameter, argument in zip(kernel.params, arguments, strict=False):
        if parameter.do_not_specialize:
            continue
        values: dict[_Place, object] = {(parameter.num,): argument}
        if isinstance(argument, tuple):
            values = {(parameter.num, place): value for place, value in enumerate(argument)}
        for place, value in values.items():
            is_one = isinstance(value, int) and value == 1
            if is_one or isinstance(value, torch.Tensor) or (isinstance(value, int) and value % 16 == 0):
                said[place] = is_one
    return said


def _said_by(program: Path, *arguments: str) -> str:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout


def _longest_loop(listing: str) -> list[str]:
    """The instructions between a label and the jump back to it, of the loop that has most; [] without a loop."""
    labels = {}
    for match in re.finditer(r"^(\.L_x_\d+):", listing, re.MULTILINE):
        following = _INSTRUCTION.search(listing, match.end())
        if following is not None:
            labels[match[1]] = int(following[1], 16)
    loops = [(labels[match[2]], int(match[1], 16)) for match in _BACKWARD_JUMP.finditer(listing) if match[2] in labels]
    # A kernel ends in a jump to itself, behind its last instruction.
    loops = [(start, end) for start, end in loops if end > start]
    if not loops:
        return []
    start, end = max(loops, key=lambda loop: loop[1] - loop[0])
    return [match[2] for match in _INSTRUCTION.finditer(listing) if start <= int(match[1], 16) <= end]
