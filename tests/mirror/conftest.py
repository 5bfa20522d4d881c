"""A cache of mirrors for each test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The folder of mirrors."""
    return tmp_path / "cache"
