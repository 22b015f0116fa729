"""What a search costs: training until it is as good as 200 random trials, by simulation.

Optuna's samplers and Ray's scheduler are the real ones; training is simulated. A random forest on
the recorded curves (:mod:`benchmarks.curves`) gives the expected curve of any configuration, and
every configuration is given the whole residual curve, out of bag, of some recorded one. So the
space is the study's own rather than the recorded points, and luck is as large as the forest's
error: never smaller than that of training itself. Each repeat deals the residuals anew.
"""

import hashlib
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from sklearn.ensemble import RandomForestRegressor

from benchmarks.curves import STUDY, recorded
from benchmarks.timing import Figure
from search_spaces import load_study
from search_spaces.schema import Categorical, Search, Study
from study.design.space import declared, suggest
from study.design.tuning import Tuning, search_of
from study.execution.ray_cluster import ByGroup
from study.execution.ray_worker import TRIAL_KEY
from study.execution.trial_sources import open_optuna
from tracking.records import Phase, PlannedTrial

RANDOM_TRIALS = 200
REPEATS = 20
WORKERS = 2
MOST = 1 / 3


@dataclass(frozen=True)
class Choice:
    """A way to search.

    Args:
        name: as the table calls it.
        settings: fields of the study file's search that differ from its defaults.
        earlier: trials of an earlier search of the same kind that the sampler is told.
        declared: whether the first trial has the study file's own levels.
    """

    name: str
    settings: Mapping[str, Any]
    earlier: int = 0
    declared: bool = True


DEFAULT = "default, warm start"
CHOICES = (
    Choice(DEFAULT, {}, earlier=24),
    Choice("default, no earlier trials", {}),
    Choice("tpe, every trial to its end", {"scheduler": "none"}),
    Choice("random, asha", {"sampler": "random"}),
    Choice("tpe, asha, grace 1, reduction 3", {"grace_epochs": 1, "reduction": 3}, earlier=24),
    Choice("tpe, asha, grace 2, reduction 3", {"grace_epochs": 2, "reduction": 3}, earlier=24),
    Choice("tpe, asha, grace 2, reduction 2", {"grace_epochs": 2, "reduction": 2}, earlier=24),
    Choice("tpe, asha, grace 3, reduction 3", {"grace_epochs": 3, "reduction": 3}, earlier=24),
    Choice("tpe, asha, grace 3, reduction 4", {"grace_epochs": 3, "reduction": 4}, earlier=24),
)


@dataclass(frozen=True)
class Trial:
    """A simulated trial that has ended.

    Args:
        score: of its best epoch.
        spent: training seconds of the whole search when it ended.
        frozen: as Optuna keeps it.
    """

    score: float
    spent: float
    frozen: optuna.trial.FrozenTrial


class Curves:
    """Curves of any configuration of a search.

    Args:
        study: the study file.
        repeat: deals the residuals.
    """

    def __init__(self, study: Study, repeat: int) -> None:
        self._study = study
        self._repeat = repeat

    def of(self, levels: Mapping[str, Any]) -> tuple[list[float], float]:
        """Score of each epoch, and seconds of an epoch."""
        expected, residuals = _forest()
        text = f"{self._repeat} {sorted(levels.items())}"
        draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
        inputs = np.array([_features(self._study, levels)], dtype=np.float32)
        # Tree by tree, since the forest's own checks of one row take ten times as long.
        trees = [tree.tree_.predict(inputs).reshape(-1) for tree in expected.estimators_]
        curve = np.mean(trees, axis=0)
        curve = curve + residuals[draw % len(residuals)]
        return curve[:-1].tolist(), float(np.exp(curve[-1]))


@cache
def _forest() -> tuple[RandomForestRegressor, np.ndarray[Any, Any]]:
    study = load_study(STUDY)
    curves = recorded()
    inputs = np.array([_features(study, curve.levels) for curve in curves])
    outputs = np.array([[*c.scores, np.log(np.mean(c.seconds))] for c in curves])
    forest = RandomForestRegressor(60, min_samples_leaf=2, oob_score=True, random_state=0)
    forest.fit(inputs, outputs)
    return forest, outputs - forest.oob_prediction_


def _features(study: Study, levels: Mapping[str, Any]) -> list[float]:
    row: list[float] = []
    for name, factor in study.factors.items():
        level = levels[name]
        if not isinstance(factor, Categorical):
            row.append(float(np.log(level)) if factor.log else float(level))
        elif isinstance(level, str):
            row += [float(level == each) for each in factor.levels]
        else:
            row.append(float(level))
    return row


def search(study: Study, choice: Choice, repeat: int, until: float, most: float) -> list[Trial]:
    """Search with two workers until a trial scores ``until`` or ``most`` seconds are spent."""
    settings = Search.model_validate(
        {"trials": 10_000, "fixed": study.search.fixed if study.search else {}}
        | {"seed": repeat}
        | dict(choice.settings)
    )
    study = study.model_copy(update={"search": settings})
    tuning = search_of(study)
    opened = open_optuna(tuning, InMemoryStorage())
    if choice.earlier:
        cold = replace(choice, earlier=0)
        # Another seed of the sampler, as another study's search would have.
        before = search(study, cold, repeat + 500, np.inf, np.inf)[: choice.earlier]
        opened.add_trials([trial.frozen for trial in before])
    return _Simulation(tuning, opened, Curves(study, repeat % 500), choice.declared).run(
        until, most, RANDOM_TRIALS * 2 if np.isfinite(most) else 24
    )


class _Simulation:
    def __init__(
        self, tuning: Tuning, opened: optuna.Study, curves: Curves, first_declared: bool
    ) -> None:
        self._tuning = tuning
        self._optuna = opened
        self._curves = curves
        self._scheduler = ByGroup(tuning.study, WORKERS)
        self._config = tuning.study.base_config(0)
        self._now = 0.0
        self._spent = 0.0
        self._clock: list[tuple[float, int, _Running]] = []
        if first_declared:
            opened.enqueue_trial(dict(declared(tuning)))

    def run(self, until: float, most: float, trials: int) -> list[Trial]:
        ended: list[Trial] = []
        while len(ended) < trials and self._spent < most:
            while len(self._clock) < WORKERS:
                self._start()
            trial = self._step()
            if trial is not None:
                ended.append(trial)
                if trial.frozen.state is TrialState.COMPLETE and trial.score >= until:
                    break
        return ended

    def _start(self) -> None:
        trial = self._optuna.ask()
        scores, seconds = self._curves.of(suggest(self._tuning, trial))
        planned = PlannedTrial(str(trial.number), Phase.SEARCH, "", "", self._config, trial.number)
        stub = SimpleNamespace(trial_id=str(trial.number), config={TRIAL_KEY: planned})
        running = _Running(trial, stub, scores, seconds)
        self._scheduler.on_trial_add(None, stub)
        heapq.heappush(self._clock, (self._now + seconds, trial.number, running))

    def _step(self) -> Trial | None:
        self._now, number, running = heapq.heappop(self._clock)
        self._spent += running.seconds
        running.epoch += 1
        score = running.scores[running.epoch - 1]
        result = {"epoch": running.epoch, "score": score}
        best = max(running.scores[: running.epoch])
        if running.epoch == len(running.scores):
            self._scheduler.on_trial_complete(None, running.stub, result)
            told = self._optuna.tell(running.trial, best)
        elif self._scheduler.on_trial_result(None, running.stub, result) == "STOP":
            self._scheduler.on_trial_complete(None, running.stub, result)
            running.trial.report(score, running.epoch)
            told = self._optuna.tell(running.trial, state=TrialState.PRUNED)
        else:
            heapq.heappush(self._clock, (self._now + running.seconds, number, running))
            return None
        return Trial(best, self._spent, told)


@dataclass
class _Running:
    trial: optuna.trial.Trial
    stub: SimpleNamespace
    scores: list[float]
    seconds: float
    epoch: int = 0


def ratio_of(choice: Choice, repeat: int) -> float:
    """Training seconds of a search over those of 200 random trials that score no better.

    Infinite where it spends all that the random trials did and is not as good.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = load_study(STUDY)
    best, seconds = _random(repeat)
    ended = search(study, choice, repeat, best, seconds)
    last = ended[-1]
    reached = last.frozen.state is TrialState.COMPLETE and last.score >= best
    return last.spent / seconds if reached else float("inf")


@cache
def _random(repeat: int) -> tuple[float, float]:
    """The best score of 200 random trials that are trained to their end, and their seconds."""
    study = load_study(STUDY)
    tuning = search_of(study)
    sampler = optuna.samplers.RandomSampler(seed=90_000 + repeat)
    drawing = optuna.create_study(sampler=sampler)
    curves = Curves(study, repeat)
    drawn = [curves.of(suggest(tuning, drawing.ask())) for _ in range(RANDOM_TRIALS)]
    return max(max(c) for c, _ in drawn), sum(len(c) * seconds for c, seconds in drawn)


def figures() -> list[Figure]:
    """One line for each way to search; only the default has to hold."""
    work = [(choice, repeat) for choice in CHOICES for repeat in range(REPEATS)]
    with get_context("spawn").Pool(WORKERS) as pool:
        ratios = pool.starmap(ratio_of, work, chunksize=REPEATS // 2)
    lines = []
    for index, choice in enumerate(CHOICES):
        own = sorted(ratios[index * REPEATS : (index + 1) * REPEATS])
        low, middle, high = (own[round(share * (REPEATS - 1))] for share in (0.25, 0.5, 0.75))
        holds = middle <= MOST or choice.name != DEFAULT
        what = f"search ({choice.name}) over {RANDOM_TRIALS} random trials as good, training time"
        target = f"at most {MOST:.3f}x" if choice.name == DEFAULT else "none, to compare"
        lines.append(Figure(what, f"{middle:.3g} ({low:.3g} to {high:.3g})x", target, holds))
    return lines
