"""Effects that were told once are told again at once, and anew when anything has changed."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from study.analysis.reading import PhaseReading
from study.reporting.effects_cache import kept_effects
from study.reporting.effects_table import effects_table
from study.reporting.formats import render
from study.reporting.table import TABLE_FORMATS, Table
from study.reporting.terminal import TerminalTable
from tracking.records import Phase

from ..crossed import grid_ledger


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhaseReading]:
    ledger = grid_ledger(tmp_path_factory.mktemp("home"))
    yield PhaseReading.of(ledger, "demo", Phase.ABLATE)
    ledger.close()


def never() -> Table:
    raise AssertionError("it was made again")


@pytest.fixture
def make(reading: PhaseReading) -> Callable[[], Table]:
    return lambda: effects_table(reading, "accuracy")


def test_what_is_kept_shows_the_same(
    reading: PhaseReading, make: Callable[[], Table], tmp_path: Path
) -> None:
    made = make()
    for again in (make, never):
        found = kept_effects(tmp_path / "new", reading, "accuracy", again)
        for form in TABLE_FORMATS:
            if form != "csv":
                assert render(found, form) == render(made, form)
        printed = io.StringIO()
        console = Console(file=printed, width=100)
        console.print(TerminalTable(found))
        assert made.title in printed.getvalue()


@pytest.mark.parametrize("change", ["trial", "rules", "metric", "damage", "nothing"])
def test_it_is_made_again_exactly_when_something_changed(
    reading: PhaseReading, make: Callable[[], Table], tmp_path: Path, change: str
) -> None:
    kept_effects(tmp_path, reading, "accuracy", make)
    calls: list[str] = []

    def watched() -> Table:
        calls.append(change)
        return make()

    other, metric = reading, "accuracy"
    if change == "trial":
        first, *rest = reading.trials
        other = replace(reading, trials=(replace(first, revision=first.revision + 1), *rest))
    elif change == "rules":
        spec = {**reading.study_row.spec, "report": {"correction": "bh"}}
        other = replace(reading, study_row=replace(reading.study_row, spec=spec))
    elif change == "metric":
        metric = "macro_f1"
    elif change == "damage":
        (file,) = tmp_path.glob("*.json")
        file.write_text(file.read_text()[:-20])
    kept_effects(tmp_path, other, metric, watched)
    assert calls == ([] if change == "nothing" else [change])
