"""Shares of GPUs by measured memory."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from study.driver import register
from study.execution.campaign import Campaign
from study.execution.machine.gate import Gate
from study.execution.machine.gpu_packing import (
    MARGIN,
    MOST,
    WHOLE,
    GpuMemory,
    GpuPacking,
    gpu_memory,
    kind_of,
    share_for,
)
from study.execution.ray_searcher import TrialStream
from study.execution.ray_worker import MEMORY_KEY, SHARE_KEY, TRIAL_KEY, Terms, TrialWorker
from study.execution.resources import ClusterResources, Halt
from study.execution.trial_sources import ListSource
from study.execution.workspace import Workspace
from tracking.artifacts import FolderStore
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status

from ..simulated import make_study, put_study, result
from ..simulator import MakeWorld


def trial(name: str, **changes: object) -> PlannedTrial:
    config = TrialConfig.parse(changes)
    return PlannedTrial(name, Phase.ABLATE, "cell", f"identity of {name}", config)


class TestAKind:
    @pytest.mark.parametrize(
        "changes",
        [
            {"seed": 7},
            {"learning_rate": 0.5},
            {"dropout": 0.1},
            {"epochs": 3},
            {"folds": "5", "fold": "2"},
        ],
    )
    def test_is_the_same_whatever_changes_no_size(self, changes: dict[str, object]) -> None:
        alike = {"folds": "5", "fold": "1"} if "fold" in changes else {}
        assert kind_of(TrialConfig.parse(alike)) == kind_of(TrialConfig.parse(changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"hidden_size": 128},
            {"batch_size": 4},
            {"backbone": "transformer"},
            {"objective": "cross_entropy"},
            {"precision": "bfloat16"},
            {"dataset_options": {"conversations": 14}},
        ],
    )
    def test_is_another_with_another_size(self, changes: dict[str, object]) -> None:
        assert kind_of(TrialConfig()) != kind_of(TrialConfig.parse(changes))


class TestAShare:
    @pytest.mark.parametrize("percent", [1, 3, 10, 19, 20, 27, 39.9, 40.1, 80, 99, 200])
    def test_leaves_room_for_the_margin_and_its_parts_fit_together(self, percent: float) -> None:
        memory = GpuMemory(int(percent * 10**7), 10**9)
        share = share_for(memory)
        together = 1 if share == WHOLE else round(1 / share)
        # As Ray counts: to the nearest ten-thousandth.
        assert round(share * 10_000) * together <= 10_000
        assert 1 <= together <= MOST
        if together > 1:
            assert together * MARGIN * memory.peak <= memory.total
        if together < MOST:
            assert (together + 1) * MARGIN * memory.peak > memory.total

    def test_nothing_measured_is_no_reason_for_a_crowd(self) -> None:
        assert share_for(GpuMemory(0, 10**9)) == pytest.approx(1 / MOST, abs=1e-4)


class TestPacking:
    def test_the_first_of_a_kind_has_a_gpu_and_those_after_it_share(self) -> None:
        packing = GpuPacking(2)
        first, other = trial("first"), trial("other", hidden_size=128)
        assert packing.begin(first) == packing.begin(other) == WHOLE
        assert packing.begin(trial("second", seed=1)) is None
        packing.measured(first, GpuMemory(20, 100))
        assert packing.begin(trial("second", seed=1)) is None, "both GPUs are taken"
        assert not packing.end(first)
        shares = [packing.begin(trial(str(seed), seed=seed)) for seed in range(1, 6)]
        assert shares == [0.25, 0.25, 0.25, 0.25, None]
        packing.end(other)
        assert packing.begin(trial("third", hidden_size=128)) == WHOLE, "not measured yet"

    def test_a_higher_peak_is_heeded_and_a_lower_one_is_not(self) -> None:
        packing = GpuPacking(1)
        first = trial("first")
        packing.begin(first)
        shares = []
        for peak in (10, 30, 5):
            packing.measured(first, GpuMemory(peak, 100))
            shares.append(packing.share(first))
        assert shares == [0.125, 0.5, 0.5]

    def test_what_a_trial_among_others_takes_is_not_heeded(self) -> None:
        packing = GpuPacking(1)
        first, second = trial("first"), trial("second", seed=1)
        packing.begin(first)
        packing.measured(first, GpuMemory(10, 100))
        packing.end(first)
        packing.begin(second)
        packing.measured(second, GpuMemory(99, 100))
        assert packing.share(first) == 0.125

    def test_out_of_memory_doubles_the_share_up_to_a_whole_gpu(self) -> None:
        packing = GpuPacking(1)
        first = trial("first")
        packing.begin(first)
        packing.measured(first, GpuMemory(11, 100))
        packing.end(first)
        shares = []
        for seed in range(4):
            one = trial(f"{seed}", seed=seed)
            shares.append(packing.begin(one))
            again = packing.end(one, out_of_memory=True)
            assert again == (shares[-1] != WHOLE)
        assert shares == [pytest.approx(1 / 7, abs=1e-4), pytest.approx(2 / 7, abs=1e-3),
                          pytest.approx(4 / 7, abs=1e-3), WHOLE]  # fmt: skip

    def test_a_trial_that_needs_more_than_is_free_goes_when_nothing_else_does(self) -> None:
        assert GpuPacking(0.5).begin(trial("first")) == WHOLE


def test_a_cpu_has_no_gpu_memory() -> None:
    assert gpu_memory(torch.device("cpu")) is None


ONE_CELL: dict[str, Any] = {
    "search": None,
    "ablate": {"factors": ["objective"], "seeds": 3, "reference": {}},
}


class TestAStream:
    def test_a_trial_that_runs_out_of_memory_is_tried_again_with_more(
        self, make_world: MakeWorld
    ) -> None:
        world = make_world(ONE_CELL, reduction=None)
        put_study(world.ledger, world.study)
        configs = [world.study.config({}, seed) for seed in (1, 2, 3)]
        trials = [
            PlannedTrial(f"{world.study.name}{c.seed}", Phase.ABLATE, "cell", f"identity of {c}", c)
            for c in configs
        ]
        world.ledger.plan(world.study.name, Phase.ABLATE, trials, replace=True)
        stream = world.stream(ListSource(trials))
        stream.packing = GpuPacking(1)
        first = given(stream, "ray0")
        assert first[SHARE_KEY] == WHOLE
        assert stream.suggest("ray1") is None, "it waits for the first to be measured"
        config = first[TRIAL_KEY].config
        stream.on_trial_result("ray0", {**result(config, 1), MEMORY_KEY: GpuMemory(30, 100)})
        stream.on_trial_complete("ray0", result(config, config.epochs))
        second, third = given(stream, "ray2"), given(stream, "ray3")
        assert second[SHARE_KEY] == third[SHARE_KEY] == 0.5
        lost = {"failure": "oom", "message": "CUDA out of memory", "done": True}
        stream.on_trial_complete("ray2", lost)
        row = world.ledger.trial(second[TRIAL_KEY].id)
        assert (row.status, row.attempts) == (Status.PLANNED, 1)
        assert stream.suggest("ray4") is None, "no room beside the third"
        stream.on_trial_complete("ray3", result(config, config.epochs))
        again = given(stream, "ray5")
        assert again[TRIAL_KEY].id == row.id
        assert again[SHARE_KEY] == WHOLE
        stream.on_trial_complete("ray5", lost)
        row = world.ledger.trial(row.id)
        assert (row.status, row.failure, row.attempts) == (
            Status.FAILED, FailureKind.OUT_OF_MEMORY, 2,
        )  # fmt: skip
        assert stream.suggest("ray6") == "FINISHED"


def given(stream: TrialStream, ray_id: str) -> dict[str, Any]:
    answer = stream.suggest(ray_id)
    assert isinstance(answer, dict)
    return answer


def test_a_trial_without_a_gpu_does_not_take_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    worker = TrialWorker.__new__(TrialWorker)
    worker._terms = Terms(Gate(FolderStore(Path("nowhere")), "gate"))
    for share, device in ((None, "cpu"), (0.0, "cpu")):
        worker._share = share
        assert worker._device() == torch.device(device)


@pytest.mark.slow
def test_trials_share_a_gpu_by_what_the_first_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A logical GPU: Ray gives it to trials although there is none."""
    import ray

    from study.execution.ray_cluster import Cluster

    search = {"trials": 3, "sampler": "random", "scheduler": "none"}
    base = {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8, "backbone": "utterance"}
    rate = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
    study = make_study(base=base, factors=rate, search=search, dataset_options={"conversations": 7})
    marks = str(tmp_path / "mark")

    def gauge(device: torch.device) -> GpuMemory | None:
        """The second process to be measured runs out of memory."""
        for number in (1, 2):
            try:
                with open(f"{marks}-{number}", "x") as mark:
                    mark.write(str(os.getpid()))
            except FileExistsError:
                continue
            if number == 2 and Path(f"{marks}-1").read_text() != str(os.getpid()):
                raise torch.OutOfMemoryError("CUDA out of memory")
            break
        return GpuMemory(10, 100)

    shares: list[float | None] = []
    begin = GpuPacking.begin

    def noted(self: GpuPacking, trial: PlannedTrial) -> float | None:
        shares.append(begin(self, trial))
        return shares[-1]

    monkeypatch.setattr(GpuPacking, "begin", noted)
    dataset = load_dataset(study.dataset, study.dataset_options)
    home = Home(tmp_path / "runs")
    ledger = Ledger.at(home)
    workspace = Workspace(home, ledger, Console(quiet=True))
    register(ledger, study, dataset, workspace.console)
    resources = ClusterResources(workers=3, cpus_per_trial=0.5, gpus_per_trial=None)
    ray.init(address="local", num_cpus=4, num_gpus=1, include_dashboard=False, log_to_driver=False)
    Campaign(study, dataset, workspace, lambda: Cluster(resources, home, gauge), Halt()).run()
    rows = ledger.trials(study.name)
    ledger.close()
    assert [row.status for row in rows] == [Status.COMPLETE] * 3
    assert sorted(row.attempts for row in rows) == [1, 1, 2]
    assert [share for share in shares if share][:2] == [WHOLE, 0.125]
    assert {share for share in shares if share} == {WHOLE, 0.125, 0.25}
