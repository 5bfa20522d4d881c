"""What decides a pack's size, and what names the arithmetic that its results depend on."""

from __future__ import annotations

import torch

from sensdb.definitions.spec import TrainingSpec
from sensdb.training.data import TrainingData
from sensdb.training.memory import memory_bytes, slot_bytes

ENGINE_VERSION = "2"
"""Stored beside each result. A change that moves a bit of any model is a new version."""

RESIDENT_VERSION = f"{ENGINE_VERSION}+resident"
"""Of models that a GPU trained by resident steps (resident.py), which add up in another order."""

FUSED_VERSION = f"{ENGINE_VERSION}+fused"
"""Of models whose gradients a GPU multiplied out and applied in one pass (fused.py), in another order too."""

MOST_SLOTS = 64
CACHE_BYTES = 8 << 20
"""A pack should fit here: measured, tiny nets gain 8 times from 16 or more models, and large ones nothing."""

_GPU_SLOTS = 512


def plan_slots(spec: TrainingSpec, data: TrainingData, device: str | torch.device) -> int:
    """How many models of this shape to train at once: 1 .. 64 on a CPU, where it changes no result; more on a GPU.

    On a CPU as many as fit in CACHE_BYTES, 1 at least: beyond the cache a loop over models is as fast
    (training-engine.md 3.3). On a GPU up to 512 within a quarter of its memory, taken or free: all slots are always
    computed there and their number may enter the rounding, so it depends on the shape and the kind of GPU alone.
    """
    place = torch.device(device)
    n_bytes = slot_bytes(spec, data)
    if place.type == "cpu":
        return max(1, min(MOST_SLOTS, CACHE_BYTES // n_bytes))
    return max(1, min(_GPU_SLOTS, memory_bytes(place) // 4 // n_bytes))


def device_class(device: str | torch.device) -> str:
    """The kind of arithmetic a result was made with: `cpu-avx512` and the like, or the GPU's name.

    Equal specs give equal bits on one device class, engine version and torch build (training-engine.md 4).
    """
    place = torch.device(device)
    if place.type == "cpu":
        return f"cpu-{torch.backends.cpu.get_cpu_capability().lower()}"
    return torch.cuda.get_device_name(place)
