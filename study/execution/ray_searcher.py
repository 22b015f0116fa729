"""The bridge between Ray Tune and the ledger: one thin Searcher, the only writer of results."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ray import tune
from ray.tune.search import Searcher

from study.execution.callbacks import Callbacks
from study.execution.epochs import EpochBuffer
from study.execution.machine.gate import Gate
from study.execution.machine.gpu_packing import GpuPacking
from study.execution.ray_worker import (
    GROUP_KEY,
    MEMORY_KEY,
    READY_KEY,
    SHARE_KEY,
    TRIAL_KEY,
)
from study.execution.trial_sources import TrialSource
from tracking.home import Home, checkpoint
from tracking.ledger import Ledger
from tracking.records import FailureKind, PlannedTrial


class TrialStream(Searcher):  # type: ignore[misc]
    """Hands trials to Ray Tune and writes what comes back.

    Everything here runs in the driver. A result is committed to the ledger before the source
    is told, so that a crash between the two leaves the ledger ahead, never behind.

    Args:
        sources: of trials, one after the other. The next is asked for when the one before has
            no more and none of its trials is running.
        ledger: the results database; this is its only writer while a campaign runs.
        home: where checkpoints are.
        workers: trials in flight at most.
        callbacks: when to stop, and who is told of epochs and ends.
    """

    def __init__(
        self,
        sources: Iterator[TrialSource],
        ledger: Ledger,
        home: Home,
        workers: int,
        callbacks: Callbacks,
    ) -> None:
        super().__init__(metric="score", mode="max")
        self._sources = sources
        self._source = next(sources, None)
        self._ledger = ledger
        self._home = home
        self._workers = workers
        self._callbacks = callbacks
        self._live: dict[str, dict[str, PlannedTrial]] = {}
        self._last: dict[str, dict[str, Any]] = {}
        self._epochs = EpochBuffer(ledger)
        self._again: list[PlannedTrial] = []
        self.packing: GpuPacking | None = None
        """Gives each trial a share of a GPU; trials have the same resources where it is not set."""
        self.error: Exception | None = None
        """Why there was no next source, or what else ended the run."""

    @property
    def wanted(self) -> int:
        """Workers that the present source can keep busy."""
        if self.packing is not None:
            return 1  # each trial has a worker of its own
        waiting = 0 if self._source is None else self._source.remaining
        return min(self._workers, len(self._live) + waiting)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Ray's hook: the next trial's configuration, ``None`` to be asked again later."""
        if self.error is not None or self._callbacks.halted():
            return str(Searcher.FINISHED)
        if len(self._live) >= self._workers:
            return None
        planned = self._next()
        if planned is None:
            # What runs now decides what the next source has.
            return None if self._source is not None else str(Searcher.FINISHED)
        given: dict[str, Any] = {}
        if self.packing is not None:
            share = self.packing.begin(planned)
            if share is None:
                self._again.insert(0, planned)
                return None
            given[SHARE_KEY] = share
        group = self._group(planned)
        self._live[trial_id] = {member.id: member for member in group}
        self._epochs.flush()
        for member in group:
            self._ledger.start(member.id)
        return {TRIAL_KEY: planned, GROUP_KEY: group, **given}

    def _group(self, planned: PlannedTrial) -> tuple[PlannedTrial, ...]:
        """A trial and those that are trained with it, without what the ledger has."""
        rest = self._source.rest_of_group(planned) if self._source is not None else ()
        return (planned, *(member for member in rest if not self._taken(member)))

    def _next(self) -> PlannedTrial | None:
        """The next trial to train, of this source or of a later one if none is running."""
        if self._again:
            return self._again.pop(0)
        while self._source is not None:
            planned = self._untrained(self._source)
            if planned is not None or self._live:
                return planned
            self._source = self._next_source()
        return None

    def _next_source(self) -> TrialSource | None:
        try:
            return next(self._sources, None)
        except Exception as error:
            # Ray would wrap it; the campaign raises it when the workers have stopped.
            self.error = error
            return None

    def _untrained(self, source: TrialSource) -> PlannedTrial | None:
        """The source's next trial never trained; the others are taken from the ledger."""
        while planned := source.next():
            if not self._taken(planned):
                return planned
        return None

    def _taken(self, planned: PlannedTrial) -> bool:
        """Whether the trial could be taken from the ledger, where it then is."""
        # A search never sees the test split; all other phases are judged by it.
        needs_test = not planned.phase.sealed
        original = self._ledger.find_finished(planned.identity, needs_test=needs_test)
        if original is None:
            return False
        self._epochs.flush()
        self._ledger.cache(planned.id, original.id)
        self._tell(planned)
        return True

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Ray's hook: some epochs have ended and more may follow."""
        if trial_id in self._live:
            with self._remembered():
                self._record(trial_id, result)

    @contextmanager
    def _remembered(self) -> Iterator[None]:
        """Keep the first error, after which Ray tells of the same trial again."""
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ray's hook: a trial has ended, by itself, by the scheduler or by an error."""
        if trial_id in self._live:
            with self._remembered():
                self._ended(trial_id, result, error)

    def _ended(self, trial_id: str, result: dict[str, Any] | None, error: bool) -> None:
        result = result or self._last.get(trial_id) or {}
        self._last.pop(trial_id, None)
        if not error:
            self._record_epochs(trial_id, result)
        self._epochs.flush()
        own = dict(self._parts(trial_id, result))
        live = self._live.pop(trial_id)
        self._measure(live, result)
        halted = self._callbacks.halted()
        unfinished = {
            member
            for member in live
            if halted and not {"outcome", "failure"} & own.get(member, {}).keys()
        }
        unfinished |= self._packed_anew(live, own)
        for member, planned in live.items():
            if member in unfinished:
                self._ledger.release(member)
            else:
                self._finish(planned, own.get(member, {}), error)
        if live and not unfinished:
            (key,) = {planned.checkpoint_key for planned in live.values()}
            with suppress(Exception):  # it is in nobody's way
                self._home.store.remove(checkpoint(key))
        for member in live.keys() - unfinished:
            self._tell(live[member])

    def _measure(self, live: dict[str, PlannedTrial], result: dict[str, Any]) -> None:
        """Take note of the GPU memory that a result tells of."""
        if self.packing is not None and MEMORY_KEY in result:
            for planned in live.values():
                self.packing.measured(planned, result[MEMORY_KEY])

    def _packed_anew(
        self, live: dict[str, PlannedTrial], own: dict[str, dict[str, Any]]
    ) -> set[str]:
        """Take back shares of GPUs; the trials that are tried again with a larger one."""
        again: set[str] = set()
        if self.packing is None:
            return again
        for member, planned in live.items():
            out_of_memory = own.get(member, {}).get("failure") == FailureKind.OUT_OF_MEMORY
            if self.packing.end(planned, out_of_memory=out_of_memory):
                self._again.append(planned)
                again.add(member)
        return again

    def retried(self, trial_id: str) -> bool:
        """Count another attempt of a trial whose worker is gone; whether it is one of ours."""
        members = self._live.get(trial_id, {})
        if members:
            self._epochs.flush()
        for planned in members.values():
            self._ledger.release(planned.id)
            self._ledger.start(planned.id)
        return bool(members)

    def flush(self, *, late_only: bool = False) -> None:
        """Write the epochs that wait for the ledger; ``late_only``: if they have waited long."""
        if late_only:
            self._epochs.flush_late()
        else:
            self._epochs.flush()

    def _tell(self, planned: PlannedTrial) -> None:
        row = self._ledger.trial(planned.id)
        if self._source is not None:
            self._source.ended(row)
        self._callbacks.on_end(row)

    def _finish(self, planned: PlannedTrial, result: dict[str, Any], error: bool) -> None:
        if "failure" in result:
            kind = FailureKind(result["failure"])
            self._ledger.fail(planned.id, kind, str(result["message"]))
        elif "outcome" in result:
            self._ledger.complete(planned.id, result["outcome"])
        elif error or "partial" not in result:
            message = "the worker died; see the log of its node"
            self._ledger.fail(planned.id, FailureKind.NODE, message)
        else:
            self._ledger.prune(planned.id, result["partial"])

    def _record(self, trial_id: str, result: dict[str, Any]) -> None:
        self._last[trial_id] = result
        self._record_epochs(trial_id, result)
        self._measure(self._live[trial_id], result)
        if "members" not in result:
            return
        members = self._live[trial_id]
        for member, part in self._parts(trial_id, result):
            if "outcome" in part or "failure" in part:
                # The others of the group go on.
                self._epochs.flush()
                planned = members.pop(member)
                self._finish(planned, part, error=False)
                self._tell(planned)

    def _parts(self, trial_id: str, result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """By id, what a result says of each trial that is being trained."""
        members = self._live[trial_id]
        if "members" in result:
            return [(member, part) for member, part in result["members"] if member in members]
        return [(member, result) for member in members]

    def _record_epochs(self, trial_id: str, result: dict[str, Any]) -> None:
        for member, part in self._parts(trial_id, result):
            for epoch, metrics in part.get("epochs", ()):
                self._epochs.add(member, int(epoch), dict(metrics))
                self._callbacks.on_epoch()
        if result.get("saved"):
            # The next driver goes on after these epochs and will not measure them again.
            self._epochs.flush()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles a run's parts to restore it, which is never done here."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Ray's hook: nothing to save, running again is resuming."""

    def restore(self, checkpoint_path: str) -> None:
        """Ray's hook: nothing to restore."""


class FlushLate(tune.Callback):  # type: ignore[misc]
    """Writes epochs that have waited long, each time Ray Tune goes round its loop.

    Args:
        stream: holds them.
    """

    def __init__(self, stream: TrialStream) -> None:
        self._stream = stream

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as for the stream."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Ray's hook, at least ten times a second."""
        self._stream.flush(late_only=True)


class ForgetResults(tune.Callback):  # type: ignore[misc]
    """Drops what ended trials answered, predictions among it, which Ray keeps to the run's end."""

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Ray's hook, after the stream has written the trial's end."""
        for key in ("outcome", "partial", "epochs", "members"):
            trial.last_result.pop(key, None)


class StopWhen(tune.Stopper):  # type: ignore[misc]
    """Ends a phase as soon as it is asked to.

    Args:
        asked: whether to stop now.
    """

    def __init__(self, asked: Callable[[], bool]) -> None:
        self._asked = asked

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as for the stream."""
        return {}

    def __call__(self, _trial_id: str, _result: dict[str, Any]) -> bool:
        """Single trials are never stopped here."""
        return False

    def stop_all(self) -> bool:
        """Whether everything should stop."""
        return self._asked()


class StartTogether(tune.Callback):  # type: ignore[misc]
    """Lets workers begin trials when all that can be kept busy have started.

    Ray Tune gives the worker of an ended trial to a trial whose own worker is still starting,
    and stops the latter. Trials shorter than a start would all be trained by one worker.

    Args:
        stream: knows how many workers are wanted.
        workers: that fit at the same time.
        gate: open while workers may begin trials.
        clock: seconds.
    """

    LONGEST = 60.0
    """Seconds that the first worker waits for the others; they may never come."""

    def __init__(
        self,
        stream: TrialStream,
        workers: int,
        gate: Gate,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._workers = workers
        self._gate = gate
        self._clock = clock
        self._started: set[str] = set()
        self._since: float | None = None
        self._given_up = False
        gate.shut()
        self._open = False

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, as for the stream."""
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Ray's hook: a worker may have answered that it has started."""
        if READY_KEY not in result:
            return
        self._started.add(result[READY_KEY])
        if self._since is None:
            self._since = self._clock()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Ray's hook, at least ten times a second: open or close the gate."""
        if self._since is not None and self._clock() - self._since > self.LONGEST:
            self._given_up = True
        wanted = min(self._stream.wanted, self._workers)
        is_open = self._given_up or len(self._started) >= max(wanted, 1)
        if is_open == self._open:
            return
        self._since = None
        # What could not be said is said again at the next step.
        if self._gate.open() if is_open else self._gate.shut():
            self._open = is_open
