"""The device of these tests: the first GPU, or the one SENSDB_TEST_DEVICE names (`cpu` tries the tests themselves)."""

from __future__ import annotations

import os

import pytest
import torch

from tests.training.conftest import _arithmetic_of_a_worker as _arithmetic_of_a_worker


@pytest.fixture(scope="session")
def device() -> torch.device:
    named = os.environ.get("SENSDB_TEST_DEVICE")
    if named:
        return torch.device(named)
    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")
    return torch.device("cuda:0")
