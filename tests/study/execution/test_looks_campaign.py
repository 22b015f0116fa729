"""An ablation whose rows are given seeds look after look, whatever befalls the driver."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search_spaces.schema import FIRST_ABLATION_SEED
from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from study.analysis.comparisons import Rules, looked_ablation, write_comparisons
from study.analysis.next_looks import given_looks
from study.analysis.reading import PhaseReading
from study.stats.sequential import Stop
from tracking.records import Evaluation, Outcome, Phase, Status
from tracking.rows import ComparisonRow

from ..test_dry_run import Shown
from . import simulated
from .mortal import open_ledger
from .simulator import MakeWorld, World, dies_at_any_write
from .tuned import TUNED, data_of

ACCURACY = {4: 0.7, 8: 0.4, 16: 0.7, 32: 0.62}
"""Share of correct predictions by batch size; 4 is the reference's."""
SPREAD = 0.03
CONVERSATIONS, LENGTH = 60, 12
LOOKS = (4, 8, 16)
LOOKED: dict[str, Any] = {
    "base": {"epochs": 1},
    "factors": {"batch_size": list(ACCURACY)},
    "search": None,
    "ablate": {
        "factors": ["batch_size"],
        "reference": {"batch_size": 4},
        "seeds": {"at_least": LOOKS[0], "at_most": LOOKS[-1], "until": "verdict"},
    },
}
_whole_outcome = simulated.outcome


def outcome(config: TrialConfig, epoch: int, splits: tuple[str, ...] = ()) -> Outcome:
    """As the simulator's, tested on conversations that tell batch sizes apart."""
    rng = np.random.default_rng(int(config.digest()[:8], 16))
    count = CONVERSATIONS * LENGTH
    share = ACCURACY[config.batch_size] + SPREAD * rng.normal()
    labels = np.arange(count) % 2
    predicted = np.where(rng.random(count) < share, labels, 1 - labels)
    talks = [f"c{place // LENGTH}" for place in range(count)]
    places = [f"u{place}" for place in range(count)]

    def evaluation(split: str) -> Evaluation:
        scores = {"weighted_f1": share, "macro_f1": share, "accuracy": share}
        return Evaluation(split, scores, talks, places, labels.tolist(), predicted.tolist())

    made = _whole_outcome(config, epoch)
    return replace(made, evaluations=tuple(map(evaluation, splits)))


@pytest.fixture(autouse=True)
def _telling_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "outcome", outcome)


def ablation(world: World) -> dict[str, ComparisonRow]:
    """The stored rows of the ablation by cell."""
    write_comparisons(world.ledger, world.study.name)
    rows = world.ledger.comparisons(world.study.name, Phase.ABLATE, "weighted_f1")
    return {row.cell: row for row in rows}


def seeds_of(world: World) -> dict[str, list[int]]:
    """The seeds of each cell that the present plan asks for, counted from 1."""
    seeds = defaultdict(list)
    for row in world.rows(Phase.ABLATE):
        seeds[row.cell].append(row.config.seed - FIRST_ABLATION_SEED + 1)
    return dict(seeds)


def check(world: World) -> None:
    """Everything has ended, each row has the seeds of its look, and pairs are complete."""
    assert all(row.status.final for row in world.rows(None))
    rows, seeds = ablation(world), seeds_of(world)
    assert set(rows) == set(seeds) == {"reference", *(f"batch_size={n}" for n in (8, 16, 32))}
    for cell, row in rows.items():
        if row.is_reference:
            continue
        assert row.stopped is not None
        assert row.look is not None
        assert sorted(seeds[cell]) == list(range(1, LOOKS[row.look - 1] + 1))
        assert row.pairs == len(seeds[cell])
        assert (row.verdict in ("better", "worse", "equivalent")) == (row.stopped == Stop.VERDICT)
    assert len(seeds["reference"]) == max(map(len, seeds.values()))


class TestACampaign:
    def test_gives_seeds_to_rows_without_a_verdict_alone(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world(LOOKED)
        assert world.campaign(data_of(world, loaded))[0]
        check(world)
        rows, seeds = ablation(world), seeds_of(world)
        assert rows["batch_size=8"].verdict == "worse"
        assert len(seeds["batch_size=8"]) < len(seeds["reference"])
        assert sum(map(len, seeds.values())) < len(seeds) * LOOKS[-1]

    def test_again_does_nothing(self, make_world: MakeWorld, loaded: Dataset) -> None:
        world = make_world(LOOKED)
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        before = world.rows(None)
        assert world.campaign(dataset)[0]
        assert world.rows(None) == before

    @pytest.mark.parametrize("stride", [29, pytest.param(5, marks=pytest.mark.slow)])
    def test_whose_driver_dies_at_any_write_comes_to_the_same_decisions(
        self, make_world: MakeWorld, loaded: Dataset, stride: int
    ) -> None:
        whole: dict[str, tuple[object, object]] = {}

        def fresh() -> tuple[World, Dataset]:
            world = make_world(LOOKED)
            return world, data_of(world, loaded)

        def check_decisions(world: World) -> None:
            check(world)
            decided = {c: (row.look, row.stopped) for c, row in ablation(world).items()}
            assert decided == (whole or decided)
            whole.update(decided)
            trained = Counter(r.identity for r in world.rows(None) if r.status is Status.COMPLETE)
            assert max(trained.values()) == 1

        dies_at_any_write(fresh, check_decisions, stride)

    def test_gives_no_more_seeds_to_a_row_whose_trials_fail(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        def fate(config: TrialConfig, epoch: int) -> str | None:
            return "nan" if config.batch_size == 16 else None

        world = make_world(LOOKED, fate=fate)
        assert world.campaign(data_of(world, loaded))[0]
        assert len(seeds_of(world)["batch_size=16"]) == LOOKS[0]

    def test_without_a_reference_ends_after_the_first_look(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        def fate(config: TrialConfig, epoch: int) -> str | None:
            return "nan" if config.batch_size == 4 else None

        world = make_world(LOOKED, fate=fate)
        assert world.campaign(data_of(world, loaded))[0]
        assert {len(seeds) for seeds in seeds_of(world).values()} == {LOOKS[0]}

    def test_with_one_more_level_judges_all_rows_anew(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        fewer = {**LOOKED, "factors": {"batch_size": [4, 8, 32]}}
        world = make_world(fewer)
        dataset = data_of(world, loaded)
        assert world.campaign(dataset)[0]
        attempts = {row.id: row.attempts for row in world.rows(None)}
        world.study = simulated.make_study(**LOOKED, study=world.study.name)
        assert world.campaign(dataset)[0]
        check(world)
        after = {row.id: row.attempts for row in world.rows(None)}
        assert all(after[trial] == count for trial, count in attempts.items() if trial in after)


class TestOtherDesigns:
    @pytest.mark.parametrize("design", ["tuned", "leave_one_out"])
    def test_are_given_looks_too(self, make_world: MakeWorld, loaded: Dataset, design: str) -> None:
        content = {**TUNED, "ablate": {**TUNED["ablate"], "seeds": LOOKED["ablate"]["seeds"]}}
        if design == "leave_one_out":
            components = ["context", "label_label_term"]
            extra = {"design": design, "components": components, "factors": [], "trials": None}
            content["ablate"] |= extra
        world = make_world(content)
        assert world.campaign(data_of(world, loaded))[0]
        seeds = seeds_of(world)
        rows = ablation(world)
        assert set(rows) == set(seeds)
        assert len(rows) > 1
        for cell, row in rows.items():
            if not row.is_reference:
                assert row.stopped is not None
                assert len(seeds[cell]) == LOOKS[(row.look or 0) - 1]


class TestTheDecisions:
    def test_are_those_of_the_report_at_the_look_where_the_row_stopped(
        self, make_world: MakeWorld, loaded: Dataset
    ) -> None:
        world = make_world(LOOKED)
        assert world.campaign(data_of(world, loaded))[0]
        reading = PhaseReading.of(world.ledger, world.study.name, Phase.ABLATE)
        looked = looked_ablation(reading, Rules.of(reading.study_row))
        assert looked is not None
        for row in ablation(world).values():
            if row.is_reference:
                continue
            standing = looked.standing[row.cell]
            assert standing.compared is not None
            assert (row.p_value, row.ci_low) == (
                standing.compared.p_value,
                standing.compared.ci_low,
            )
            assert row.p_value is not None
            assert row.ci_low is not None
            assert row.ci_high is not None
            assert (row.p_value < 0.05) == (row.ci_low > 0 or row.ci_high < 0)

    def test_leave_the_ledger_alone(self, make_world: MakeWorld, loaded: Dataset) -> None:
        world = make_world(LOOKED)
        assert world.campaign(data_of(world, loaded))[0]
        before = world.ledger.study(world.study.name).revision
        cells = list(seeds_of(world))
        assert given_looks(world.ledger, world.study.name, cells).stopped == set(cells)
        assert world.ledger.study(world.study.name).revision == before


class TestThePreview:
    @pytest.fixture
    def world(self, tmp_path: Path) -> Iterator[World]:
        opened = open_ledger(tmp_path)
        yield World(tmp_path, opened, simulated.make_study(**LOOKED))
        opened.close()

    def test_shows_at_least_and_at_most(self, world: World, loaded: Dataset) -> None:
        shown = Shown(world, loaded)
        assert shown.to_train() == {"ablate": 4 * LOOKS[0]}
        text = " ".join(shown.text.split())
        assert "seeds are added in looks of 4, 8, 16 while rows have no verdict" in text
        assert "at least 16 trials are left to train, at most 64" in text

    def test_of_a_finished_study_has_nothing_left(self, world: World, loaded: Dataset) -> None:
        assert world.campaign(loaded)[0]
        shown = Shown(world, loaded)
        assert shown.to_train() == {"ablate": 0}
        assert "nothing is left to train" in shown.text

    @pytest.mark.parametrize("left", [20, 60, 120])
    def test_of_a_study_that_was_interrupted_counts_what_its_looks_ask_for(
        self, world: World, loaded: Dataset, left: int
    ) -> None:
        assert not world.campaign(loaded, left)[0]
        told = Shown(world, loaded).to_train()["ablate"]
        before = sum(row.attempts for row in world.rows(None))
        assert world.campaign(loaded)[0]
        assert 0 < told <= sum(row.attempts for row in world.rows(None)) - before
