"""The bridge to Ray, driven by a simulation of Ray: nothing is lost, doubled or mistold."""

import warnings
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from study.design.ablation import ablation_cells
from study.design.plan import ablation_trials
from study.execution.callbacks import Callbacks
from study.execution.machine.ray_recovery import Recoveries
from study.execution.ray_searcher import StopWhen
from study.execution.ray_worker import TRIAL_KEY
from study.execution.trial_sources import ListSource
from tracking.home import checkpoint
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import TrialRow

from .simulated import FAILURES, curve, fates, put_study, result
from .simulator import MakeWorld, World

FEW_LEVELS: dict[str, Any] = {
    "objective": ["sslcl", "cross_entropy"],
    "similarity": {"levels": ["dot", "cosine"], "when": {"objective": ["sslcl"]}},
}
ABLATION: dict[str, Any] = {
    "search": None,
    "ablate": {"factors": ["objective"], "seeds": 2, "reference": {}},
}

EVENTFUL: dict[str, Any] = {
    "factors": FEW_LEVELS,
    "base": {"epochs": 2},
    "search": {"trials": 5, "sampler": "random", "seed": 9},
}
"""A search in which, with ``EVENTS``, trials finish, fail, are pruned and are found again."""
EVENTS = fates(6, 0.4)


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with four trials to train, in two cells."""
    return make_world(ABLATION, reduction=None)


def planned(world: World, number: int = 4) -> list[PlannedTrial]:
    """The first trials of the world's ablation, with their rows in the ledger."""
    put_study(world.ledger, world.study)
    study, data = world.study, world.data
    assert study.ablate is not None
    cells = ablation_cells(study, study.ablate, {}, data).cells
    trials = ablation_trials(study, study.ablate, cells, data)[:number]
    world.ledger.plan(world.study.name, Phase.ABLATE, trials, replace=True)
    return trials


class TestADriverThatDies:
    def test_at_any_write_of_a_search(self, make_world: MakeWorld) -> None:
        world = make_world(EVENTFUL, fate=EVENTS)
        lived, writes = world.search()
        assert lived
        world.check()
        finished = world.rows()
        statuses = {row.status for row in finished}
        assert statuses == {Status.COMPLETE, Status.CACHED, Status.PRUNED, Status.FAILED}
        assert world.search()[0]
        assert world.rows() == finished, "a finished search was not left alone"
        for left in range(writes):
            world = make_world(EVENTFUL, fate=EVENTS)
            assert world.search(left) == (False, left)
            assert world.search()[0]
            world.check()

    @settings(max_examples=25, deadline=None)
    @given(
        search=st.fixed_dictionaries(
            {
                "trials": st.just(6),
                "sampler": st.sampled_from(["random", "tpe"]),
                "seed": st.integers(0, 999),
            }
        ),
        events=st.tuples(st.sampled_from([0.0, 0.3, 0.6]), st.integers(1, 4)),
        lives=st.lists(st.integers(0, 40), max_size=4),
    )
    def test_again_and_again_in_any_search(
        self,
        make_world: MakeWorld,
        search: dict[str, Any],
        events: tuple[float, int],
        lives: list[int],
    ) -> None:
        """``events``: the share of trials that something befalls, and the number of workers."""
        seed, (share, workers) = search["seed"], events
        few_levels = {"factors": FEW_LEVELS} if seed % 2 else {}
        world = make_world(
            {"search": search, **few_levels}, fate=fates(seed, share), workers=workers, seed=seed
        )
        for left in lives:
            world.search(left)
        assert world.search()[0]
        world.check()

    @pytest.mark.parametrize("left", [7, 19])
    def test_with_optunas_own_file(self, make_world: MakeWorld, left: int) -> None:
        world = make_world({"search": {"trials": 3, "sampler": "tpe"}}, storage=None)
        assert not world.search(left)[0]
        assert world.search()[0]
        world.check()

    def test_in_any_phase_of_a_study(self, make_world: MakeWorld) -> None:
        content = {
            "base": {"epochs": 2},
            "search": {"trials": 3, "sampler": "random"},
            "confirm": {"top": 2, "seeds": 2},
            "ablate": {"factors": ["objective", "similarity"], "seeds": 2},
        }
        loaded = load_dataset("synthetic", {"conversations": 7})

        def fresh() -> tuple[World, Dataset]:
            world = make_world(content, fate=fates(6, 0.15))
            return world, replace(loaded, fingerprint=world.study.name)

        world, dataset = fresh()
        writes = world.campaign(dataset)[1]
        for left in range(1, writes, 4):
            world, dataset = fresh()
            assert world.campaign(dataset, left) == (False, left)
            assert world.campaign(dataset)[0]
            world.check()
            rows = world.rows(None)
            assert all(row.status.final for row in rows)
            for phase in (Phase.CONFIRM, Phase.ABLATE):
                cells = Counter(row.cell for row in rows if row.phase is phase)
                assert set(cells.values()) == {2}
            trained = Counter(row.identity for row in rows if row.status is Status.COMPLETE)
            assert max(trained.values()) == 1, "the same trial was trained twice"

    def test_loses_no_epoch(self, make_world: MakeWorld) -> None:
        """It dies between two epochs; the next driver goes on from the checkpoint."""
        content = {"search": {"trials": 1, "sampler": "random"}, "base": {"epochs": 6}}
        world = make_world(content, reduction=None)
        assert not world.search(12)[0]
        (row,) = world.rows()
        assert (world.home.folder / checkpoint(row.identity)).is_file()
        before = world.ledger.epoch_metrics(row.id)
        assert before
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert world.search()[0]
        after = world.ledger.epoch_metrics(row.id)
        assert after[: len(before)] == before
        assert {point.epoch for point in after} == set(range(1, 7))
        assert world.rows()[0].attempts == 2
        assert not (world.home.folder / checkpoint(row.identity)).exists()


class TestHandingOut:
    @pytest.mark.parametrize("workers", [1, 3])
    def test_never_more_than_there_are_workers(self, world: World, workers: int) -> None:
        world.workers = workers
        source = ListSource(planned(world))
        with world.driver():
            ray = world.ray(source)
            ray.run()
        assert ray.most == workers
        assert len(ray.trained) == len(set(ray.trained)) == 4

    def test_a_trial_runs_in_the_ledger_before_a_worker_has_it(self, world: World) -> None:
        answer = world.stream(ListSource(planned(world))).suggest("ray0")
        assert isinstance(answer, dict)
        given_out = answer[TRIAL_KEY]
        row = world.ledger.trial(given_out.id)
        assert (row.status, row.attempts) == (Status.RUNNING, 1)
        assert (given_out.identity, given_out.config) == (row.identity, row.config)

    def test_what_the_ledger_has_is_not_trained_again(
        self, world: World, make_world: MakeWorld
    ) -> None:
        first = planned(world)
        world.ray(ListSource(first), test=True).run()
        other = make_world(ABLATION, data=world.data, reduction=None)
        again = planned(other)
        ended: list[TrialRow] = []
        ray = other.ray(ListSource(again), Callbacks(on_end=ended.append), test=True)
        ray.run()
        assert not ray.trained
        assert [row.id for row in ended] == [trial.id for trial in again]
        assert [row.original for row in ended] == [trial.id for trial in first]
        assert {row.status for row in ended} == {Status.CACHED}

    def test_a_trial_without_test_scores_does_not_stand_for_one_with(
        self, world: World, make_world: MakeWorld
    ) -> None:
        world.ray(ListSource(planned(world))).run()
        other = make_world(ABLATION, data=world.data, reduction=None)
        again = planned(other)
        ray = other.ray(ListSource(again), test=True)
        ray.run()
        assert ray.trained == [trial.id for trial in again]
        assert all(other.ledger.evaluation(trial.id, "test") for trial in again)


class Listening(ListSource):
    """Notes what the ledger says of a trial at the moment that the source hears of it."""

    def __init__(self, wanted: list[PlannedTrial], ledger: Ledger) -> None:
        super().__init__(wanted)
        self._ledger = ledger
        self.epochs: list[int] = []
        self.ends: list[Status] = []

    def ended(self, row: TrialRow) -> None:
        epochs = {point.epoch for point in self._ledger.epoch_metrics(row.id)}
        self.epochs += sorted(epochs)
        if row.epochs_run is not None:
            assert epochs == set(range(1, row.epochs_run + 1))
        assert self._ledger.trial(row.id) == row
        assert row.status.final
        self.ends.append(row.status)


class TestResults:
    def test_the_ledger_knows_before_the_source_hears(self, make_world: MakeWorld) -> None:
        content = {**ABLATION, "ablate": {**ABLATION["ablate"], "seeds": 6}}
        world = make_world(content, fate=fates(3, 0.5), reduction=2)
        source = Listening(planned(world, 12), world.ledger)
        counted: list[int] = []
        world.ray(source, Callbacks(on_epoch=lambda: counted.append(1))).run()
        assert set(source.ends) == {Status.COMPLETE, Status.PRUNED, Status.FAILED}
        assert len(source.ends) == 12
        # An epoch that was repeated after a worker's death counts twice.
        assert len(counted) >= len(source.epochs) > 12

    def test_the_last_result_of_a_trial_is_what_the_ledger_keeps(self, world: World) -> None:
        (trial,) = planned(world, 1)
        world.ray(ListSource([trial]), test=True).run()
        row = world.ledger.trial(trial.id)
        points = world.ledger.epoch_metrics(trial.id)
        epochs = trial.config.epochs
        assert (row.status, row.epochs_run) == (Status.COMPLETE, epochs)
        assert row.score == curve(trial.config, epochs)
        assert [p.epoch for p in points if p.metric == "train_loss"] == list(range(1, epochs + 1))
        assert world.ledger.evaluation(trial.id, "validation") is not None
        assert world.ledger.evaluation(trial.id, "test") is not None

    @pytest.mark.parametrize("kind", ["nan", "oom", "error"])
    def test_a_workers_failure_is_kept_with_its_kind(self, world: World, kind: str) -> None:
        world.fate = lambda config, epoch: kind if epoch == 2 else None
        (trial,) = planned(world, 1)
        world.ray(ListSource([trial])).run()
        row = world.ledger.trial(trial.id)
        assert (row.status, row.failure) == (Status.FAILED, FailureKind(kind))
        assert row.message == FAILURES[kind]
        assert {p.epoch for p in world.ledger.epoch_metrics(trial.id)} == {1}

    def test_a_worker_that_dies_for_good_is_a_failure_of_its_node(self, world: World) -> None:
        world.fate = lambda config, epoch: "node" if epoch == 2 else None
        (trial,) = planned(world, 1)
        world.ray(ListSource([trial])).run()
        row = world.ledger.trial(trial.id)
        assert (row.status, row.failure) == (Status.FAILED, FailureKind.NODE)
        assert "worker died" in str(row.message)
        assert not (world.home.folder / checkpoint(trial.identity)).exists()

    def test_a_worker_that_dies_once_costs_nothing(self, world: World) -> None:
        deaths: list[int] = []

        def once(config: TrialConfig, epoch: int) -> str | None:
            if epoch == 3 and not deaths:
                deaths.append(epoch)
                return "node"
            return None

        world.fate = once
        (trial,) = planned(world, 1)
        world.ray(ListSource([trial])).run()
        assert deaths
        assert world.ledger.trial(trial.id).status is Status.COMPLETE

    def test_a_pruned_trial_keeps_what_is_known_of_it(self, world: World) -> None:
        (trial,) = planned(world, 1)
        stream = world.stream(ListSource([trial]))
        stream.suggest("ray0")
        stream.on_trial_result("ray0", result(trial.config, 1))
        stream.on_trial_complete("ray0", result(trial.config, 2))
        row = world.ledger.trial(trial.id)
        assert (row.status, row.epochs_run) == (Status.PRUNED, 2)
        assert row.score == curve(trial.config, 2)
        assert {p.epoch for p in world.ledger.epoch_metrics(trial.id)} == {1, 2}

    def test_checkpoints_are_gone_when_their_trials_have_ended(self, world: World) -> None:
        world.fate, world.reduction = fates(1, 0.5), 2
        world.ray(ListSource(planned(world))).run()
        assert not list((world.folder / "checkpoints").iterdir())


class TestRecovery:
    def test_a_trial_that_goes_on_elsewhere_counts_another_attempt(self, world: World) -> None:
        (trial,) = planned(world, 1)
        stream = world.stream(ListSource([trial]), Callbacks())
        stream.suggest("ray0")
        stream.on_trial_result("ray0", result(trial.config, 1))
        assert stream.retried("ray0")
        row = world.ledger.trial(trial.id)
        assert (row.status, row.attempts) == (Status.RUNNING, 2)
        assert {point.epoch for point in world.ledger.epoch_metrics(trial.id)} == {1}
        stream.on_trial_complete("ray0", result(trial.config, 3))
        assert world.ledger.trial(trial.id).status is Status.COMPLETE

    def test_a_trial_that_is_not_ours_is_left_alone(self, world: World) -> None:
        assert not world.stream(ListSource([]), Callbacks()).retried("ray7")

    def test_a_person_reads_one_line(self) -> None:
        said: list[str] = []
        gone = Recoveries(lambda trial_id: trial_id == "mine", said.append)
        for trial_id in ("mine", "other"):
            trial = SimpleNamespace(trial_id=trial_id, last_result={})
            gone.on_trial_recover(0, [], trial)
        assert said == ["a worker is gone: its trial goes on in another"]


class TestAFailure:
    def test_of_a_write_is_remembered_although_ray_tells_of_the_trial_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, _ = planned(world, 2)
        stream = world.stream(ListSource([first]), Callbacks())
        stream.suggest("ray0")

        def lost(*_: object, **__: object) -> None:
            raise ConnectionError("server closed the connection")

        monkeypatch.setattr(stream._ledger, "complete", lost)
        last = result(first.config, first.config.epochs)
        with pytest.raises(ConnectionError):
            stream.on_trial_complete("ray0", last)
        stream.on_trial_complete("ray0", error=True)
        stream.on_trial_result("ray0", last)
        assert isinstance(stream.error, ConnectionError)
        assert stream.suggest("ray1") == "FINISHED"


class TestInterruption:
    def test_nothing_more_is_handed_out(self, world: World) -> None:
        asked: list[bool] = []
        stream = world.stream(ListSource(planned(world)), Callbacks(lambda: bool(asked)))
        assert isinstance(stream.suggest("ray0"), dict)
        asked.append(True)
        assert stream.suggest("ray1") == "FINISHED"

    @pytest.mark.parametrize("error", [False, True])
    def test_a_running_trial_is_released_and_not_pruned(self, world: World, error: bool) -> None:
        asked: list[bool] = []
        (trial,) = planned(world, 1)
        stream = world.stream(ListSource([trial]), Callbacks(lambda: bool(asked)))
        stream.suggest("ray0")
        stream.on_trial_result("ray0", result(trial.config, 1))
        saved = world.home.folder / checkpoint(trial.identity)
        saved.parent.mkdir(parents=True)
        saved.write_text("1")
        asked.append(True)
        last = None if error else result(trial.config, 2)
        stream.on_trial_complete("ray0", last, error=error)
        assert world.ledger.trial(trial.id).status is Status.PLANNED
        assert saved.is_file()

    @pytest.mark.parametrize("end", ["outcome", "failure"])
    def test_a_trial_that_had_just_ended_counts(self, world: World, end: str) -> None:
        asked: list[bool] = []
        (trial,) = planned(world, 1)
        stream = world.stream(ListSource([trial]), Callbacks(lambda: bool(asked)))
        stream.suggest("ray0")
        asked.append(True)
        failure = {"failure": "nan", "message": "loss is not finite", "done": True}
        stream.on_trial_complete("ray0", result(trial.config, 3) if end == "outcome" else failure)
        expected = Status.COMPLETE if end == "outcome" else Status.FAILED
        assert world.ledger.trial(trial.id).status is expected

    @pytest.mark.parametrize("epochs", [1, 3, 6])
    def test_a_study_goes_on_where_it_was_stopped(self, make_world: MakeWorld, epochs: int) -> None:
        """Ray drops what is running without telling the searcher."""
        begun: list[int] = []

        def counted(config: TrialConfig, epoch: int) -> str | None:
            begun.append(epoch)
            return EVENTS(config, epoch)

        content = {**EVENTFUL, "confirm": {"top": 1, "seeds": 1}}
        world = make_world(content, fate=counted, halt=lambda: len(begun) >= epochs)
        loaded = load_dataset("synthetic", {"conversations": 7})
        dataset = replace(loaded, fingerprint=world.study.name)
        assert world.campaign(dataset)[0]
        assert len(begun) == epochs
        statuses = Counter(row.status for row in world.rows(None))
        assert statuses[Status.PLANNED] > 0
        assert statuses[Status.RUNNING] == 0
        world.halt = lambda: False
        assert world.campaign(dataset)[0]
        world.check()
        assert all(row.status.final for row in world.rows(None))

    def test_the_stopper_ends_everything_and_no_single_trial(self) -> None:
        asked: list[bool] = []
        stopper = StopWhen(lambda: bool(asked))
        assert not stopper.stop_all()
        asked.append(True)
        assert stopper.stop_all()
        assert not stopper("ray0", {})
