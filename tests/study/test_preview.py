"""``--dry-run``: what it counts is what a run then trains, and it writes nothing."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import median, stdev
from typing import Any

import pytest
from rich.console import Console

from sslcl.data import load_dataset
from sslcl.data.types import Dataset
from study.plan import detectable_difference
from study.preview import SUPPOSED_SD, show_plan
from study.resources import Resources
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, Status

from .simulator import World, fates, make_study, open_ledger, put_study, unharmed

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
        show_plan(world.study, dataset, world.home, Resources(**resources), console)
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
        # The reference is the confirmed winner, which the confirmation has trained by then.
        assert shown.counts("ablate") == dict(zip(COLUMNS, (3, 3, 9, 3, 6), strict=True))
        assert shown.table["all"][2:5] == ["16", "3", "13"]
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
        world.fate = fates(3, 0.5)
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
        content = {**CONTENT, "confirm": {"top": 2, "seeds": 2}}
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
        assert not world.home.exists()

    def test_where_there_is_a_study(self, world: World, dataset: Dataset) -> None:
        world.campaign(dataset, 50)
        world.ledger.close()

        def content() -> dict[str, bytes]:
            return {
                str(path.relative_to(world.home)): path.read_bytes()
                for path in world.home.rglob("*")
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
        expected = f"a trial takes about 2.0 s (from {len(rows)} finished trials on this data)"
        assert f"{expected}; 2 at a time" in shown.text
        # Three confirmations on two workers take as long as two after one another.
        assert shown.table["confirm"][5] == "4 s"

    def test_from_one_epoch_where_nothing_is_known(self, world: World, dataset: Dataset) -> None:
        assert "from one epoch of the base configuration" in Shown(world, dataset).text


class TestDetectableDifference:
    def test_is_said_with_the_supposed_spread(self, world: World, dataset: Dataset) -> None:
        found = 100 * detectable_difference(3, SUPPOSED_SD)
        text = Shown(world, dataset).text
        assert f"with 3 seeds per cell, differences from {found:.2f} points" in text
        assert "supposed" in text

    def test_is_said_with_the_spread_of_finished_cells(
        self, world: World, dataset: Dataset
    ) -> None:
        world.campaign(dataset)
        cells: dict[str, list[float]] = {}
        for row in world.rows(Phase.ABLATE):
            cells.setdefault(row.cell, []).append(row.score or 0.0)
        sd = 2**0.5 * median(map(stdev, cells.values()))
        text = Shown(world, dataset).text
        assert f"differences from {100 * detectable_difference(3, sd):.2f} points" in text
        assert "from the validation scores of finished cells" in text

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
