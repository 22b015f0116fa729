"""A trial that takes too long ends, even one that hangs."""

import os
import signal
import threading
import time
from types import FrameType, TracebackType

GRACE_SECONDS = 30.0
"""What a call that no signal interrupts, such as one into a driver, gets besides."""


class TimedOut(BaseException):
    """A trial has taken longer than it may; no handler of ``Exception`` inside it goes on.

    Args:
        seconds: that it may take.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than the {seconds / 60:g} min of budget.trial_minutes")
        self.seconds = seconds


class TimeLimit:
    """Ends what runs inside its blocks once they have taken ``seconds`` since :meth:`start`.

    What runs is interrupted in the main thread by :class:`TimedOut`. If that does not end it, its
    whole process ends, and whoever gave it the trial notices.

    Args:
        seconds: ``None`` for no limit.
        grace: seconds between the two.
    """

    def __init__(self, seconds: float | None, grace: float = GRACE_SECONDS) -> None:
        self._seconds = seconds
        self._trials = 1
        self._grace = grace
        self._ends: float | None = None
        self._watch: threading.Timer | None = None
        self.passed: TimedOut | None = None
        """Raised in a block; what caught it may have raised something else in its place."""

    def start(self, trials: int = 1) -> None:
        """Start to count, with the next block, for as many trials trained as one program."""
        self._trials = trials
        self._ends = self.passed = None

    def __enter__(self) -> None:
        """Begin a block.

        Raises:
            TimedOut: the time is over.
        """
        if self._seconds is None:
            return
        if self._ends is None:
            self._ends = time.monotonic() + self._seconds * self._trials
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimedOut(self._seconds)
        self._watch = threading.Timer(left + self._grace, os._exit, [1])
        self._watch.daemon = True
        self._watch.start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, self._interrupt)
            signal.setitimer(signal.ITIMER_REAL, left)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch is None:
            return
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._watch.cancel()
        self._watch = None

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.passed = TimedOut(self._seconds or 0.0)
        raise self.passed
