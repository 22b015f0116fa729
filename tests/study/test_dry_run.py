"""``--dry-run``: what it counts is what a run then trains, and it writes nothing."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from sslcl.training import Trainer
from study.analysis.reading import PhaseReading
from study.design.ablation import ablation_cells
from study.design.plan import ablation_trials
from study.dry_run import show_plan
from study.execution.estimate import Estimate, seconds_per_epoch
from study.execution.resources import ClusterResources
from study.stats.metrics import Metric
from study.stats.power import SUPPOSED, detectable_difference, observed_deviations
from tracking.ledger import Ledger
from tracking.records import Evaluation, FailureKind, Phase, Status
from tracking.rows import TrialRow

from .execution.mortal import open_ledger
from .execution.simulated import DATA, fates, make_study, outcome, put_study, unharmed
from .execution.simulator import World

CONTENT: dict[str, Any] = {
    "base": {"epochs": 2, "hidden_size": 8, "label_embedding_width": 8},
    "search": {"trials": 4, "sampler": "random", "fixed": {"objective": "sslcl"}},
    "confirm": {"top": 1, "seeds": 3},
    "ablate": {"factors": ["objective", "similarity"], "seeds": 3},
}
COLUMNS = ("cells", "seeds", "trials", "in the ledger", "to train")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("synthetic", {"conversations": 7})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def world(tmp_path: Path, ledger: Ledger) -> World:
    return World(tmp_path, ledger, make_study(**CONTENT), workers=1)


class Shown:
    """The printed plan, read back."""

    def __init__(self, world: World, dataset: Dataset, **resources: Any) -> None:
        said = StringIO()
        console = Console(file=said, width=200)
        show_plan(world.study, dataset, world.home, ClusterResources(**resources), console)
        self.text = said.getvalue()
        cells = [
            [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
            for line in self.text.splitlines()
            if "│" in line
        ]
        self.table = {row[0].removesuffix(" *"): row[1:] for row in cells}
        self.provisional = [row[0][:-2] for row in cells if row[0].endswith(" *")]

    def counts(self, phase: str) -> dict[str, int]:
        return dict(zip(COLUMNS, map(int, self.table[phase][:5]), strict=True))

    def to_train(self) -> dict[str, int]:
        return {name: int(row[4]) for name, row in self.table.items() if name != "all"}


def trained_by(run: Callable[[], Any], world: World) -> Counter[str]:
    """How often trials of each phase are started by ``run``."""

    def attempts() -> Counter[str]:
        return Counter(row.phase.value for row in world.rows(None) for _ in range(row.attempts))

    before = attempts()
    run()
    return attempts() - before


class TestCounts:
    def test_of_a_study_that_has_not_begun(self, world: World, dataset: Dataset) -> None:
        shown = Shown(world, dataset)
        assert shown.counts("search") == dict(zip(COLUMNS, (4, 1, 4, 0, 4), strict=True))
        assert shown.counts("confirm") == dict(zip(COLUMNS, (1, 3, 3, 0, 3), strict=True))
        # The reference is the confirmed winner, trained anew with seeds that did not choose it.
        assert shown.counts("ablate") == dict(zip(COLUMNS, (3, 3, 9, 0, 9), strict=True))
        assert shown.table["all"][2:5] == ["16", "0", "16"]
        assert shown.provisional == ["confirm", "ablate"]
        assert "nothing has been started" in shown.text

    def test_are_what_the_run_then_trains(self, world: World, dataset: Dataset) -> None:
        put_study(world.ledger, world.study)
        told = Shown(world, dataset).to_train()
        assert trained_by(lambda: world.campaign(dataset), world) == Counter(told)

    def test_of_a_finished_study_are_nothing(self, world: World, dataset: Dataset) -> None:
        world.campaign(dataset)
        shown = Shown(world, dataset)
        assert shown.to_train() == {"search": 0, "confirm": 0, "ablate": 0}
        assert shown.provisional == []

    @pytest.mark.parametrize("left", [20, 45, 55, 62, 70, 85])
    def test_of_an_interrupted_study_are_what_is_missing(
        self, world: World, dataset: Dataset, left: int
    ) -> None:
        """Suggestions that were lost leave gaps in the numbers of the search."""
        world.campaign(dataset, 4)
        assert not world.campaign(dataset, left)[0]
        told = Shown(world, dataset).to_train()
        trained = trained_by(lambda: world.campaign(dataset), world)
        assert trained == Counter({k: n for k, n in told.items() if n})

    def test_leave_out_failures_that_are_final(self, world: World, dataset: Dataset) -> None:
        world.fate = fates(5, 0.5)
        world.campaign(dataset)
        failures = {row.id: row.failure for row in world.rows(None) if row.failure}
        assert {FailureKind.ERROR, FailureKind.NODE} <= set(failures.values())
        world.fate = unharmed
        told = Shown(world, dataset).to_train()
        trained = trained_by(lambda: world.campaign(dataset), world)
        assert trained == Counter({k: n for k, n in told.items() if n})

    def test_of_a_longer_search_make_later_phases_provisional(
        self, world: World, dataset: Dataset
    ) -> None:
        world.campaign(dataset)
        world.study = make_study(**{**CONTENT, "search": {**CONTENT["search"], "trials": 6}})
        shown = Shown(world, dataset)
        assert shown.to_train()["search"] == 2
        assert shown.provisional == ["confirm", "ablate"]

    def test_before_several_are_confirmed_the_ablation_is_provisional(
        self, world: World, dataset: Dataset
    ) -> None:
        search = {**CONTENT["search"], "trials": 8}
        content = {**CONTENT, "search": search, "confirm": {"top": 2, "seeds": 2}}
        world.study = make_study(**{**content, "ablate": None, "confirm": None})
        assert world.search()[0]
        world.study = make_study(**content)
        shown = Shown(world, dataset)
        assert shown.provisional == ["ablate"]
        assert shown.counts("confirm")["to train"] == 4

    def test_know_what_another_study_has_trained(self, world: World, dataset: Dataset) -> None:
        reference = {"objective": "sslcl", "similarity": "dot"}
        ablate = {"factors": ["objective"], "seeds": 2, "reference": reference}
        only = {**CONTENT, "search": None, "confirm": None, "ablate": ablate}
        world.study = make_study(**only)
        world.campaign(dataset)
        other = {"factors": ["objective", "similarity"], "seeds": 3, "reference": reference}
        world.study = make_study(**{**only, "study": "other", "ablate": other})
        counts = Shown(world, dataset).counts("ablate")
        assert (counts["trials"], counts["in the ledger"], counts["to train"]) == (9, 4, 5)


class TestNothingIsWritten:
    def test_where_there_is_nothing(self, tmp_path: Path, ledger: Ledger, dataset: Dataset) -> None:
        world = World(tmp_path / "nowhere", ledger, make_study(**CONTENT))
        Shown(world, dataset)
        assert not world.folder.exists()

    def test_where_there_is_a_study(self, world: World, dataset: Dataset) -> None:
        world.campaign(dataset, 50)
        world.ledger.close()

        def content() -> dict[str, bytes]:
            return {
                str(path.relative_to(world.folder)): path.read_bytes()
                for path in world.folder.rglob("*")
                if path.is_file()
            }

        before = content()
        Shown(world, dataset)
        assert content() == before


class TestTime:
    def test_from_finished_trials_and_workers(self, world: World, dataset: Dataset) -> None:
        """In the simulation an epoch takes a second, and a trial has two."""
        assert world.search()[0]
        rows = [row for row in world.rows() if row.status in (Status.COMPLETE, Status.PRUNED)]
        shown = Shown(world, dataset, workers=2)
        assert f"a trial takes about 2.0 s (from {len(rows)} finished trials" in shown.text
        # Three confirmations on two workers take as long as two after one another.
        assert shown.table["confirm"][5] == "4 s"
        # Nine cells and seeds of the ablation take 10 s: 14 s on two workers of two CPUs each.
        held = Shown(world, dataset, workers=2, cpus_per_trial=2.0, gpus_per_trial=0.5).text
        hours = 14 * 2 / 3600
        assert f"2 at a time hold {hours * 2:.3g} CPU-hours and {hours / 2:.3g} GPU-hours" in held

    def test_of_the_same_backbone_and_objective_where_there_are_any(self, dataset: Dataset) -> None:
        def row(seconds: float, phase: Phase = Phase.ABLATE, **levels: Any) -> TrialRow:
            config = TrialConfig(epochs=10, **levels)
            status = Status.PRUNED if phase.searches and seconds == 1.0 else Status.COMPLETE
            return TrialRow("", "s", phase, "c", "", config, status, seconds=seconds)

        rows = [
            row(10.0),
            row(20.0, objective="cross_entropy"),
            row(60.0, backbone="transformer"),
            row(1.0, Phase.SEARCH),
            row(3.0, Phase.TUNE),
        ]
        seconds = Estimate(rows, dataset).seconds
        base = TrialConfig(epochs=20)
        # Twice the epochs; of finished trials where none are pruned, of searches where some are.
        assert seconds(Phase.CONFIRM, base) == pytest.approx(2 * fmean([10, 3]))
        assert seconds(Phase.SEARCH, base) == pytest.approx(2 * fmean([1, 3]))
        assert seconds(Phase.ABLATE, base.replace(objective="cross_entropy")) == 40.0
        assert seconds(Phase.ABLATE, base.replace(backbone="transformer")) == 120.0
        assert seconds(
            Phase.ABLATE, base.replace(backbone="transformer", objective="cross_entropy")
        ) == pytest.approx(120.0)
        anything = base.replace(backbone="dialogue_gcn", objective="cross_entropy")
        assert seconds(Phase.ABLATE, anything) == pytest.approx(40.0)

    def test_other_data_says_nothing(self, dataset: Dataset) -> None:
        config = TrialConfig(dataset="mosi")
        elsewhere = TrialRow("", "s", Phase.ABLATE, "c", "", config, Status.COMPLETE, seconds=9e9)
        estimate = Estimate([elsewhere], dataset)
        assert "one training step" in estimate.source
        assert estimate.seconds(Phase.ABLATE, TrialConfig(hidden_size=8, epochs=2)) < 1e6

    def test_from_one_step_where_nothing_is_known(self, world: World, dataset: Dataset) -> None:
        assert "from one training step of each backbone and objective" in Shown(world, dataset).text

    def test_a_step_stands_for_its_share_of_an_epoch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a clock that only the trainer's steps move, by one second a step."""
        clock = [0.0]
        steps: list[tuple[int, int]] = []

        def fit_epoch(trainer: Trainer) -> dict[str, float]:
            clock[0] += 1.0
            steps.append((len(trainer.train_split), len(trainer.validation_split)))
            return {}

        monkeypatch.setattr(Trainer, "fit_epoch", fit_epoch)
        monkeypatch.setattr("study.execution.estimate.time.perf_counter", lambda: clock[0])
        data = load_dataset("synthetic", {"conversations": 60})
        config = TrialConfig(hidden_size=8, batch_size=5)
        found = seconds_per_epoch(config, data)
        train, validation = len(data.train), len(data.validation)
        assert found == pytest.approx(train / 5)
        assert steps == [(5, max(round(5 / train * validation), 1))] * 2


class TestDetectableDifference:
    def test_is_said_with_the_supposed_spread(self, world: World, dataset: Dataset) -> None:
        conversations = len(dataset.test or ())
        one, corrected = (
            100 * detectable_difference(3, conversations, SUPPOSED, level, rows=2)
            for level in (0.05, 0.05 / 2)
        )
        text = Shown(world, dataset).text.replace("\n", " ")
        assert f"with 3 seeds per cell and {conversations} test conversations" in text
        assert f"a difference of {one:.2f} points of weighted F1" in text
        assert f"({corrected:.2f} points after Holm's correction over 2, at worst)" in text
        assert "1.00 points (sd) between seeds and 4.00 between conversations" in text
        assert "as is supposed" in text

    def test_counts_planned_questions_apart_from_the_others(
        self, world: World, dataset: Dataset
    ) -> None:
        ablate = {
            "factors": ["similarity"],
            "reference": {"similarity": "cosine"},
            "seeds": {"at_least": 3, "at_most": 6, "until": "verdict"},
        }
        questions = {
            f"is {name} enough": {"cell": {"similarity": name}} for name in ("dot", "soft_hgr")
        }
        levels = {"similarity": ["cosine", "dot", "soft_hgr", "cka", "hsic"]}
        world.study = make_study(
            base=CONTENT["base"], factors=levels, ablate=ablate, questions=questions, search=None
        )
        text = " ".join(Shown(world, dataset).text.split())
        assert "after Holm's correction over 2 planned questions and" in text
        assert "after Holm's correction over 2 exploratory rows, at worst)" in text
        assert "planned questions stop by their own correction" in text

    @pytest.mark.parametrize("named", ["sim", "another"])
    def test_is_said_with_the_spread_of_finished_cells(
        self, world: World, dataset: Dataset, named: str
    ) -> None:
        """Of this study, or of another on the same data."""
        tested = make_study(**{**CONTENT, "study": named})
        put_study(world.ledger, tested, dataset.fingerprint)
        assert tested.ablate is not None
        reference = {"objective": "sslcl", "similarity": "dot"}
        cells = ablation_cells(tested, tested.ablate, reference, DATA).cells
        trials = ablation_trials(tested, tested.ablate, cells, DATA)
        world.ledger.plan(named, Phase.ABLATE, trials, replace=True)
        conversations = [f"c{number // 4}" for number in range(40)]
        for trial in trials:
            rng = np.random.default_rng(int(trial.identity[:8], 16))
            predictions, labels = rng.integers(0, 2, 40).tolist(), [0, 1] * 20
            evaluation = Evaluation(
                "test", {"weighted_f1": 0.5}, conversations, conversations, labels, predictions
            )
            world.ledger.start(trial.id)
            done = replace(outcome(trial.config, 2), evaluations=(evaluation,))
            world.ledger.complete(trial.id, done)
        reading = PhaseReading.of(world.ledger, named, Phase.ABLATE)
        deviations = observed_deviations(reading.samples, "reference", Metric("weighted_f1"))
        assert deviations is not None
        one = 100 * detectable_difference(3, len(dataset.test or ()), deviations)
        text = Shown(world, dataset).text.replace("\n", " ")
        assert f"a difference of {one:.2f} points of weighted F1" in text
        assert f"{100 * deviations.seeds:.2f} points (sd) between seeds" in text
        assert f"{100 * deviations.conversations:.2f} between conversations" in text
        assert f"as in the finished cells of {named}; " in text
        assert "seeds make up" in text or "conversations make up" in text

    def test_one_conversation_tells_nothing_of_others(self, world: World, dataset: Dataset) -> None:
        world.campaign(dataset)
        reading = PhaseReading.of(world.ledger, world.study.name, Phase.ABLATE)
        assert len(reading.tested.conversations) == 1
        assert observed_deviations(reading.samples, "reference", Metric("weighted_f1")) is None
        assert "as is supposed" in Shown(world, dataset).text.replace("\n", " ")

    def test_needs_two_seeds_and_an_ablation(self, world: World, dataset: Dataset) -> None:
        world.study = make_study(**{**CONTENT, "ablate": {**CONTENT["ablate"], "seeds": 1}})
        assert "with one seed per cell no difference" in Shown(world, dataset).text
        world.study = make_study(**{**CONTENT, "ablate": None})
        assert "no ablation is planned" in Shown(world, dataset).text


def test_notes_name_what_the_ablation_leaves_out(world: World, dataset: Dataset) -> None:
    ablate = {**CONTENT["ablate"], "reference": {"objective": "cross_entropy"}}
    world.study = make_study(**{**CONTENT, "ablate": ablate})
    assert (
        "ablate: similarity: skipped, the reference does not read it"
        in Shown(world, replace(dataset)).text
    )
