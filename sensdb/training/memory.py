"""What a model needs of a device's memory, what the device has, and how running out of it is told."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import torch

from sensdb.definitions.spec import TrainingSpec, layer_sizes, n_parameters, n_train_points
from sensdb.training.checks import CHUNK
from sensdb.training.data import TrainingData
from sensdb.training.lbfgs import HISTORY
from sensdb.training.optimizers import make_optimizer

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_MEMORY = Path("/proc/meminfo")
# torch raises a plain RuntimeError where the host's memory ends.
_HOST_MESSAGES = ("can't allocate memory", "not enough memory")


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


def bytes_alone(spec: TrainingSpec, data: TrainingData) -> int:
    """Bytes that training one model takes at least: what its steps touch, and the activations of a check."""
    sizes = layer_sizes(spec, data.info)
    rows = min(CHUNK, n_train_points(spec, data.info))
    return slot_bytes(spec, data) + data.rows.element_size() * rows * sum(sizes[1:])


def memory_bytes(device: torch.device) -> int:
    """All the memory of a device, taken or free; of the host what its container may have."""
    if device.type != "cpu":
        return int(torch.cuda.get_device_properties(device).total_memory)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(total, int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no such limit: no file, or the word max
        return total


def free_bytes(device: torch.device) -> int | None:
    """The memory of a device that may be taken now; None where the host does not say."""
    if device.type != "cpu":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = _MEMORY.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    kilobytes = next(found, None)
    return None if kilobytes is None else 1024 * int(kilobytes)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device's memory has ended."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _HOST_MESSAGES)


def give_back_memory() -> None:
    """Free what nothing uses any more: packs hold prepared calls that hold them, and torch keeps freed GPU memory."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def bytes_text(n: int) -> str:
    """A number of bytes in the unit that suits it: 51.5 GB, 38 MB."""
    return f"{n / 1e9:.3g} GB" if n >= 1e9 else f"{max(n / 1e6, 0.1):.3g} MB"
