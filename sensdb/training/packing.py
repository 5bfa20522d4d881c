"""What decides a pack's size, and what names the arithmetic that its results depend on."""

from __future__ import annotations

import torch

from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_parameters, n_train_points
from sensdb.training.checks import CHUNK
from sensdb.training.data import TrainingData
from sensdb.training.lbfgs import HISTORY
from sensdb.training.optimizers import make_optimizer

ENGINE_VERSION = "2"
"""Stored beside each result. A change that moves a bit of any model is a new version."""

MOST_SLOTS = 64
CACHE_BYTES = 8 << 20
"""A pack should fit here: measured, tiny nets gain 8 times from 16 or more models, and large ones nothing."""

_GPU_SLOTS = 512


def plan_slots(spec: TrainingSpec, data: TrainingData, device: str | torch.device) -> int:
    """How many models of this shape to train at once: 1 .. 64 on a CPU, more on a GPU; changes no result.

    On a CPU as many as fit in CACHE_BYTES, 1 at least: beyond the cache a loop over models is as fast
    (training-engine.md 3.3). On a GPU up to 512, within a quarter of the free memory.
    """
    n_bytes = slot_bytes(spec, data)
    place = torch.device(device)
    if place.type == "cpu":
        return max(1, min(MOST_SLOTS, CACHE_BYTES // n_bytes))
    free, _ = torch.cuda.mem_get_info(place)
    return max(1, min(_GPU_SLOTS, free // 4 // n_bytes))


def slot_bytes(spec: TrainingSpec, data: TrainingData) -> int:
    """Bytes a step of one model touches: parameters, gradient, optimizer state, activations both ways, input."""
    sizes = layer_sizes(spec, data.info)
    if spec.optimizer == "lbfgs":
        copies = 2 + 2 * HISTORY
    else:
        optimizer = make_optimizer(spec.optimizer, spec.momentum)
        copies = 1 + optimizer.n_states + (not optimizer.gradient_is_state)
    rows = spec.batch_rows(n_train_points(spec, data.info))
    activations = 2 * sum(sizes[1:])
    if spec.full_batch:
        rows = min(rows, CHUNK)
    else:
        activations += sizes[0]
    return data.rows.element_size() * (copies * n_parameters(spec, data.info) + rows * activations)


def device_class(device: str | torch.device) -> str:
    """The kind of arithmetic a result was made with: `cpu-avx512` and the like, or the GPU's name.

    Equal specs give equal bits on one device class, engine version and torch build (training-engine.md 4).
    """
    place = torch.device(device)
    if place.type == "cpu":
        return f"cpu-{torch.backends.cpu.get_cpu_capability().lower()}"
    return torch.cuda.get_device_name(place)
