"""What a campaign may use, and when it must stop."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from rich.console import Console


@dataclass(frozen=True)
class ClusterResources:
    """What trials may use, and of which cluster.

    Args:
        workers: trials at a time; as many as fit when ``None``.
        cpus_per_trial: CPUs that each trial holds.
        gpus_per_trial: GPUs that each trial holds; a fraction shares one; ``None`` for what the
            first trial of a kind has needed.
        address: an existing Ray cluster, or ``None`` for one on this machine.
    """

    workers: int | None = None
    cpus_per_trial: float = 1.0
    gpus_per_trial: float | None = 0.0
    address: str | None = None


class Halt:
    """Whether to stop: a first Ctrl-C, SIGTERM or SIGHUP, or a spent budget.

    Args:
        seconds: the time budget, or ``None``.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._console = Console()
        self.signalled = False
        self.at_once = False
        """Whether a second Ctrl-C asked to stop without waiting for the epochs in progress."""

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signalled or self.spent

    @property
    def spent(self) -> bool:
        """Whether the time budget is used up."""
        return self._deadline is not None and time.monotonic() > self._deadline

    @contextmanager
    def listening(self, console: Console) -> Iterator[None]:
        """Listen for signals inside the block; a second Ctrl-C stops at once."""
        self._console = console
        # What runs under nohup has asked not to be stopped by a terminal that goes.
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        stops = [signal.SIGINT, signal.SIGTERM, *([] if ignored else [signal.SIGHUP])]
        before = {number: signal.getsignal(number) for number in stops}
        self.listen(stops)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def listen(self, numbers: Sequence[int]) -> None:
        """Take these signals, also from a library that has taken them for itself meanwhile."""
        for number in numbers:
            signal.signal(number, self._stop)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.signalled and number == signal.SIGINT:
            self.at_once = True
            raise KeyboardInterrupt
        self.signalled = True
        if number == signal.SIGHUP:
            _forget_terminal()  # it is gone, and writing to it would fail
        self._console.print(
            "\nstopping after the epochs in progress; finished trials are kept "
            "(Ctrl-C again: at once)"
        )


def _forget_terminal() -> None:
    """Send what would be printed from now on nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream.isatty():
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
