"""What a campaign may use, and when it must stop."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from rich.console import Console


@dataclass(frozen=True)
class ClusterResources:
    """What trials may use, and of which cluster.

    Args:
        workers: trials at a time; as many as fit when ``None``.
        cpus_per_trial: CPUs that each trial holds.
        gpus_per_trial: GPUs that each trial holds; a fraction shares one.
        address: an existing Ray cluster, or ``None`` for one on this machine.
    """

    workers: int | None = None
    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    address: str | None = None


class Halt:
    """Whether to stop: a first Ctrl-C or SIGTERM, or a spent budget.

    Args:
        seconds: the time budget, or ``None``.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self.signalled = False

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signalled or self.spent

    @property
    def spent(self) -> bool:
        """Whether the time budget is used up."""
        return self._deadline is not None and time.monotonic() > self._deadline

    @contextmanager
    def listening(self, console: Console) -> Iterator[None]:
        """Listen for signals inside the block; a second Ctrl-C stops at once, as ever."""

        def handle(number: int, frame: FrameType | None) -> None:
            self.signalled = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            console.print("\nstopping after the epochs in progress; finished trials are kept")

        before = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
