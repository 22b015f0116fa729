"""What a study does when the Ray that it trains on is gone: it ends in one line."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import psutil
import ray
from rich.console import Console

from sslcl.command import BAD_INPUT, fail
from study.execution.machine.ray_address import connect

LOOK_SECONDS = 0.5
HEAD_SECONDS = 20.0
"""How long a cluster's head may be away, as while it is started again."""
OWN_PROCESSES = ("gcs_server", "raylet")
"""Of Ray's processes, those without which a driver is ended by Ray itself, without a word."""
_GO_ON = "run the same command again to go on; what was finished is kept"
STOPPED = (
    "Ray has stopped on this machine, as when a process of it is killed or memory runs out: "
    + _GO_ON
)


@dataclass(frozen=True, eq=False)
class Part:
    """A part of Ray without which a driver cannot go on.

    Args:
        runs: whether it runs now.
        seconds: that it may be away. The processes of a machine that shuts down, or of a terminal
            that is closed, end together, and this one among them.
        line: says that it is gone.
    """

    runs: Callable[[], bool]
    seconds: float = LOOK_SECONDS
    line: str = STOPPED


class EndWithRay:
    """Ends this process with exit code 2 once a part of the Ray that it trains on is gone.

    Ray would end it too, within some minutes, with exit code 1 and nothing that a person can use.
    The process ends at once, as if it were killed: the same command goes on from the results
    database.

    Args:
        parts: of Ray.
        end: called with the line that says so.
    """

    def __init__(self, parts: Sequence[Part], end: Callable[[str], None] | None = None) -> None:
        self._parts = parts
        self._end = end or _end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="end-with-ray")
        self._thread.start()

    @classmethod
    def of_this_process(cls) -> "EndWithRay":
        """Watch what ``ray.init`` has just started here."""
        children = psutil.Process().children()
        own = [child for child in children if _name(child) in OWN_PROCESSES]
        return cls([Part(partial(process_runs, child)) for child in own])

    @classmethod
    def of_cluster(cls, address: str) -> "EndWithRay":
        """Watch the head of the cluster that ``ray.init`` has just joined, and this machine's node.

        Args:
            address: that was joined.
        """
        if "://" in address:
            parts = urlsplit(address)
            return cls([_head(str(parts.hostname), int(parts.port or 0))])
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        own = [node for node in ray.nodes() if node["NodeID"] == context.get_node_id()]
        node = [Part(partial(listens, n["NodeManagerAddress"], n["NodeManagerPort"])) for n in own]
        return cls([_head(host.strip("[]"), int(port)), *node])

    def stop(self) -> None:
        """Watch no longer, as before Ray is stopped."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        gone_since: dict[Part, float] = {}
        while not self._stopped.wait(LOOK_SECONDS):
            for part in self._parts:
                if part.runs():
                    gone_since.pop(part, None)
                    continue
                since = gone_since.setdefault(part, time.monotonic())
                if time.monotonic() - since >= part.seconds and not self._stopped.is_set():
                    self._end(part.line)
                    return


def _head(host: str, port: int) -> Part:
    line = f"the head of the Ray cluster, {host}:{port}, is gone: start the cluster again, and "
    return Part(partial(listens, host, port), HEAD_SECONDS, line + _GO_ON)


def listens(host: str, port: int) -> bool:
    """Whether a process listens there."""
    with suppress(OSError):
        connect(host, port)
        return True
    return False


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return ""


def process_runs(process: psutil.Process) -> bool:
    """Whether a process runs and has not ended."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _end(line: str) -> None:
    """End without Ray's own last steps, which would wait for what is gone."""
    with suppress(OSError, ValueError, SystemExit):
        Console().show_cursor()  # which a progress bar hides
        sys.stdout.flush()
        fail(line)
    os._exit(BAD_INPUT)
