"""Epochs on their way to the ledger: one commit for many."""

import time
from collections.abc import Callable, Mapping

from tracking.ledger import Ledger
from tracking.ledger.transitions import Epoch, now

BEHIND_SECONDS = 0.2
"""How far the ledger may be behind what was measured."""


class EpochBuffer:
    """Epochs that are not yet in the ledger.

    Args:
        ledger: where they go.
        clock: seconds.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._epochs: list[Epoch] = []
        self._since = 0.0

    def add(self, trial: str, number: int, metrics: Mapping[str, float]) -> None:
        """Take an epoch; it is written with those that wait as soon as one has waited too long."""
        if not self._epochs:
            self._since = self._clock()
        self._epochs.append(Epoch(trial, number, metrics, now()))
        self.flush_late()

    def flush_late(self) -> None:
        """Write all if the oldest has waited for :data:`BEHIND_SECONDS`."""
        # Asked every 0.1 s at least: what would be late by the next time is late.
        if self._epochs and self._clock() - self._since >= BEHIND_SECONDS / 2:
            self.flush()

    def flush(self) -> None:
        """Write all."""
        if self._epochs:
            self._ledger.record_epochs(self._epochs)
            self._epochs = []
