"""Hosts and a network between them that a test can cut: Linux network namespaces joined by a bridge."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

BRIDGE, WIRE = "br0", "eth0"
TOGETHER = "10.77.0"
"""The first three numbers of every address; nothing outside the namespaces has or reaches it."""

DELAY = ("netem", "delay", "100ms", "20ms", "loss", "1%")
RATE = ("tbf", "rate", "1mbit", "burst", "16kbit", "latency", "400ms")


class Network:
    """One namespace a host, with a wire each to a switch that is a namespace too; `close` removes them all.

    Skips where namespaces cannot be made, with what was said.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        if os.geteuid() != 0:
            pytest.skip("network namespaces with a server in one of them need root")
        for program in ("ip", "setpriv", "unshare"):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed (Debian: apt-get install iproute2 util-linux)")
        self._ports = {host: f"port{number}" for number, host in enumerate(hosts, start=1)}
        self._addresses = {host: f"{TOGETHER}.{number}" for number, host in enumerate(hosts, start=1)}
        self._made: list[str] = []
        try:
            self._open(hosts)
        except subprocess.CalledProcessError as error:
            self.close()
            pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")

    def address(self, host: str) -> str:
        """Where the others reach it."""
        return self._addresses[host]

    def within(self, host: str) -> list[str]:
        """What to put before a command that is to run on the host; it must be root's."""
        return ["ip", "netns", "exec", self._name(host)]

    def named(self, host: str) -> list[str]:
        """The same, and the command takes the host's name for its own, which workers are known by."""
        return [*self.within(host), "unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh"]

    def cut(self, host: str) -> None:
        """Take the host off the network; connections stay open and hear nothing."""
        self._ip("-n", self._name("switch"), "link", "set", self._ports[host], "down")

    def join(self, host: str) -> None:
        """Put it back."""
        self._ip("-n", self._name("switch"), "link", "set", self._ports[host], "up")

    def slow(self, host: str) -> str | None:
        """Make the host's link slow in both directions; how, or None where this kernel can do neither.

        By delay and loss where the kernel has netem, else by its rate alone.
        """
        if shutil.which("tc") is None:
            return None
        ends = ((self._name("switch"), self._ports[host]), (self._name(host), WIRE))
        for kind in (DELAY, RATE):
            done = [
                subprocess.run(
                    ["tc", "-n", namespace, "qdisc", "add", "dev", device, "root", *kind],
                    capture_output=True,
                    check=False,
                ).returncode
                for namespace, device in ends
            ]
            if not any(done):
                return kind[0]
        return None

    def close(self) -> None:
        """Remove the namespaces, and with them the wires."""
        for name in self._made:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)

    def _open(self, hosts: Sequence[str]) -> None:
        switch = self._name("switch")
        for name in (switch, *map(self._name, hosts)):
            self._ip("netns", "add", name)
            self._made.append(name)
        self._ip("-n", switch, "link", "add", BRIDGE, "type", "bridge")
        self._ip("-n", switch, "link", "set", BRIDGE, "up")
        for host in hosts:
            port, name = self._ports[host], self._name(host)
            self._ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", WIRE, "netns", name)
            self._ip("-n", switch, "link", "set", port, "master", BRIDGE, "up")
            self._ip("-n", name, "address", "add", f"{self.address(host)}/24", "dev", WIRE)
            self._ip("-n", name, "link", "set", WIRE, "up")
            self._ip("-n", name, "link", "set", "lo", "up")

    def _name(self, host: str) -> str:
        return f"sensdb-{os.getpid()}-{host}"

    def _ip(self, *arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
