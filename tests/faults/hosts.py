"""Hosts of one's own: network namespaces with an address each, on one switch."""

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SWITCH = "switch"


class NoHosts(Exception):
    """Why this machine, or who runs the tests, cannot have any."""


def ip(words: str) -> str:
    """What ``ip`` prints."""
    try:
        done = subprocess.run(["ip", *words.split()], capture_output=True, text=True)
    except FileNotFoundError:
        raise NoHosts("no ip: install iproute2") from None
    if done.returncode:
        raise NoHosts(f"ip {words}: {done.stderr.strip()}")
    return done.stdout


@dataclass
class Hosts:
    """Hosts 10.0.0.1, 10.0.0.2 and so on.

    Args:
        number: of hosts.
        environment: of all that is started on them.
    """

    number: int
    environment: dict[str, str] = field(default_factory=dict)

    def name(self, host: int | str) -> str:
        """Of a host's namespace, or the switch's."""
        return f"sslcl-{os.getpid()}-{host}"

    def connect(self) -> None:
        """Make them.

        Raises:
            NoHosts: the kernel does not allow it.
        """
        switch = self.name(SWITCH)
        ip(f"netns add {switch}")
        ip(f"-n {switch} link add br0 type bridge")
        ip(f"-n {switch} link set br0 up")
        for host in range(self.number):
            name = self.name(host)
            ip(f"netns add {name}")
            ip(f"link add eth0 netns {name} type veth peer name port{host} netns {switch}")
            ip(f"-n {switch} link set port{host} master br0 up")
            ip(f"-n {name} link set lo up")
            ip(f"-n {name} address add 10.0.0.{host + 1}/24 dev eth0")
            ip(f"-n {name} link set eth0 up")
            ip(f"-n {name} route add default dev eth0")

    def type(self, host: int, line: str, folder: Path) -> "subprocess.Popen[str]":
        """Type a line of ``sh`` on a host."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name(host), "sh", "-c", f"exec {line}"],
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def type_quietly(self, host: int, line: str, log: Path) -> "subprocess.Popen[str]":
        """Likewise, for what goes on in the background and would keep a pipe open."""
        return self.type(host, f"{line} >{shlex.quote(str(log))} 2>&1", log.parent)

    def kill(self, host: int) -> int:
        """Kill all that runs on a host, and say how many processes these were."""
        numbers = ip(f"netns pids {self.name(host)}").split()
        for number in numbers:
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)
        return len(numbers)

    def remove(self) -> None:
        """Remove what there is of them."""
        for host in (*range(self.number), SWITCH):
            with suppress(NoHosts):
                self.kill(host)
                ip(f"netns delete {self.name(host)}")
