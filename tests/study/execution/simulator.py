"""Ray Tune's order of calls in virtual time, and what outlives a driver that dies."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import optuna
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher
from rich.console import Console

from search_spaces.schema import Study
from sslcl.data.types import Dataset
from study.analysis.next_looks import given_looks
from study.design.data_facts import DataFacts
from study.design.tuning import Tuning, search_of
from study.execution.callbacks import Callbacks
from study.execution.campaign import Campaign, CampaignRun
from study.execution.ray_searcher import TrialStream
from study.execution.ray_worker import TRIAL_KEY
from study.execution.trial_sources import OptunaSource, TrialSource
from study.execution.workspace import Workspace
from tracking.home import Home, checkpoint
from tracking.ledger import Ledger
from tracking.records import Phase, PlannedTrial, Status
from tracking.rows import TrialRow

from .mortal import Died, Fuse, MortalMemory, MortalSQLite
from .simulated import DATA, FAILURES, Fate, make_study, put_study, result, unharmed

RETRIES = 2
SILENT = Callbacks()


@dataclass
class _Running:
    planned: PlannedTrial
    epoch: int
    deaths: int = 0


@dataclass
class FakeRay:
    """Calls a stream as Ray Tune does: so many workers, each epoch of some random length.

    Args:
        stream: gives out trials and hears results.
        home: where checkpoints are.
        workers: slots; one more trial is asked for than fits, as Ray does.
        fate: what befalls trials.
        test: whether the workers have the test split.
        sealed: whether they keep it from trials that search, which alone are pruned then.
        reduction: prune as ASHA does, keeping one in so many at each rung.
        halt: whether to drop everything, as Ray does when a stopper says so.
        seed: of the epochs' lengths.
    """

    stream: TrialStream
    home: Home
    workers: int = 2
    fate: Fate = unharmed
    test: bool = False
    sealed: bool = False
    reduction: int | None = None
    halt: Callable[[], bool] = lambda: False
    seed: int = 0
    most: int = 0
    """The most trials that ran at the same time."""
    trained: list[str] = field(default_factory=list)
    """Ids of the trials that were given out, in order."""

    def run(self) -> None:
        self._random = random.Random(self.seed)
        self._clock: list[tuple[float, str]] = []
        self._running: dict[str, _Running] = {}
        self._rungs: dict[tuple[str, int], list[float]] = defaultdict(list)
        self._time, self._finished = 0.0, False
        while True:
            self._fill()
            if not self._running or self.halt():
                return
            self._time, ray_id = heapq.heappop(self._clock)
            self._step(ray_id, self._running[ray_id])

    def _fill(self) -> None:
        while not self._finished and len(self._running) <= self.workers:
            ray_id = f"ray{len(self.trained)}"
            answer = self.stream.suggest(ray_id)
            if answer == Searcher.FINISHED:
                self._finished = True
            if not isinstance(answer, dict):
                assert answer is not None or self._running, "nothing runs and nothing is given out"
                return
            planned = answer[TRIAL_KEY]
            self.trained.append(planned.id)
            self._running[ray_id] = _Running(planned, self._saved(planned))
            self._wait(ray_id)
            self.most = max(self.most, len(self._running))

    def _wait(self, ray_id: str) -> None:
        heapq.heappush(self._clock, (self._time + self._random.uniform(0.5, 2.0), ray_id))

    def _saved(self, planned: PlannedTrial) -> int:
        path = self.home.folder / checkpoint(planned.identity)
        return int(path.read_text()) if path.is_file() else 0

    def _step(self, ray_id: str, trial: _Running) -> None:
        config = trial.planned.config
        trial.epoch += 1
        fate = self.fate(config, trial.epoch)
        if fate == "node":
            self._node_dies(ray_id, trial)
            return
        if fate is not None:
            self._end(ray_id, {"failure": fate, "message": FAILURES[fate], "done": True})
            return
        found = result(
            config,
            trial.epoch,
            test=self.test and not (self.sealed and trial.planned.phase.sealed),
        )
        if found["done"] or self._stopped(trial, found["score"]):
            self._end(ray_id, found)
            return
        self.stream.on_trial_result(ray_id, found)
        path = self.home.folder / checkpoint(trial.planned.identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(trial.epoch))
        self._wait(ray_id)

    def _end(self, ray_id: str, found: dict[str, Any]) -> None:
        self.stream.on_trial_complete(ray_id, found)
        del self._running[ray_id]

    def _node_dies(self, ray_id: str, trial: _Running) -> None:
        trial.deaths += 1
        trial.epoch = self._saved(trial.planned)
        if trial.deaths > RETRIES:
            self.stream.on_trial_complete(ray_id, error=True)
            del self._running[ray_id]
        else:
            self._wait(ray_id)

    def _stopped(self, trial: _Running, score: float) -> bool:
        planned = trial.planned
        if self.reduction is None or (self.sealed and not planned.phase.searches):
            return False
        group = f"{planned.config.fold} {planned.cell if planned.phase is Phase.TUNE else ''}"
        rung = self._rungs[group, trial.epoch]
        rung.append(score)
        kept = max(len(rung) // self.reduction, 1)
        return score < sorted(rung, reverse=True)[kept - 1]


@dataclass
class World:
    """What outlives drivers: a folder with checkpoints, the ledger, and Optuna's storage.

    A ledger may be shared by worlds whose studies differ in name and trials in identity, since
    opening one takes as long as a whole search.
    """

    folder: Path
    ledger: Ledger
    study: Study = field(default_factory=make_study)
    storage: BaseStorage | None = field(default_factory=MortalMemory)
    """Optuna's storage in memory, which is a hundred times faster; a SQLite file when ``None``."""
    fate: Fate = unharmed
    workers: int = 2
    reduction: int | None = 2
    seed: int = 0
    data: DataFacts = DATA
    halt: Callable[[], bool] = lambda: False

    @property
    def home(self) -> Home:
        """Its paths."""
        return Home(self.folder)

    @property
    def url(self) -> str:
        """Of Optuna's file."""
        return f"sqlite:///{self.home.optuna}"

    @contextmanager
    def driver(self, left: int | None = None) -> Iterator[tuple[Ledger, Fuse]]:
        """A new driver that dies after ``left`` writes."""
        fuse = Fuse(left)
        self.folder.mkdir(exist_ok=True)
        put_study(self.ledger, self.study, self.data.fingerprint)
        self.ledger.fuse = fuse  # type: ignore[attr-defined]
        try:
            with mock.patch.object(optuna.storages, "RDBStorage", self._storage_type(fuse)):
                yield self.ledger, fuse
        finally:
            self.ledger.fuse = Fuse()  # type: ignore[attr-defined]

    def _storage_type(self, fuse: Fuse) -> type[Any]:
        """What stands for Optuna's class of SQL storages while a driver lives."""
        if self.storage is None:
            return type("Fused", (MortalSQLite,), {"fuse": fuse})
        self.storage.fuse = fuse  # type: ignore[attr-defined]
        return type("Given", (), {"__new__": lambda cls, *a, **k: self.storage})

    def search(self, left: int | None = None) -> tuple[bool, int]:
        """Search with a driver that dies after ``left`` writes.

        Returns:
            Whether it lived, and how much it wrote.
        """
        with self.driver(left) as (ledger, fuse):
            try:
                ledger.release_running(self.study.name)
                source = OptunaSource([search_of(self.study)], ledger, self.url, self.data)
                self.ray(source).run()
            except Died:
                return False, fuse.written
            return True, fuse.written

    def campaign(self, dataset: Dataset, left: int | None = None) -> tuple[bool, int]:
        """All phases, likewise."""
        with self.driver(left) as (ledger, fuse):
            workspace = Workspace(self.home, ledger, Console(quiet=True))
            campaign = Campaign(
                self.study,
                dataset,
                workspace,
                lambda: nullcontext(FakeCluster(self)),
                self.halt,  # type: ignore[arg-type]
            )
            try:
                campaign.run(given_looks)
            except Died:
                return False, fuse.written
            return True, fuse.written

    def stream(self, source: TrialSource, callbacks: Callbacks = SILENT) -> TrialStream:
        return TrialStream(iter([source]), self.ledger, self.home, self.workers, callbacks)

    def ray(
        self, source: TrialSource, callbacks: Callbacks = SILENT, *, test: bool = False
    ) -> FakeRay:
        """A simulated Ray on this world; ``test``: whether the workers have the test split."""
        return FakeRay(
            self.stream(source, callbacks),
            self.home,
            workers=self.workers,
            fate=self.fate,
            reduction=self.reduction,
            seed=self.seed,
            test=test,
        )

    def rows(self, phase: Phase | None = Phase.SEARCH) -> list[TrialRow]:
        """The trials that the present plan asks for."""
        return self.ledger.trials(self.study.name, phase=phase)

    def told(self, tuning: Tuning | None = None) -> dict[int, optuna.trial.FrozenTrial]:
        """Optuna's trials by number, those of the study's own search unless told otherwise."""
        if self.storage is not None:
            self.storage.fuse = Fuse()  # type: ignore[attr-defined]
        name = (tuning or search_of(self.study)).name
        opened = optuna.load_study(study_name=name, storage=self.storage or self.url)
        own = [t for t in opened.get_trials() if "earlier_trial" not in t.user_attrs]
        return {trial.number: trial for trial in own}

    def check(self, tuning: Tuning | None = None) -> None:
        """Every trial of a search once and final; Optuna says of each what the ledger says."""
        tuning = tuning or search_of(self.study)
        told = self.told(tuning)
        rows = [row for row in self.rows(tuning.phase) if tuning.cell in (None, row.cell)]
        assert len(rows) == tuning.settings.trials
        assert len({row.number for row in rows}) == tuning.settings.trials
        for row in rows:
            assert row.status.final, row.status
            trial = told.pop(row.number)  # type: ignore[arg-type]
            if row.status in (Status.COMPLETE, Status.CACHED):
                assert (trial.state, trial.value) == (TrialState.COMPLETE, row.score)
            else:
                expected = {Status.PRUNED: TrialState.PRUNED, Status.FAILED: TrialState.FAIL}
                assert trial.state == expected[row.status]
        assert {trial.state for trial in told.values()} <= {TrialState.FAIL}
        leftovers = (self.home.folder / checkpoint("any")).parent
        kept = {path.stem for path in leftovers.iterdir()} if leftovers.is_dir() else set()
        assert kept <= {row.identity for row in rows}


class FakeCluster:
    """Stands for ``study.execution.ray_cluster.Cluster`` in a campaign."""

    def __init__(self, world: World) -> None:
        self._world = world

    def fit(self, run: CampaignRun, ledger: Ledger, callbacks: Callbacks) -> None:
        world = self._world
        assert ledger is world.ledger
        stream = TrialStream(run.sources, ledger, world.home, world.workers, callbacks)
        ray = FakeRay(
            stream,
            world.home,
            workers=world.workers,
            fate=world.fate,
            test=run.dataset.test is not None,
            sealed=True,
            reduction=world.reduction,
            halt=callbacks.halted,
            seed=world.seed,
        )
        ray.run()
        stream.flush()
        if stream.error is not None:
            raise stream.error


MakeWorld = Callable[..., World]
"""Makes a world from the parts of a study file and from fields of :class:`World`."""


def dies_at_any_write(
    fresh: Callable[[], tuple[World, Dataset]], check: Callable[[World], None], stride: int
) -> None:
    """Run a campaign whole, then dying after every ``stride``-th write and run again.

    Args:
        fresh: a world in which nothing has run, and its data.
        check: what must hold of a world in which the campaign has ended.
        stride: from one death to the next.
    """
    world, dataset = fresh()
    lived, writes = world.campaign(dataset)
    assert lived
    check(world)
    for left in range(1, writes, stride):
        world, dataset = fresh()
        assert world.campaign(dataset, left) == (False, left)
        assert world.campaign(dataset)[0]
        check(world)
