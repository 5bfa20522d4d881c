"""The folders that stand at the top of the repository and travel inside the wheel: migrations, queries, workers."""

from __future__ import annotations

from pathlib import Path

from sensdb import version
from sensdb.errors import SensdbError


def bundled(name: str) -> Path:
    """The folder `name`: the wheel's copy where sensdb is installed, the repository's own in a checkout.

    Raises:
        SensdbError: neither is there; the installation is damaged.
    """
    package = Path(version.__file__).parent
    installed = package / "_bundled" / name
    if installed.is_dir():
        return installed
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise SensdbError(f"the folder {name} of sensdb is missing at {installed}.", "pip install --force-reinstall sensdb")
