"""What a running phase asks and tells the driver."""

from collections.abc import Callable
from dataclasses import dataclass

from tracking.rows import TrialRow


@dataclass(frozen=True)
class Callbacks:
    """Functions that training calls in the driver's process.

    Args:
        halted: whether to stop: no trial is started any more, and those in progress are dropped.
        on_epoch: called after an epoch is recorded.
        on_end: called after a trial has ended, with its final row.
        say: called with a line about workers and nodes that a person should read.
    """

    halted: Callable[[], bool] = lambda: False
    on_epoch: Callable[[], None] = lambda: None
    on_end: Callable[[TrialRow], None] = lambda row: None
    say: Callable[[str], None] = lambda line: None
