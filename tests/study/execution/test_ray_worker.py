"""A worker answers short epochs together, and stops where a trial may be pruned."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search_spaces import load_study
from sslcl import profiling
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.errors import Diverged
from sslcl.fusion.compatibility import group_of
from sslcl.fusion.trainer import FusedTrainer
from sslcl.training import Trainer
from study.execution import ray_worker
from study.execution.machine.gate import Gate
from study.execution.ray_worker import GROUP_KEY, TRIAL_KEY, Terms, TrialWorker
from study.execution.trial import load_state
from tracking.artifacts import FolderStore, Store, UrlStore
from tracking.home import GATE, checkpoint, model
from tracking.records import Phase, PlannedTrial


def short_trial(folder: Path | Store, phase: Phase, rungs: set[int], **changes: Any) -> TrialWorker:
    """A worker in this process, which has begun a trial of epochs of milliseconds."""
    config = TrialConfig(
        **{
            "dataset_options": {"conversations": 7},
            "backbone": "utterance",
            "objective": "cross_entropy",
            "hidden_size": 8,
            "epochs": 6,
            "patience": 6,
            **changes,
        }
    )
    store = FolderStore(folder) if isinstance(folder, Path) else folder
    gate = Gate(store, GATE)
    gate.open()
    worker = TrialWorker.__new__(TrialWorker)
    group = [
        PlannedTrial(f"seed {one.seed}", phase, "cell", f"identity {one.seed}", one, group=name)
        for one in group_of(config)
        for name in [str(config.fused_seeds) if config.fused_seeds else None]
    ]
    dataset = load_dataset(config.dataset, config.dataset_options)
    given = {TRIAL_KEY: group[0], GROUP_KEY: tuple(group)}
    worker.setup(given, dataset, store, Terms(gate, rungs=frozenset(rungs)))
    return worker


def answers(worker: TrialWorker) -> list[dict[str, Any]]:
    """What it answers until the trial ends."""
    given = [worker.step()]
    while not given[-1]["done"]:
        given.append(worker.step())
    return given


def epochs_of(given: list[dict[str, Any]]) -> list[list[int]]:
    """Numbers of the epochs in each answer."""
    return [[number for number, _ in answer["epochs"]] for answer in given]


def test_short_epochs_are_answered_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "STEP_SECONDS", 60.0)
    (only,) = answers(short_trial(tmp_path, Phase.CONFIRM, {1, 3}))
    assert epochs_of([only]) == [[1, 2, 3, 4, 5, 6]]
    assert (only["epoch"], only["outcome"].epochs) == (6, 6)
    assert all(dict(metrics)["train_loss"] > 0 for _, metrics in only["epochs"])


def test_a_searched_trial_answers_where_it_may_be_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "STEP_SECONDS", 60.0)
    given = answers(short_trial(tmp_path, Phase.SEARCH, {1, 3, 9}))
    assert epochs_of(given) == [[1], [2, 3], [4, 5, 6]]
    scores = [dict(answer["epochs"][-1][1])["validation_weighted_f1"] for answer in given]
    assert [answer["score"] for answer in given] == scores


def test_long_epochs_are_answered_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "STEP_SECONDS", 0.0)
    given = answers(short_trial(tmp_path, Phase.ABLATE, set(), epochs=3))
    assert epochs_of(given) == [[1], [2], [3]]


def test_epochs_before_a_failure_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_worker, "STEP_SECONDS", 60.0)
    trained = Trainer.train_epoch

    def diverging(self: Trainer) -> dict[str, float]:
        if self.epoch == 3:
            raise Diverged(3, "train_loss")
        return trained(self)

    monkeypatch.setattr(Trainer, "train_epoch", diverging)
    (only,) = answers(short_trial(tmp_path, Phase.ABLATE, set()))
    assert (epochs_of([only]), only["failure"]) == ([[1, 2]], "nan")


def test_operations_are_counted_once_for_all_seeds_and_latency_is_measured_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"flops": 0, "latencies": 0}

    def counting(name: str) -> Callable[..., Any]:
        measure = getattr(profiling, name)

        def counted(*given: Any) -> Any:
            calls[name] += 1
            return measure(*given)

        return counted

    for name in calls:
        monkeypatch.setattr(profiling, name, counting(name))
    worker = short_trial(tmp_path, Phase.ABLATE, set(), epochs=1)
    costs = [answers(worker)[-1]["outcome"].cost]
    for changes in ({"seed": 5}, {"seed": 5, "hidden_size": 12}):
        config = worker._trial.config.replace(**changes)
        planned = PlannedTrial(str(changes), Phase.ABLATE, "cell", str(changes), config)
        worker.reset_config({TRIAL_KEY: planned, GROUP_KEY: (planned,)})
        costs.append(answers(worker)[-1]["outcome"].cost)
    first, same, wider = (cost["flops_per_utterance"] for cost in costs)
    assert first == same < wider
    assert calls == {"flops": 2, "latencies": 3}


def test_members_of_a_group_are_told_of_one_by_one(tmp_path: Path) -> None:
    changes = {"seed": 3, "fused_seeds": (3, 5, 8), "epochs": 30, "patience": 2, "dropout": 0.0}
    given = answers(short_trial(tmp_path, Phase.CONFIRM, set(), **changes))
    ended = [one for answer in given for one, part in answer["members"] if "outcome" in part]
    assert sorted(ended) == ["seed 3", "seed 5", "seed 8"]
    for one in ended:
        parts = [dict(answer["members"]).get(one, {}) for answer in given]
        numbers = [number for part in parts for number, _ in part.get("epochs", ())]
        (outcome,) = (part["outcome"] for part in parts if "outcome" in part)
        assert numbers == list(range(1, outcome.epochs + 1))
        assert outcome.epochs == outcome.best_epoch + 2 or outcome.epochs == 30


def test_all_members_are_told_of_a_failure_of_their_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"seed": 3, "fused_seeds": (3, 5), "epochs": 4}
    worker = short_trial(tmp_path, Phase.ABLATE, set(), **changes)

    def fail(self: FusedTrainer) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(FusedTrainer, "fit_epoch", fail)
    (only,) = answers(worker)
    assert {one: part["failure"] for one, part in only["members"]} == {
        "seed 3": "oom",
        "seed 5": "oom",
    }


@pytest.mark.parametrize("epochs", [1, 4, 9, 20, 27])
@pytest.mark.parametrize("grace", [1, 3, 30])
@pytest.mark.parametrize("reduction", [2, 3])
def test_rungs_are_those_of_the_scheduler(epochs: int, grace: int, reduction: int) -> None:
    from study.execution.ray_cluster import ByGroup, rungs

    choices = [f"search.grace_epochs={grace}", f"search.reduction={reduction}"]
    study = load_study("quickstart", [*choices, f"base.epochs={epochs}", "search.scheduler=asha"])
    scheduler = ByGroup(study, workers=1)
    config, decided = study.base_config(0), set()
    for number in range(12):
        planned = PlannedTrial(str(number), Phase.SEARCH, "", "", config, number)
        trial = SimpleNamespace(trial_id=str(number), config={TRIAL_KEY: planned})
        scheduler.on_trial_add(None, trial)
        for epoch in range(1, epochs):
            answer = {"epoch": epoch, "score": -float(number)}
            if scheduler.on_trial_result(None, trial, answer) == "STOP":
                decided.add(epoch)
                break
    assert decided <= rungs(study)
    assert bool(decided) == (min(rungs(study)) < epochs)


class TestFilesBehindAUrl:
    def test_a_trial_goes_on_elsewhere_and_its_model_is_kept(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        store = UrlStore(f"memory://bucket/{tmp_path.name}")
        monkeypatch.setattr(ray_worker, "STEP_SECONDS", 0.0)
        monkeypatch.setattr(ray_worker, "CHECKPOINT_SECONDS", 0.0)
        first = short_trial(store, Phase.CONFIRM, set())
        assert epochs_of([first.step() for _ in range(4)]) == [[1], [2], [3], [4]]
        assert store.exists(checkpoint("identity 0"))
        second = short_trial(store, Phase.CONFIRM, set())
        assert epochs_of(answers(second)) == [[4], [5], [6]]
        state = load_state(store, model("identity 0"))
        assert state is not None
        trained = second._trainer or first._trainer
        assert trained is not None
        assert state.keys() == trained.model.state_dict().keys()  # type: ignore[union-attr]

    def test_one_without_an_answer_costs_no_trial(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        store = UrlStore(f"memory://bucket/{tmp_path.name}")
        worker = short_trial(store, Phase.CONFIRM, set())
        monkeypatch.setattr(ray_worker, "CHECKPOINT_SECONDS", 0.0)
        monkeypatch.setattr(UrlStore, "_opened", _no_answer)
        last = answers(worker)[-1]
        assert last["outcome"].epochs == 6

    def test_a_gate_that_never_opens_is_not_waited_for_for_ever(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        worker = short_trial(tmp_path, Phase.CONFIRM, set())
        assert worker._terms.gate.shut()
        assert ray_worker.READY_KEY in worker.step()
        monkeypatch.setattr(ray_worker, "LONGEST_WAIT", 0.0)
        assert answers(worker)[-1]["outcome"].epochs == 6


def _no_answer(_self: UrlStore) -> Any:
    raise ConnectionError("no route to host")
