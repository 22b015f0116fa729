"""The design ``tuned``: every cell has the same budget of its own, whatever befalls the driver."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from study.analysis.comparisons import PhaseReading
from study.design.data_facts import DataFacts
from study.design.tuning import TunedCell, search_of, tuned_cells
from study.execution.ray_cluster import ByGroup
from study.execution.ray_worker import TRIAL_KEY
from study.execution.trial_sources import OptunaSource
from study.execution.winner import NothingToCompare, best_of, tuning_rows
from study.reporting.captions import tuning_note
from tracking.ledger import Ledger
from tracking.mirror.contents import run_name
from tracking.records import Phase, Status
from tracking.rows import TrialRow

from ..test_dry_run import Shown
from .mortal import open_ledger
from .simulated import DATA, SimulatedData, fates, identify, make_study
from .simulator import World

TUNED: dict[str, Any] = {
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "search": None,
    "ablate": {
        "design": "tuned",
        "factors": ["objective"],
        "trials": 3,
        "seeds": 2,
        "reference": {"objective": "sslcl"},
    },
}
SEARCHED: dict[str, Any] = {
    **TUNED,
    "search": {"trials": 3, "sampler": "random"},
    "confirm": {"top": 1, "seeds": 2},
    "ablate": {**TUNED["ablate"], "reference": "winner"},
}
FACTORS: dict[str, Any] = {
    "objective": ["sslcl", "cross_entropy"],
    "similarity": {"levels": ["dot", "cosine"], "when": {"objective": ["sslcl"]}},
    "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
}

MakeWorld = Callable[..., World]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path_factory.mktemp("ledger"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def make_world(ledger: Ledger, tmp_path_factory: pytest.TempPathFactory) -> MakeWorld:
    """New worlds that share a ledger and nothing in it."""
    folder, numbers = tmp_path_factory.mktemp("worlds"), count()

    def make(content: dict[str, Any] = TUNED, **values: Any) -> World:
        name = f"tuned{next(numbers)}"
        study = make_study(**content, study=name)
        given = {"data": SimulatedData(name)} | values
        return World(folder / name, ledger, study, **given)

    return make


@pytest.fixture(scope="module")
def loaded() -> Dataset:
    return load_dataset("synthetic", {"conversations": 7})


def data_of(world: World, loaded: Dataset) -> Dataset:
    """Data that no other world has, so that nothing is found of theirs."""
    return replace(loaded, fingerprint=world.study.name)


def ablated(study: Study, **changes: Any) -> Study:
    """The study with changed keys of its ablation."""
    assert study.ablate is not None
    ablate = {**study.ablate.model_dump(), **changes}
    return make_study(**{**study.canonical(), "ablate": ablate})


def cells_of(
    study: Study, reference: dict[str, Any] | None = None
) -> tuple[list[TunedCell], tuple[str, ...]]:
    assert study.ablate is not None
    return tuned_cells(study, study.ablate, reference or {}, DATA)


def check(world: World, reference: dict[str, Any] | None = None) -> None:
    """Every cell has searched its budget, Optuna agrees, and its winner is trained and tested."""
    study, ledger = world.study, world.ledger
    assert study.ablate is not None
    cells, _ = cells_of(study, reference)
    for cell in cells:
        world.check(cell.tuning)
    rows = world.rows(None)
    assert all(row.status.final for row in rows)
    tune = [row for row in rows if row.phase is Phase.TUNE]
    assert len(tune) == len(cells) * study.ablate.tuning_trials
    assert all(ledger.evaluation(row.id, "test") is None for row in tune)
    for cell in cells:
        (winner,) = best_of(ledger, cell.tuning, 1)
        tested = [r for r in rows if r.phase is Phase.ABLATE and r.cell == cell.name]
        assert len(tested) == study.ablate.seeds
        for row in tested:
            assert row.config == study.config(winner, row.config.seed)
    complete = Counter(row.identity for row in rows if row.status is Status.COMPLETE)
    assert max(complete.values()) == 1, "the same trial was trained twice"


class TestCells:
    def test_hold_a_level_each_and_tune_the_rest(self) -> None:
        cells, notes = cells_of(make_study(**TUNED), {"objective": "sslcl"})
        assert [cell.name for cell in cells] == ["reference", "objective=cross_entropy"]
        assert [cell.tuning.cell for cell in cells] == [
            "objective=sslcl",
            "objective=cross_entropy",
        ]
        assert [cell.changed for cell in cells] == [{}, {"objective": "cross_entropy"}]
        assert {cell.tuning.settings.trials for cell in cells} == {3}
        assert notes == ()

    def test_go_around_the_reference_one_factor_at_a_time(self) -> None:
        study = ablated(make_study(**TUNED), factors=["objective", "similarity"])
        cells, _ = cells_of(study, {"objective": "sslcl", "similarity": "cosine"})
        assert {cell.name: cell.tuning.cell for cell in cells} == {
            "reference": "objective=sslcl, similarity=cosine",
            # The similarity does nothing under cross-entropy, so it is not held there.
            "objective=cross_entropy": "objective=cross_entropy",
            "similarity=dot": "objective=sslcl, similarity=dot",
        }

    def test_leave_out_what_the_reference_does_not_read_and_say_so(self) -> None:
        study = ablated(make_study(**TUNED), factors=["objective", "similarity"])
        cells, notes = cells_of(study, {"objective": "cross_entropy"})
        assert [cell.name for cell in cells] == ["reference", "objective=sslcl"]
        assert notes == (
            "similarity: skipped, the reference does not read it (it needs objective=sslcl)",
        )
        # There it is one of the factors to tune.
        assert "similarity" not in cells[1].tuning.held

    def test_that_search_the_same_space_appear_once(self) -> None:
        factors = {**FACTORS, "batch_size": [4, 8, 16]}
        ablate = {**TUNED["ablate"], "factors": ["batch_size"], "reference": {"batch_size": 16}}
        study = make_study(**{**TUNED, "factors": factors, "ablate": ablate})

        class Blind(DataFacts):
            def identify(self, config: TrialConfig) -> str:
                small = config.replace(batch_size=4 if config.batch_size < 16 else 16)
                return identify(small)

        assert study.ablate is not None
        cells, notes = tuned_cells(study, study.ablate, {"batch_size": 16}, Blind("data"))
        assert [cell.name for cell in cells] == ["reference", "batch_size=4"]
        assert notes == ("batch_size=8: left out, it searches the same space as batch_size=4",)

    def test_that_differ_only_where_a_tuned_factor_lets_them_are_two(self) -> None:
        """The base computes the same with either similarity; the tuned objective does not."""
        factors = {**FACTORS, "similarity": ["dot", "cosine"]}
        base = {**TUNED["base"], "objective": "cross_entropy"}
        study = make_study(**{**TUNED, "factors": factors, "base": base})
        study = ablated(study, factors=["similarity"], reference={"similarity": "dot"})
        assert study.config({"similarity": "dot"}, 0).canonical() == (
            study.config({"similarity": "cosine"}, 0).canonical()
        )
        cells, _ = cells_of(study, {"similarity": "dot"})
        assert [cell.name for cell in cells] == ["reference", "similarity=cosine"]

    def test_keep_what_the_search_keeps_fixed(self) -> None:
        search = {"trials": 3, "sampler": "random", "fixed": {"similarity": "cosine"}}
        study = make_study(**{**SEARCHED, "search": search})
        cells, _ = cells_of(study, {"objective": "sslcl"})
        assert [dict(cell.tuning.held) for cell in cells] == [
            {"similarity": "cosine", "objective": "sslcl"},
            {"similarity": "cosine", "objective": "cross_entropy"},
        ]

    def test_another_level_or_reference_leaves_a_cells_search_as_it_is(self) -> None:
        """So that a study that grows keeps what it has searched."""
        study = make_study(**TUNED)
        more = {**FACTORS, "objective": ["sslcl", "cross_entropy", "focal"]}
        grown = make_study(**{**TUNED, "factors": more})

        def ids(study: Study, reference: str) -> dict[str | None, str]:
            cells, _ = cells_of(study, {"objective": reference})
            return {cell.tuning.cell: cell.tuning.id(0) for cell in cells}

        before = ids(study, "sslcl")
        assert ids(study, "cross_entropy") == before
        assert before.items() < ids(grown, "sslcl").items()

    def test_another_space_is_another_search(self) -> None:
        study = make_study(**TUNED)
        other = make_study(**{**TUNED, "base": {**TUNED["base"], "epochs": 3}})
        wider = make_study(
            **{**TUNED, "factors": {**FACTORS, "learning_rate": {"low": 1e-5, "high": 1e-2}}}
        )
        digests = [
            cell.tuning.digest for made in (study, other, wider) for cell in cells_of(made)[0]
        ]
        assert len(set(digests)) == len(digests) == 6


class TestTurns:
    def source(self, world: World, ledger: Ledger) -> OptunaSource:
        tunings = [cell.tuning for cell in cells_of(world.study)[0]]
        return OptunaSource(tunings, ledger, world.url, world.data)

    def test_are_taken_and_every_cell_has_the_same_budget(self, make_world: MakeWorld) -> None:
        world = make_world()
        with world.driver() as (ledger, _):
            source = self.source(world, ledger)
            assert source.remaining == 6
            given_out = [source.next() for _ in range(7)]
            assert source.remaining == 0
        assert [trial and (trial.cell, trial.number) for trial in given_out] == [
            (cell, number)
            for number in range(3)
            for cell in ("objective=sslcl", "objective=cross_entropy")
        ] + [None]
        held = {trial.cell: trial.config.objective for trial in given_out if trial}
        assert held == {
            "objective=sslcl": "sslcl",
            "objective=cross_entropy": "cross_entropy",
        }

    def test_go_on_where_one_cell_is_behind(self, make_world: MakeWorld) -> None:
        world = make_world()
        with world.driver() as (ledger, _):
            cells, _ = cells_of(world.study)
            alone = OptunaSource([cells[0].tuning], ledger, world.url, world.data)
            assert [alone.next() is None for _ in range(4)] == [False, False, False, True]
        with world.driver() as (ledger, _):
            source = self.source(world, ledger)
            trials = [source.next() for _ in range(6)]
        assert Counter(trial.cell for trial in trials if trial) == {
            "objective=sslcl": 3,
            "objective=cross_entropy": 3,
        }

    def test_a_cell_hears_of_its_own_trials_alone(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world()
        assert world.campaign(data_of(world, loaded))[0]
        for cell in cells_of(world.study)[0]:
            rows = {row.number: row for row in tuning_rows(world.ledger, cell.tuning)}
            told = world.told(cell.tuning)
            assert {n: trial.user_attrs["ledger_trial"] for n, trial in told.items()} == {
                n: row.id for n, row in rows.items()
            }
            assert all("objective" not in trial.params for trial in told.values())
            similarity = cell.tuning.cell == "objective=sslcl"
            assert all(("similarity" in trial.params) == similarity for trial in told.values())


class TestACampaign:
    @pytest.mark.parametrize("content", [TUNED, SEARCHED], ids=["alone", "after a search"])
    def test_tunes_every_cell_and_tests_its_winner(
        self, make_world: MakeWorld, loaded: Dataset, content: dict[str, Any]
    ) -> None:
        world = make_world(content)
        assert world.campaign(data_of(world, loaded))[0]
        study = world.ledger.study(world.study.name)
        assert study.reference is not None
        check(world, dict(study.reference))
        reference = [row for row in world.rows(Phase.ABLATE) if row.cell == "reference"]
        assert dict(study.reference) == world.study.assignment(reference[0].config)
        phases = [row.phase for row in world.rows(None)]
        assert phases == sorted(phases, key=list(Phase).index)

    def test_again_does_nothing(self, make_world: MakeWorld, loaded: Dataset) -> None:
        world = make_world(SEARCHED)
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        before = world.rows(None)
        assert world.campaign(dataset)[0]
        assert world.rows(None) == before

    @pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.slow)])
    def test_whose_driver_dies_at_any_write_does_what_is_missing(
        self, make_world: MakeWorld, loaded: Dataset, stride: int
    ) -> None:
        """Of an eventful study, in which trials fail and are pruned."""

        def fresh() -> tuple[World, Dataset]:
            world = make_world(TUNED, fate=fates(5, 0.2))
            return world, data_of(world, loaded)

        world, dataset = fresh()
        lived, writes = world.campaign(dataset)
        assert lived
        check(world)
        for left in range(1, writes, stride):
            world, dataset = fresh()
            assert world.campaign(dataset, left) == (False, left)
            assert world.campaign(dataset)[0]
            check(world)

    def test_that_dies_again_and_again_after_a_search(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        for lives in ((60, 20, 20), (90, 5, 5, 5), (40, 40, 40)):
            world = make_world(SEARCHED, workers=3)
            dataset = data_of(world, loaded)
            for left in lives:
                world.campaign(dataset, left)
            assert world.campaign(dataset)[0]
            world.check()
            check(world, dict(world.ledger.study(world.study.name).reference or {}))

    def test_with_one_more_level_searches_that_cell_alone(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world()
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        before = {row.id: row for row in world.rows(None)}
        factors = {**FACTORS, "objective": ["sslcl", "cross_entropy", "focal"]}
        world.study = make_study(**{**world.study.canonical(), "factors": factors})
        assert world.campaign(dataset)[0]
        check(world)
        after = {row.id: row for row in world.rows(None)}
        assert all(after[trial].attempts == row.attempts for trial, row in before.items())
        new = [row for trial, row in after.items() if trial not in before]
        assert {row.config.objective for row in new} == {"focal"}

    def test_with_another_reference_searches_nothing(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world()
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        attempts = sum(row.attempts for row in world.rows(None))
        world.study = ablated(world.study, reference={"objective": "cross_entropy"})
        assert world.campaign(dataset)[0]
        check(world, {"objective": "cross_entropy"})
        assert sum(row.attempts for row in world.rows(None)) == (attempts - 4), (
            "the tested trials have new rows, and are taken from the old ones"
        )
        tested = world.rows(Phase.ABLATE)
        assert {row.status for row in tested} == {Status.CACHED}

    def test_takes_what_the_search_has_trained(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        """The reference's space is that of the study's own search, and so are its first guesses."""
        search = {"trials": 3, "sampler": "random", "fixed": {"objective": "sslcl"}}
        world = make_world({**SEARCHED, "search": search}, reduction=None)
        assert world.campaign(data_of(world, loaded))[0]
        searched = {row.identity: row.id for row in world.rows(Phase.SEARCH)}
        tune = [row for row in world.rows(Phase.TUNE) if row.cell == "objective=sslcl"]
        assert [row.original for row in tune] == [searched[row.identity] for row in tune]
        others = [row for row in world.rows(Phase.TUNE) if row.cell != "objective=sslcl"]
        assert {row.status for row in others} == {Status.COMPLETE}

    def test_prunes_within_a_cell_only(self, make_world: MakeWorld, loaded: Dataset) -> None:
        world = make_world({**TUNED, "base": {**TUNED["base"], "epochs": 4}}, reduction=2)
        assert world.campaign(data_of(world, loaded))[0]
        for cell in cells_of(world.study)[0]:
            rows = tuning_rows(world.ledger, cell.tuning)
            assert any(row.status is Status.COMPLETE for row in rows)

    def test_goes_on_without_a_cell_that_never_finished(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        def fate(config: TrialConfig, epoch: int) -> str | None:
            return "nan" if config.objective == "cross_entropy" else None

        world = make_world(fate=fate)
        assert world.campaign(data_of(world, loaded))[0]
        assert {row.cell for row in world.rows(Phase.ABLATE)} == {"reference"}

    def test_ends_without_a_reference(self, make_world: MakeWorld, loaded: Dataset) -> None:
        def fate(config: TrialConfig, epoch: int) -> str | None:
            return "nan" if config.objective == "sslcl" else None

        world = make_world(fate=fate)
        said = "no trial of the tune phase with objective=sslcl of"
        with pytest.raises(NothingToCompare, match=said):
            world.campaign(data_of(world, loaded))


class TestEqualBudgets:
    def test_trials_of_a_larger_budget_do_not_count(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        """A cell that was searched for longer, under an earlier file, gains nothing by it."""
        world = make_world(reduction=None)
        world.study = ablated(world.study, trials=6)
        assert world.campaign(data_of(world, loaded))[0]
        (cell, _), _ = cells_of(ablated(world.study, trials=1))
        first, *others = sorted(
            tuning_rows(world.ledger, cell.tuning), key=lambda row: row.number or 0
        )
        assert len(others) == 5
        (winner,) = best_of(world.ledger, cell.tuning, 1)
        assert winner == world.study.assignment(first.config)

    def test_are_stated_under_the_table(self, make_world: MakeWorld, loaded: Dataset) -> None:
        world = make_world()
        dataset = data_of(world, loaded)
        world.campaign(dataset)
        reading = PhaseReading.of(world.ledger, world.study.name, Phase.ABLATE)
        assert tuning_note(reading) == (
            "Every row, the reference (objective=sslcl) too, was tuned by 3 search trials of its "
            "own on validation scores, over all factors but objective; the winner was then trained "
            "with fresh seeds."
        )
        confirmed = PhaseReading.of(world.ledger, world.study.name, Phase.CONFIRM)
        assert tuning_note(confirmed) is None

    def test_is_not_claimed_of_other_designs(self, make_world: MakeWorld, loaded: Dataset) -> None:
        ablate = {**TUNED["ablate"], "design": "one_factor", "trials": None}
        world = make_world({**TUNED, "ablate": ablate})
        world.campaign(data_of(world, loaded))
        reading = PhaseReading.of(world.ledger, world.study.name, Phase.ABLATE)
        assert reading.cells
        assert tuning_note(reading) is None


class TestThePreview:
    def shown(self, world: World, dataset: Dataset) -> Shown:
        return Shown(world, dataset)

    @pytest.fixture
    def world(self, tmp_path: Any) -> Iterator[World]:
        opened = open_ledger(tmp_path)
        yield World(tmp_path, opened, make_study(**TUNED), workers=1)
        opened.close()

    def test_counts_a_budget_for_every_cell(self, world: World, loaded: Dataset) -> None:
        shown = self.shown(world, loaded)
        assert shown.to_train() == {"tune": 6, "ablate": 4}
        assert shown.counts("tune")["cells"] == 2
        assert shown.provisional == ["ablate"]
        assert (
            "every cell is tuned by 3 trials of its own: objective=sslcl; objective=cross_entropy"
            in shown.text
        )
        assert "Holm" not in shown.text, "there is one comparison"

    def test_after_a_search_everything_depends_on_its_winner(
        self, world: World, loaded: Dataset
    ) -> None:
        world.study = make_study(**SEARCHED)
        shown = self.shown(world, loaded)
        assert shown.to_train() == {"search": 3, "confirm": 2, "tune": 6, "ablate": 4}
        assert shown.provisional == ["confirm", "tune", "ablate"]

    @pytest.mark.parametrize("left", [15, 30, 45, 60, 75])
    def test_tells_what_is_missing_of_an_interrupted_study(
        self, world: World, loaded: Dataset, left: int
    ) -> None:
        world.reduction = None
        assert not world.campaign(loaded, left)[0]
        told = self.shown(world, loaded).to_train()

        def started() -> Counter[str]:
            return Counter(r.phase.value for r in world.rows(None) for _ in range(r.attempts))

        before = started()
        assert world.campaign(loaded)[0]
        assert started() - before == Counter({phase: n for phase, n in told.items() if n})
        after = self.shown(world, loaded)
        assert after.to_train() == {"tune": 0, "ablate": 0}
        assert after.provisional == []
        assert "nothing is left to train" in after.text


def test_a_scheduler_compares_trials_of_one_cell() -> None:
    """With ASHA the second of two trials at a rung is stopped if it is the worse one."""

    def run(groups: tuple[str, str]) -> list[str]:
        search = {"trials": 4, "grace_epochs": 1, "reduction": 2}
        base = {"epochs": 9}
        scheduler = ByGroup(make_study(search=search, base=base))
        answers = []
        for name, group, score in zip("ab", groups, (0.9, 0.1), strict=True):
            config = {TRIAL_KEY: SimpleNamespace(cell=group, phase=Phase.TUNE)}
            trial: Any = SimpleNamespace(trial_id=name, config=config)
            scheduler.on_trial_add(None, trial)
            answers.append(scheduler.on_trial_result(None, trial, {"epoch": 1, "score": score}))
        return answers

    assert run(("sslcl", "sslcl")) == ["CONTINUE", "STOP"]
    assert run(("sslcl", "cross_entropy")) == ["CONTINUE", "CONTINUE"]


def test_runs_in_mlflow_are_named_by_cell_and_number() -> None:
    row = TrialRow(
        "id", "s", Phase.TUNE, "objective=sslcl", "", TrialConfig(), Status.PLANNED, number=3
    )
    assert run_name(row) == "tune/objective=sslcl/3"


def test_the_studys_own_search_keeps_its_name() -> None:
    study = make_study()
    assert search_of(study).name == f"sim/{study.space_digest()}"
