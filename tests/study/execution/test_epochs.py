"""Epochs that wait for the ledger: how long, and what is written when."""

from collections.abc import Sequence

from study.execution.epochs import BEHIND_SECONDS, EpochBuffer
from tracking.ledger.transitions import Epoch


class _Ledger:
    def __init__(self) -> None:
        self.commits: list[list[int]] = []

    def record_epochs(self, epochs: Sequence[Epoch]) -> None:
        self.commits.append([epoch.number for epoch in epochs])


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_epochs_are_written_together_and_never_late() -> None:
    ledger, clock = _Ledger(), _Clock()
    epochs = EpochBuffer(ledger, clock)  # type: ignore[arg-type]
    epochs.add("t", 1, {"loss": 1.0})
    clock.now = 0.01
    epochs.add("t", 2, {"loss": 0.5})
    epochs.flush_late()
    assert ledger.commits == []
    # Ray Tune's loop comes by every 0.1 s.
    clock.now = BEHIND_SECONDS - 0.1
    epochs.flush_late()
    assert ledger.commits == [[1, 2]]


def test_nothing_is_written_twice() -> None:
    ledger = _Ledger()
    epochs = EpochBuffer(ledger, _Clock())  # type: ignore[arg-type]
    epochs.flush()
    epochs.add("t", 1, {})
    epochs.flush()
    epochs.flush()
    assert ledger.commits == [[1]]
