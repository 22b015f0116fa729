"""A study of the design ``tuned``: equal budgets, whatever befalls the driver."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from study.analysis.reading import PhaseReading
from study.execution.winner import NothingToCompare, best_of, tuning_rows
from study.reporting.captions import tuning_note
from tracking.records import Phase, Status

from ..test_dry_run import Shown
from .mortal import open_ledger
from .simulated import fates, make_study
from .simulator import MakeWorld, World, dies_at_any_write
from .tuned import FACTORS, SEARCHED, TUNED, ablated, cells_of, check, data_of


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

        dies_at_any_write(fresh, check, stride)

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
