"""What a person sees while a campaign runs."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from tracking.records import Status
from tracking.rows import TrialRow

PLAIN_SECONDS = 15.0
"""Pause between lines where the output is not a terminal."""


class PhaseProgress:
    """Progress of one phase, with an estimate of the time left.

    Args:
        console: where to print.
        phase: name of the phase.
        total: trials to train.
    """

    def __init__(self, console: Console, phase: str, total: int) -> None:
        self._console = console
        self._phase = phase
        self._total = total
        self._started = time.monotonic()
        self._said = self._started
        self._epochs = 0
        self._counts: dict[str, int] = {}
        self._best: float | None = None
        self._last_line = ""
        self._bar = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bar.add_task(phase, total=total, note="starting workers")

    def __enter__(self) -> "PhaseProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if not self._console.is_terminal:
            self._say()

    def ended(self, row: TrialRow) -> None:
        """Count a trial that has ended."""
        self._counts[row.status] = self._counts.get(row.status, 0) + 1
        if row.status in (Status.COMPLETE, Status.CACHED) and row.score is not None:
            self._best = max(row.score, self._best if self._best is not None else row.score)
        self._bar.update(self._task, completed=self._done, note=self._note())
        if not self._console.is_terminal and time.monotonic() - self._said > PLAIN_SECONDS:
            self._say()

    def epoch(self) -> None:
        """Count an epoch, so that long trials show signs of life."""
        if self._epochs == 0:
            # Starting the workers takes seconds that say nothing about the trials.
            self._started = time.monotonic()
        self._epochs += 1
        self._bar.update(self._task, note=self._note())

    @property
    def _done(self) -> int:
        return sum(self._counts.values())

    def _say(self) -> None:
        self._said = time.monotonic()
        line = f"{self._phase}: {self._done}/{self._total}  {self._note()}"
        if line != self._last_line:
            self._console.print(line)
            sys.stdout.flush()
        self._last_line = line

    def _note(self) -> str:
        parts = [f"{self._epochs} epochs"]
        if 0 < self._done < self._total:
            parts.append(f"about {duration(self._left())} left")
        if self._best is not None:
            parts.append(f"best validation score {100 * self._best:.2f}")
        for status in (Status.PRUNED, Status.FAILED, Status.CACHED):
            if count := self._counts.get(status, 0):
                parts.append(f"{count} {status.lower()}")
        return ", ".join(parts)

    def _left(self) -> float:
        elapsed = time.monotonic() - self._started
        return elapsed / max(self._done, 1) * (self._total - self._done)


def duration(seconds: float) -> str:
    """Seconds as a person says them, e.g. ``1 min 20 s``."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {secs} s" if minutes else f"{secs} s"
