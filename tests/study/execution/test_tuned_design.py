"""The design ``tuned``: its cells, and the searches that take turns."""

from collections import Counter
from types import SimpleNamespace
from typing import Any
from unittest import mock

from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from study.design.data_facts import DataFacts
from study.design.tuning import search_of, tuned_cells
from study.execution.ray_cluster import ByGroup
from study.execution.ray_worker import TRIAL_KEY
from study.execution.trial_sources import OptunaSource
from study.execution.winner import tuning_rows
from tracking.ledger import Ledger
from tracking.mirror.contents import run_name
from tracking.records import Phase, PlannedTrial, Status
from tracking.rows import TrialRow

from .simulated import identify, make_study
from .simulator import MakeWorld, World
from .tuned import FACTORS, SEARCHED, TUNED, ablated, cells_of, data_of


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


def test_a_scheduler_compares_trials_of_one_cell() -> None:
    """With ASHA the second of two trials at a rung is stopped if it is the worse one."""

    def run(groups: tuple[str, str], phase: Phase = Phase.TUNE) -> list[str]:
        search = {"trials": 4, "grace_epochs": 1, "reduction": 2}
        base = {"epochs": 9}
        scheduler = ByGroup(make_study(search=search, base=base), workers=1)
        answers = []
        for name, group, score in zip("ab", groups, (0.9, 0.1), strict=True):
            planned = PlannedTrial(name, phase, group, name, TrialConfig())
            config = {TRIAL_KEY: planned}
            trial: Any = SimpleNamespace(trial_id=name, config=config, placement_group_factory=None)
            scheduler.on_trial_add(mock.MagicMock(), trial)
            answers.append(scheduler.on_trial_result(None, trial, {"epoch": 1, "score": score}))
        return answers

    assert run(("sslcl", "sslcl")) == ["CONTINUE", "STOP"]
    assert run(("sslcl", "cross_entropy")) == ["CONTINUE", "CONTINUE"]
    assert run(("a", "b"), Phase.SEARCH) == ["CONTINUE", "STOP"]
    assert run(("sslcl", "sslcl"), Phase.CONFIRM) == ["CONTINUE", "CONTINUE"]


def test_runs_in_mlflow_are_named_by_cell_and_number() -> None:
    row = TrialRow(
        "id", "s", Phase.TUNE, "objective=sslcl", "", TrialConfig(), Status.PLANNED, number=3
    )
    assert run_name(row) == "tune/objective=sslcl/3"


def test_the_studys_own_search_keeps_its_name() -> None:
    study = make_study()
    assert search_of(study).name == f"sim/{study.space_digest()}"
