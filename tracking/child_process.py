"""How a process that is started here behaves towards its parent and towards training (Linux)."""

import ctypes
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

NICENESS = 10
"""Of a process that is to take only the time that others leave."""


def die_with_parent() -> Callable[[], None] | None:
    """Code for the child that has it terminated when we end, however we end (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child must only call it
    parent_death_signal = 1
    return lambda: prctl(parent_death_signal, signal.SIGTERM)


def give_way(process: psutil.Process | psutil.Popen) -> None:
    """Have a process, and the children it will have, run after others that want the processor.

    Linux divides the processor first among sessions, so that a process with a session of its own
    would else get as much as all workers together, whatever its niceness.
    """
    with suppress(psutil.Error, OSError):
        process.nice(max(process.nice(), NICENESS))
    with suppress(OSError):
        Path(f"/proc/{process.pid}/autogroup").write_text(str(NICENESS))
