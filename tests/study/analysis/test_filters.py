"""Conditions keep the trials that meet them, and everything after works on those alone."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sslcl.errors import InputError
from study.analysis.filters import Conditions
from study.reporting.report import ReportOptions, reading_of, report_table
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..reported import CELLS, SEEDS, fill, planned, put_study


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("selection")
    ledger = Ledger.at(Home(home))
    put_study(ledger)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    ledger.close()
    return home


@pytest.fixture
def ledger(filled: Path, tmp_path: Path) -> Iterator[Ledger]:
    shutil.copytree(filled, tmp_path / "home")
    ledger = Ledger.at(Home(tmp_path / "home"))
    yield ledger
    ledger.close()


def test_statistics_of_a_subset_are_those_of_a_study_of_it_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    alone = Ledger.at(Home(tmp_path / "alone"))
    put_study(alone)
    fill(alone, [planned(cell, seed) for seed in SEEDS[:3] for cell in CELLS], CELLS)
    where = [f"seed={seed}" for seed in SEEDS[:3]]
    table = report_table(ledger, "demo", ReportOptions(where=where))
    assert table.rows == report_table(alone, "demo").rows
    assert table.notes[0] == "Only trials with seed = 1001 or 1002 or 1003."
    alone.close()


@pytest.mark.parametrize(
    "asked",
    [{"where": ["seed=1001"]}, {"correction": "bh"}, {"smallest_difference": 0.2}],
)
def test_what_is_not_the_studys_own_table_is_not_stored(
    ledger: Ledger, asked: dict[str, Any]
) -> None:
    stored = report_table(ledger, "demo").rows
    changed = report_table(ledger, "demo", ReportOptions(**asked)).rows
    assert changed != stored
    assert tuple(ledger.comparisons("demo", Phase.ABLATE, "weighted_f1")) == stored


def test_own_rules_change_verdicts(ledger: Ledger) -> None:
    def verdict(**rules: Any) -> str | None:
        rows = {row.cell: row for row in report_table(ledger, "demo", ReportOptions(**rules)).rows}
        return rows["similarity=dot"].verdict

    assert verdict() == "worse"
    assert verdict(smallest_difference=0.9) == "equivalent"


@pytest.mark.parametrize(
    ("where", "cells"),
    [
        (["similarity=soft_hgr"], ["reference", "batch_size=8"]),
        (["similarity=dot", "similarity=cosine"], ["similarity=dot", "similarity=cosine"]),
        (["batch_size=8.0"], ["batch_size=8"]),
        (["cell=reference", "seed=1003"], ["reference"]),
        (["phase=ablate", "batch_size=8"], ["batch_size=8"]),
    ],
)
def test_any_field_cell_seed_or_phase_selects(
    ledger: Ledger, where: list[str], cells: list[str]
) -> None:
    assert list(reading_of(ledger, "demo", None, where).cells) == cells


def test_without_the_reference_the_best_on_validation_takes_its_place(ledger: Ledger) -> None:
    table = report_table(
        ledger, "demo", ReportOptions(where=["similarity=dot", "similarity=cosine"])
    )
    assert table.rows[0].cell == "similarity=cosine"
    assert any("The reference is similarity=cosine" in note for note in table.notes)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("similarty=dot", "did you mean 'similarity'"),
        ("similarity=dto", "unknown value of similarity 'dto'.*did you mean 'dot'"),
        ("backbone_options.layrs=2", "unknown key 'backbone_options.layrs'"),
        ("similarity", "expected KEY=VALUE"),
        ("=dot", "expected KEY=VALUE"),
        ("phase=ablat", "did you mean 'ablate'"),
        ("phase=confirm", "no trial of the confirm phase"),
    ],
)
def test_bad_conditions_are_told_in_one_line(ledger: Ledger, where: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        report_table(ledger, "demo", ReportOptions(where=[where]))
    assert "\n" not in str(caught.value)


def test_no_finished_trial_in_the_subset_says_so(ledger: Ledger) -> None:
    extra = planned("batch_size=4", 1001)
    ledger.plan("demo", Phase.ABLATE, [extra], replace=False)
    with pytest.raises(InputError, match="with batch_size = 4 has finished"):
        report_table(ledger, "demo", ReportOptions(where=["batch_size=4"]))


def test_conditions_given_phases(ledger: Ledger) -> None:
    assert Conditions.parse([]).phases(None) == (Phase.ABLATE, Phase.CONFIRM)
    assert Conditions.parse(["phase=confirm"]).phases(None) == (Phase.CONFIRM,)
    assert Conditions.parse(["phase=confirm"]).phases(Phase.ABLATE) == ()
    reading = reading_of(ledger, "demo")
    assert Conditions.parse([]).applied(reading) == replace(reading)
