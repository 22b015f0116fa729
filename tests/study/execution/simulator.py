"""Ray Tune's order of calls in virtual time, and drivers that die between any two writes."""

import hashlib
import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher
from rich.console import Console

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from study.design.tuning import Tuning, search_of
from study.execution.campaign import Campaign
from study.execution.ray_searcher import TrialStream
from study.execution.ray_worker import Order, checkpoint_path
from study.execution.resources import Resources
from study.execution.trial_sources import OptunaSource, Source
from tracking.ledger import Ledger
from tracking.records import Evaluation, Outcome, Phase, Status
from tracking.rows import TrialRow

FAILURES = {"nan": "loss is not finite", "oom": "MemoryError: no room", "error": "ValueError: no"}
RETRIES = 2
Fate = Callable[[TrialConfig, int], str | None]
"""What befalls a trial in an epoch: nothing, a kind of failure, or ``node``."""

SPACE: dict[str, Any] = {
    "study": "sim",
    "base": {"epochs": 3},
    "factors": {
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["dot", "cosine"], "when": {"objective": ["sslcl"]}},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "search": {"trials": 4, "sampler": "random"},
}


def make_study(**changes: Any) -> Study:
    """The study of the simulations, with ``changes`` at the top of its file."""
    return parse_study({**SPACE, **changes}, "sim.yaml")


def identify(config: TrialConfig, salt: str = "data") -> str:
    """An identity; another ``salt`` stands for other data or other code."""
    return hashlib.sha256(f"{salt} {config.digest()}".encode()).hexdigest()


def put_study(ledger: Ledger, study: Study, fingerprint: str = "data") -> None:
    ledger.put_study(
        study.name,
        spec=study.canonical(),
        dataset=study.dataset,
        data_fingerprint=fingerprint,
        label_names=("no", "yes"),
        code_fingerprint="code",
        environment={},
    )


def open_ledger(folder: Path) -> Ledger:
    """A ledger whose writer can be made to die."""
    ledger: Ledger = MortalLedger(f"sqlite:///{folder}/results.db")
    ledger.fuse = Fuse()  # type: ignore[attr-defined]
    return ledger


class Died(BaseException):
    """The driver is dead; no handler of ``Exception`` may bring it back."""


@dataclass
class Fuse:
    """Lets ``left`` writes pass, and none after them; any number when ``None``."""

    left: int | None = None
    written: int = 0

    def burn(self) -> None:
        if self.left is not None and self.written >= self.left:
            raise Died
        self.written += 1


def _mortal(base: type[Any], names: tuple[str, ...]) -> type[Any]:
    """A subclass of ``base`` whose methods ``names`` first burn its ``fuse``."""

    def wrapped(name: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            self.fuse.burn()
            return getattr(base, name)(self, *args, **kwargs)

        return call

    return type(f"Mortal{base.__name__}", (base,), {name: wrapped(name) for name in names})


_STORAGE_WRITES = tuple(
    name
    for name in dir(BaseStorage)
    if name.startswith(("create_new_", "set_trial_", "set_study_")) and name != "set_study_name"
)
_LEDGER_WRITES = (
    "plan",
    "start",
    "release",
    "retry",
    "release_running",
    "record_epoch",
    "complete",
    "prune",
    "fail",
    "cache",
    "set_reference",
)
MortalLedger = _mortal(Ledger, _LEDGER_WRITES)
MortalMemory = _mortal(InMemoryStorage, _STORAGE_WRITES)
MortalSQLite = _mortal(RDBStorage, (*_STORAGE_WRITES, "_create_new_trial", "_set_trial_param"))
"""The underscored ones are what Optuna's cache calls in its place."""


def curve(config: TrialConfig, epoch: int) -> float:
    """A score that only the configuration decides and that tends to rise."""
    digits = int(config.digest()[:8], 16) / 16**8
    return round(0.2 + 0.6 * digits + 0.02 * epoch, 6)


def fates(seed: int, share: float) -> Fate:
    """For a ``share`` of all configurations some failure, always the same one."""

    def fate(config: TrialConfig, epoch: int) -> str | None:
        # Of what is not at its default, so that a new field of the configuration changes no fate.
        draw = random.Random(f"{seed} {config.model_dump(exclude_defaults=True)}")
        if draw.random() >= share or epoch != draw.randint(1, config.epochs):
            return None
        return draw.choice([*FAILURES, "node"])

    return fate


def unharmed(config: TrialConfig, epoch: int) -> str | None:
    return None


def outcome(config: TrialConfig, epoch: int, splits: tuple[str, ...] = ()) -> Outcome:
    def evaluation(split: str) -> Evaluation:
        metrics = {"weighted_f1": curve(config, epoch), "macro_f1": 0.5, "accuracy": 0.5}
        return Evaluation(split, metrics, ["c", "c"], [f"{split}0", f"{split}1"], [0, 1], [0, 0])

    return Outcome(
        best_epoch=epoch,
        epochs=epoch,
        score=curve(config, epoch),
        cost={"seconds": float(epoch)},
        evaluations=tuple(map(evaluation, splits)),
        worker="node:1 cpu",
    )


def result(
    config: TrialConfig, epoch: int, *, test: bool = False, last: int | None = None
) -> dict[str, Any]:
    """What a worker answers after an epoch, as Ray hands it on."""
    score = curve(config, epoch)
    done = epoch >= (last or config.epochs)
    found: dict[str, Any] = {
        "epoch": epoch,
        "score": score,
        "metrics": (("validation_weighted_f1", score), ("train_loss", 1.0 / epoch)),
        "partial": outcome(config, epoch),
        "done": done,
        "training_iteration": epoch,
        "trial_id": "ray",
    }
    if done:
        splits = ("validation", "test") if test else ("validation",)
        found["outcome"] = outcome(config, epoch, splits)
    return found


@dataclass
class _Running:
    order: Order
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
        reduction: prune as ASHA does, keeping one in so many at each rung.
        halt: whether to drop everything, as Ray does when a stopper says so.
        seed: of the epochs' lengths.
    """

    stream: TrialStream
    home: Path
    workers: int = 2
    fate: Fate = unharmed
    test: bool = False
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
            order = answer["order"]
            self.trained.append(order.trial)
            self._running[ray_id] = _Running(order, self._saved(order))
            self._wait(ray_id)
            self.most = max(self.most, len(self._running))

    def _wait(self, ray_id: str) -> None:
        heapq.heappush(self._clock, (self._time + self._random.uniform(0.5, 2.0), ray_id))

    def _saved(self, order: Order) -> int:
        path = checkpoint_path(self.home, order.identity)
        return int(path.read_text()) if path.is_file() else 0

    def _step(self, ray_id: str, trial: _Running) -> None:
        config = trial.order.config
        trial.epoch += 1
        fate = self.fate(config, trial.epoch)
        if fate == "node":
            self._node_dies(ray_id, trial)
            return
        if fate is not None:
            self._end(ray_id, {"failure": fate, "message": FAILURES[fate], "done": True})
            return
        found = result(config, trial.epoch, test=self.test)
        if found["done"] or self._stopped(trial, found["score"]):
            self._end(ray_id, found)
            return
        self.stream.on_trial_result(ray_id, found)
        path = checkpoint_path(self.home, trial.order.identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(trial.epoch))
        self._wait(ray_id)

    def _end(self, ray_id: str, found: dict[str, Any]) -> None:
        self.stream.on_trial_complete(ray_id, found)
        del self._running[ray_id]

    def _node_dies(self, ray_id: str, trial: _Running) -> None:
        trial.deaths += 1
        trial.epoch = self._saved(trial.order)
        if trial.deaths > RETRIES:
            self.stream.on_trial_complete(ray_id, error=True)
            del self._running[ray_id]
        else:
            self._wait(ray_id)

    def _stopped(self, trial: _Running, score: float) -> bool:
        if self.reduction is None:
            return False
        rung = self._rungs[trial.order.group, trial.epoch]
        rung.append(score)
        kept = max(len(rung) // self.reduction, 1)
        return score < sorted(rung, reverse=True)[kept - 1]


@dataclass
class World:
    """What outlives drivers: a folder with checkpoints, the ledger, and Optuna's storage.

    A ledger may be shared by worlds whose studies differ in name and trials in identity, since
    opening one takes as long as a whole search.
    """

    home: Path
    ledger: Ledger
    study: Study = field(default_factory=make_study)
    storage: BaseStorage | None = field(default_factory=MortalMemory)
    """Optuna's storage in memory, which is a hundred times faster; a SQLite file when ``None``."""
    fate: Fate = unharmed
    workers: int = 2
    reduction: int | None = 2
    seed: int = 0
    identify: Callable[[TrialConfig], str] = identify
    halt: Callable[[], bool] = lambda: False

    @property
    def url(self) -> str:
        """Of Optuna's file."""
        return f"sqlite:///{self.home}/optuna.db"

    @contextmanager
    def driver(self, left: int | None = None) -> Iterator[tuple[Ledger, Fuse]]:
        """A new driver that dies after ``left`` writes."""
        fuse = Fuse(left)
        self.home.mkdir(exist_ok=True)
        put_study(self.ledger, self.study)
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
                source = OptunaSource([search_of(self.study)], ledger, self.url, self.identify)
                self.ray(source).run()
            except Died:
                return False, fuse.written
            return True, fuse.written

    def campaign(self, dataset: Dataset, left: int | None = None) -> tuple[bool, int]:
        """All phases, likewise."""
        with self.driver(left) as (ledger, fuse):
            campaign = Campaign(
                self.study,
                dataset,
                ledger,
                self.home,
                Resources(),
                Console(quiet=True),
                self.halt,  # type: ignore[arg-type]
                lambda: None,
            )
            try:
                with mock.patch.object(campaign, "_start", return_value=FakeCluster(self)):
                    campaign.run()
            except Died:
                return False, fuse.written
            return True, fuse.written

    def stream(self, source: Source, **changes: Any) -> TrialStream:
        values: dict[str, Any] = {
            "workers": self.workers,
            "needs_test": False,
            "keep_models": False,
            "interrupted": lambda: False,
            "on_epoch": lambda: None,
            "on_end": lambda row: None,
        }
        return TrialStream(source, self.ledger, self.home, **(values | changes))

    def ray(self, source: Source, **changes: Any) -> FakeRay:
        return FakeRay(
            self.stream(source, **changes),
            self.home,
            workers=self.workers,
            fate=self.fate,
            reduction=self.reduction,
            seed=self.seed,
            test=bool(changes.get("needs_test")),
        )

    def rows(self, phase: Phase | None = Phase.SEARCH) -> list[TrialRow]:
        """The trials that the present plan asks for."""
        return self.ledger.trials(self.study.name, phase=phase)

    def told(self, tuning: Tuning | None = None) -> dict[int, optuna.trial.FrozenTrial]:
        """Optuna's trials by number, those of the study's own search unless told otherwise."""
        if self.storage is not None:
            self.storage.fuse = Fuse()  # type: ignore[attr-defined]
        name = (tuning or search_of(self.study)).name
        found = optuna.load_study(study_name=name, storage=self.storage or self.url)
        return {trial.number: trial for trial in found.get_trials()}

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
        leftovers = self.home / "checkpoints"
        kept = {path.stem for path in leftovers.iterdir()} if leftovers.is_dir() else set()
        assert kept <= {row.identity for row in rows}


class FakeCluster:
    """Stands for ``study.execution.ray_cluster.Cluster`` in a campaign."""

    def __init__(self, world: World) -> None:
        self._world = world

    def fit(
        self,
        phase: Phase,
        study: Study,
        source: Source,
        dataset: Dataset,
        ledger: Ledger,
        *,
        halt: Callable[[], bool],
        on_epoch: Callable[[], None],
        on_end: Callable[[TrialRow], None],
    ) -> None:
        ray = self._world.ray(
            source,
            needs_test=dataset.test is not None,
            interrupted=halt,
            on_epoch=on_epoch,
            on_end=on_end,
        )
        ray.halt = halt
        if not phase.searches:
            ray.reduction = None
        ray.run()
