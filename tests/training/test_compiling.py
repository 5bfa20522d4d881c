"""What Triton's own compiler and ptxas, which need no GPU, say of the kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensdb.training.kernels import REGISTERS

pytestmark = pytest.mark.long
pytest.importorskip("triton", reason="Triton has no wheel for this kind of machine")


def test_every_kind_of_kernel_compiles_for_a_gpu_and_fits_it(tmp_path: Path) -> None:
    # A process of its own: in this one Triton interprets.
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)

    done = subprocess.run(
        [sys.executable, "-m", "tests.training.compiling"], capture_output=True, text=True, check=False, env=environment
    )

    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["kernel"] for row in rows} == {"resident", "fused"}
    # One model a multiprocessor where it is resident, two tiles of weights where steps are fused.
    assert [row for row in rows if row["registers"] > REGISTERS // (1 + (row["kernel"] == "fused"))] == []
