"""Compiles every kind of kernel for a GPU, for a process in which Triton does not interpret; a line of JSON each.

A kind is a set of constants under which other lines of a kernel are compiled: what the interpreter lets pass, such as
a constant set twice, fails here.
"""

from __future__ import annotations

import json

from sensdb.training.gradient_pack import GradientPack
from sensdb.training.step import Step
from tests.benchmarks import fused, resident
from tests.benchmarks.compiled import Compiled
from tests.training.models import a_spec, made_up_data, made_up_info

RESIDENT = {
    "momentum, augmented": {
        "biases": True,
        "hidden_layers": 1,
        "nonlinearity": "hard_sigmoid",
        "augmentation": ["translate", "flip", "rotate"],
    },
    "adam, squared": {"optimizer": "adam", "biases": True, "loss": "squared"},
    "sgd, relu6": {"optimizer": "sgd", "nonlinearity": "relu6", "width": [16, 7]},
    "rmsprop, hard_tanh": {"optimizer": "rmsprop", "nonlinearity": "hard_tanh", "hidden_layers": 1},
}
FUSED = {
    "adam with biases": ({"optimizer": "adam", "biases": True}, (0, 2)),
    "momentum with biases": ({"biases": True}, (1,)),
    "sgd": ({"optimizer": "sgd"}, (1,)),
    "rmsprop": ({"optimizer": "rmsprop"}, (1,)),
}


def main() -> None:
    """Print of each kind how many registers its programs take."""
    info = made_up_info()
    for name, fields in RESIDENT.items():
        _show("resident", name, resident.compiled(a_spec(info, **{"width": 16, **fields}), info))
    info = made_up_info(200, (28, 28, 1), 10)
    for name, (fields, layers) in FUSED.items():
        pack = GradientPack(a_spec(info, width=100, batch_size=100, **fields), 2, made_up_data(info), fused=True)
        for layer in layers:
            _show("fused", f"{name}, layer {layer}", fused.compiled(pack, Step(pack, 2), layer))


def _show(kernel: str, kind: str, one: Compiled) -> None:
    row = {"kernel": kernel, "kind": kind, "registers": one.registers * one.warps * 32}
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
