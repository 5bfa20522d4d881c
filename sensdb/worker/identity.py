"""Who a worker is: host, boot, process, device and versions, as the `workers` table keeps them."""

from __future__ import annotations

import os
import platform
import secrets
import socket
from importlib.metadata import version
from pathlib import Path

VERSIONS_OF = ("sensdb", "torch", "numpy", "sqlalchemy")


def new_worker_id() -> str:
    """A name no other process ever had or will have: host, pid, batch job where there is one, eight random digits.

    New at every start, so that a restarted worker never looks like the owner of its dead predecessor's jobs
    (queue-lessons.md 1).
    """
    batch = [os.environ.get(variable) for variable in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID")]
    parts = (socket.gethostname(), str(os.getpid()), *batch, secrets.token_hex(4))
    return "-".join(part for part in parts if part)


def boot_id() -> str:
    """Text within which a pid means one process: the host's boot and the process namespace; "unknown" off Linux.

    Containers may share a host name and a boot but not their process numbers, so a boot alone does not tell.
    """
    path = Path("/proc/sys/kernel/random/boot_id")
    if not path.exists():
        return "unknown"
    return f"{path.read_text(encoding='ascii').strip()}/{os.readlink('/proc/self/ns/pid')}"


def process_is_alive(pid: int) -> bool:
    """Whether a process of this host runs under `pid`; True where it belongs to somebody else.

    A zombie is dead: it holds its number until its parent asks for it, which in a container may be never.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    try:
        # The name in parentheses may hold anything; the state is the first field after it.
        return stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


def versions() -> dict[str, str]:
    """Versions that a stored number may depend on, Python's among them."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS_OF}}


def usable_cores() -> int:
    """Cores this process may use: its affinity mask where the system has one, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
