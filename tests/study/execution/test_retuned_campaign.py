"""A study whose rows tune a few factors anew, whatever befalls the driver."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from search_spaces.schema import FIRST_ABLATION_SEED, FIRST_FRESH_SEED
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from study.analysis.reading import PhaseReading
from study.design.retune import searched_cells
from study.design.space import declared
from study.design.tuning import TunedCell, search_of, searches_of
from study.execution.ray_cluster import ByGroup
from study.execution.ray_worker import TRIAL_KEY
from study.execution.winner import best_of, tuning_rows, winner_of_confirmation
from study.reporting.captions import tuning_note
from study.reporting.formats import render
from study.reporting.methods import methods_paragraph
from study.reporting.report import report_table
from tracking.records import FailureKind, Phase, PlannedTrial, Status

from ..test_dry_run import Shown
from .mortal import open_ledger
from .simulated import DATA, make_study
from .simulator import MakeWorld, World, dies_at_any_write
from .tuned import FACTORS, data_of

RETUNED: dict[str, Any] = {
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "factors": {**FACTORS, "batch_size": [4, 8]},
    "search": {"trials": 4, "sampler": "random", "fixed": {"objective": "sslcl"}},
    "confirm": {"top": 1, "seeds": 2},
    "ablate": {
        "factors": ["objective", "batch_size"],
        "retune": {"fields": ["learning_rate"], "trials": 3},
        "seeds": 2,
    },
}
ALONE: dict[str, Any] = {
    **RETUNED,
    "search": None,
    "confirm": None,
    "ablate": {**RETUNED["ablate"], "reference": {"objective": "sslcl", "batch_size": 8}},
}
FIXED: dict[str, Any] = {"objective": "sslcl", "similarity": "dot"}
TRIALS = 3


def cells_of(world: World) -> list[TunedCell]:
    """The rows around what the confirmation, or the study file, says."""
    ablate = world.study.ablate
    assert ablate is not None
    reference: Any = ablate.reference
    if reference == "winner":
        reference = winner_of_confirmation(world.ledger, world.study).assignment
    cells, _ = searched_cells(world.study, ablate, reference, DATA)
    return cells


def node_deaths(config: TrialConfig, epoch: int) -> str | None:
    """Some trials of the rows' searches lose their machine again and again."""
    unlucky = config.seed == 0 and int(config.digest()[:2], 16) < 24
    return "node" if unlucky and config.objective == "cross_entropy" else None


def check(world: World) -> None:
    """Every row has searched its budget, Optuna agrees, and its winner is tested elsewhere."""
    ledger, study = world.ledger, world.study
    rows = world.rows(None)
    assert all(row.status.final for row in rows)
    tune = [row for row in rows if row.phase is Phase.TUNE]
    assert all(ledger.evaluation(row.id, "test") is None for row in tune)
    cells = cells_of(world)
    assert Counter(row.cell for row in tune) == {cell.name: TRIALS for cell in cells}
    for cell in cells:
        world.check(cell.tuning)
        (winner,) = best_of(ledger, cell.tuning, 1)
        tested = [r for r in rows if r.phase is Phase.ABLATE and r.cell == cell.name]
        assert len(tested) == 2
        for row in tested:
            assert row.config == study.config(winner, row.config.seed)
            own = study.config({**cell.tuning.held, **declared(cell.tuning)}, row.config.seed)
            assert row.config.replace(learning_rate=own.learning_rate) == own
    complete = Counter(row.identity for row in rows if row.status is Status.COMPLETE)
    assert max(complete.values()) == 1, "the same trial was trained twice"


class TestACampaign:
    @pytest.mark.parametrize("content", [ALONE, RETUNED], ids=["alone", "after a search"])
    def test_retunes_every_row_and_tests_its_winner(
        self, make_world: MakeWorld, loaded: Dataset, content: dict[str, Any]
    ) -> None:
        world = make_world(content)
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        check(world)
        reference = [row for row in world.rows(Phase.ABLATE) if row.cell == "reference"]
        stored = world.ledger.study(world.study.name).reference
        assert stored == world.study.assignment(reference[0].config)
        before = world.rows(None)
        assert world.campaign(dataset)[0]
        assert world.rows(None) == before

    def test_chooses_by_seeds_that_are_not_tested(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world(RETUNED)
        assert world.campaign(data_of(world, loaded))[0]
        seeds = {
            phase: {row.config.seed for row in world.rows(phase)}
            for phase in (Phase.TUNE, Phase.ABLATE)
        }
        assert max(seeds[Phase.TUNE]) < FIRST_FRESH_SEED < FIRST_ABLATION_SEED
        assert min(seeds[Phase.ABLATE]) >= FIRST_ABLATION_SEED

    @pytest.mark.parametrize("deaths", [3, 9])
    def test_whose_machines_die_under_a_trial_each_time_trains_it_once_more(
        self, make_world: MakeWorld, loaded: Dataset, deaths: int
    ) -> None:
        left = [deaths]

        def fate(config: TrialConfig, _epoch: int) -> str | None:
            doomed = config.seed == FIRST_ABLATION_SEED and config.objective == "cross_entropy"
            if not (doomed and left[0]):
                return None
            left[0] -= 1
            return "node"

        world = make_world(ALONE, fate=fate)
        assert world.campaign(data_of(world, loaded))[0]
        (row,) = (
            row
            for row in world.rows(Phase.ABLATE)
            if row.config.seed == FIRST_ABLATION_SEED and row.config.objective == "cross_entropy"
        )
        if deaths == 3:
            assert (row.status, row.failure, row.attempts) == (Status.COMPLETE, None, 2)
        else:  # Six times are enough for one run; the next one tries again.
            assert (row.failure, left) == (FailureKind.NODE, [3])

    @pytest.mark.parametrize("stride", [17, pytest.param(1, marks=pytest.mark.slow)])
    def test_whose_driver_dies_at_any_write_does_what_is_missing(
        self, make_world: MakeWorld, loaded: Dataset, stride: int
    ) -> None:
        def fresh() -> tuple[World, Dataset]:
            world = make_world(RETUNED, fate=node_deaths)
            return world, data_of(world, loaded)

        dies_at_any_write(fresh, check, stride)

    def test_with_one_more_level_searches_that_row_alone(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world(ALONE)
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        before = {row.id: row for row in world.rows(None)}
        factors = {**RETUNED["factors"], "batch_size": [4, 8, 16]}
        world.study = make_study(**{**world.study.canonical(), "factors": factors})
        assert world.campaign(dataset)[0]
        check(world)
        after = {row.id: row for row in world.rows(None)}
        assert all(after[trial].attempts == row.attempts for trial, row in before.items())
        new = [row for trial, row in after.items() if trial not in before]
        assert {row.config.batch_size for row in new} == {16}


class TestTheSearch:
    def test_of_the_reference_begins_with_what_the_studys_search_tried_of_it(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        """Those trials count towards its budget, and none is trained again."""
        search = {**RETUNED["search"], "fixed": {**FIXED, "batch_size": 8}}
        world = make_world({**RETUNED, "search": search}, reduction=None)
        assert world.campaign(data_of(world, loaded))[0]
        check(world)
        reference, *others = cells_of(world)
        searched = {row.identity: row.id for row in world.rows(Phase.SEARCH)}
        rows = {row.number: row for row in tuning_rows(world.ledger, reference.tuning)}
        assert [rows[number].original for number in range(TRIALS)] == [
            searched[rows[number].identity] for number in range(TRIALS)
        ]
        # Nothing is left of the budget, so that the reference has no more values to choose from.
        assert world.told(reference.tuning).keys() == set(range(TRIALS))
        trained = [row for cell in others for row in tuning_rows(world.ledger, cell.tuning)]
        assert {row.status for row in trained} == {Status.COMPLETE}

    def test_starts_afresh_where_the_file_says_so(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        search = {
            **RETUNED["search"],
            "fixed": {**FIXED, "batch_size": 8},
            "warm_start": False,
        }
        world = make_world({**RETUNED, "search": search}, reduction=None)
        assert world.campaign(data_of(world, loaded))[0]
        reference = cells_of(world)[0]
        first, *others = sorted(
            tuning_rows(world.ledger, reference.tuning), key=lambda row: row.number or 0
        )
        # Its own settings are the winner's, which the search has trained with the same seed.
        assert first.status is Status.CACHED
        winner = winner_of_confirmation(world.ledger, world.study).assignment
        assert world.study.assignment(first.config) == winner
        rates = {row.config.learning_rate for row in world.rows(Phase.SEARCH)}
        drawn = {row.config.learning_rate for row in others if row.status is Status.COMPLETE}
        assert not drawn & rates


def test_a_row_that_reads_none_of_the_fields_is_tested_as_it_is(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    factors = {**ALONE["factors"], "label_label_weight": {"low": 0.0, "high": 1.0}}
    ablate = {**ALONE["ablate"], "retune": {"fields": ["label_label_weight"], "trials": 2}}
    world = make_world({**ALONE, "factors": factors, "ablate": ablate})
    dataset = data_of(world, loaded)
    assert world.campaign(dataset)[0]
    assert {row.cell for row in world.rows(Phase.TUNE)} == {"reference", "batch_size=4"}
    assert Counter(row.cell for row in world.rows(Phase.ABLATE)) == {
        "reference": 2,
        "objective=cross_entropy": 2,
        "batch_size=4": 2,
    }
    before = world.rows(None)
    assert world.campaign(dataset)[0]
    assert world.rows(None) == before


def test_a_study_in_which_no_row_reads_the_field_has_no_search(
    make_world: MakeWorld, loaded: Dataset
) -> None:
    factors = {**ALONE["factors"], "label_label_weight": {"low": 0.0, "high": 1.0}}
    ablate = {
        "factors": ["batch_size"],
        "retune": ["label_label_weight"],
        "seeds": 2,
        "reference": {"objective": "cross_entropy"},
    }
    world = make_world({**ALONE, "factors": factors, "ablate": ablate})
    dataset = data_of(world, loaded)
    assert Shown(world, dataset).to_train() == {"tune": 0, "ablate": 6}
    assert world.campaign(dataset)[0]
    assert {row.phase for row in world.rows(None)} == {Phase.ABLATE}


class TestTheReport:
    def test_has_the_chosen_values_beside_each_row_and_the_budget_below(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world(ALONE)
        assert world.campaign(data_of(world, loaded))[0]
        table = report_table(world.ledger, world.study.name)
        rates = {row.cell: row.config.learning_rate for row in world.rows(Phase.ABLATE)}
        assert table.retuned == {"learning_rate": rates}
        shown = table.as_table()
        assert shown.heading[-1] == "learning_rate"
        texts = {line.label: line.cells[-1] for _, line, _ in shown.rows()}
        assert texts["cross_entropy"] == f"{rates['objective=cross_entropy']:.3g}"
        assert f"{rates['reference']:.3g}" in render(shown, "markdown")
        assert "retuned_learning_rate" in render(shown, "csv").splitlines()[0]
        assert r"learning\_rate" in render(shown, "latex")

        reading = PhaseReading.of(world.ledger, world.study.name, Phase.ABLATE)
        note = tuning_note(reading)
        assert note is not None
        assert "chose learning_rate anew by 3 search trials of its own" in note
        methods = methods_paragraph(reading, table.rows, "weighted_f1")
        assert "over learning_rate, where it reads them, with an equal budget of 3" in methods

    def test_says_nothing_of_a_value_that_a_row_does_not_read(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        factors = {**ALONE["factors"], "label_label_weight": {"low": 0.0, "high": 1.0}}
        retune = {"fields": ["learning_rate", "label_label_weight"], "trials": 2}
        ablate = {**ALONE["ablate"], "retune": retune}
        world = make_world({**ALONE, "factors": factors, "ablate": ablate})
        assert world.campaign(data_of(world, loaded))[0]
        table = report_table(world.ledger, world.study.name)
        assert "objective=cross_entropy" in table.retuned["learning_rate"]
        assert "objective=cross_entropy" not in table.retuned["label_label_weight"]
        texts = {line.label: line.cells[-1] for _, line, _ in table.as_table().rows()}
        assert texts["cross_entropy"] == "–"

    def test_of_other_designs_is_as_before(self, make_world: MakeWorld, loaded: Dataset) -> None:
        ablate = {**ALONE["ablate"], "retune": None}
        world = make_world({**ALONE, "ablate": ablate})
        assert world.campaign(data_of(world, loaded))[0]
        table = report_table(world.ledger, world.study.name)
        assert table.retuned == {}
        assert not any("retuned" in key for key in table.as_table().records[0])


class TestThePreview:
    def test_shows_the_price_and_what_is_left(self, tmp_path: Path, loaded: Dataset) -> None:
        opened = open_ledger(tmp_path)
        world = World(tmp_path, opened, make_study(**RETUNED), workers=1, reduction=None)
        shown = Shown(world, loaded)
        assert shown.to_train() == {"search": 4, "confirm": 2, "tune": 9, "ablate": 6}
        assert shown.provisional == ["confirm", "tune", "ablate"]
        text = " ".join(shown.text.split())
        assert "every row is retuned over learning_rate by 3 trials of its own, 9 in all" in text
        assert "reference; objective=cross_entropy; batch_size=" in text
        assert world.campaign(loaded)[0]
        after = Shown(world, loaded)
        assert set(after.to_train().values()) == {0}
        assert after.provisional == []
        opened.close()

    @pytest.mark.parametrize("left", [20, 40, 60])
    def test_tells_what_is_missing_of_an_interrupted_study(
        self, tmp_path: Path, loaded: Dataset, left: int
    ) -> None:
        opened = open_ledger(tmp_path)
        world = World(tmp_path, opened, make_study(**ALONE), workers=1, reduction=None)
        assert not world.campaign(loaded, left)[0]
        told = Shown(world, loaded).to_train()

        def started() -> Counter[str]:
            return Counter(r.phase.value for r in world.rows(None) for _ in range(r.attempts))

        before = started()
        assert world.campaign(loaded)[0]
        assert started() - before == Counter({phase: n for phase, n in told.items() if n})
        opened.close()


def test_a_row_whose_search_failed_is_left_out(make_world: MakeWorld, loaded: Dataset) -> None:
    def fate(config: TrialConfig, epoch: int) -> str | None:
        return "nan" if config.objective == "cross_entropy" else None

    world = make_world(ALONE, fate=fate)
    assert world.campaign(data_of(world, loaded))[0]
    assert {row.cell for row in world.rows(Phase.ABLATE)} == {"reference", "batch_size=4"}


def test_no_trial_of_a_row_is_pruned_but_those_of_the_search_are() -> None:
    """Of a handful of rates the first epochs would choose those that learn fast."""

    def run(phase: Phase) -> list[str]:
        search = {"trials": 4, "grace_epochs": 1, "reduction": 2}
        study = make_study(**{**RETUNED, "search": search, "base": {"epochs": 9}})
        scheduler = ByGroup(study, workers=1)
        answers = []
        for name, score in zip("ab", (0.9, 0.1), strict=True):
            planned = PlannedTrial(name, phase, "reference", name, TrialConfig())
            config = {TRIAL_KEY: planned}
            trial: Any = SimpleNamespace(trial_id=name, config=config, placement_group_factory=None)
            scheduler.on_trial_add(mock.MagicMock(), trial)
            answers.append(scheduler.on_trial_result(None, trial, {"epoch": 1, "score": score}))
        return answers

    assert run(Phase.SEARCH) == ["CONTINUE", "STOP"]
    assert run(Phase.TUNE) == ["CONTINUE", "CONTINUE"]


def test_the_studys_own_search_is_as_it_was_without_retuning() -> None:
    """So that a study that begins to retune keeps what it has searched."""
    plain = make_study(**{**RETUNED, "ablate": {**RETUNED["ablate"], "retune": None}})
    retuned = make_study(**RETUNED)
    assert search_of(plain).digest == search_of(retuned).digest
    assert replace(search_of(plain), study=retuned) == search_of(retuned)
    assert searches_of(()) == []
