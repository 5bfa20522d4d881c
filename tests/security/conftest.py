"""The command line in a folder of its own, as the tests of the command line run it."""

from tests.cli.conftest import folder, sensdb

__all__ = ["folder", "sensdb"]
