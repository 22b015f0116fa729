"""The methods paragraph says what was done, whatever the study and its rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from study.reporting.formats import render
from study.reporting.report import ReportOptions, report_table
from tracking.home import Home
from tracking.ledger import Ledger

from ..reported import CELLS, SEEDS, fill, planned, put_study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    yield ledger
    ledger.close()


def test_methods_tell_splits_tests_corrections_and_margins(ledger: Ledger) -> None:
    said = report_table(ledger, "demo").methods
    for phrase in (
        "5 seeds that no search had used",
        "chosen on the validation split alone",
        "20 conversations, 200 utterances) was evaluated once per model",
        "weighted F1 as mean ± standard deviation",
        "paired by seed and by test conversation",
        "utterances of one conversation are not independent",
        "Holm-corrected over 3 comparisons",
        "any false claim in the table at 5 %",
        "less than 1.00 point,",
        "5 paired seeds cannot give a p-value below 0.0625",
        "no claim of equality",
    ):
        assert phrase in said
    assert "tuned with an equal budget" not in said


def test_methods_follow_the_rules_in_force(ledger: Ledger) -> None:
    table = report_table(ledger, "demo", ReportOptions(smallest_difference=0.025, correction="bh"))
    for text in (table.caption, table.methods):
        assert "Benjamini-Hochberg-corrected over 3 comparisons" in text
        assert "less than 2.50 points" in text
    assert "expected share of false claims" in table.methods
    assert "p (BH)" in table.as_table().heading


def test_methods_of_a_tuned_design_tell_the_equal_budget(ledger: Ledger) -> None:
    spec = {"ablate": {"factors": ["similarity"], "design": "tuned", "trials": 12}}
    put_study(ledger, spec=spec)
    assert "an equal budget of 12 search trials of its own" in report_table(ledger, "demo").methods


def test_methods_of_a_cost_speak_of_seeds_alone(ledger: Ledger) -> None:
    table = report_table(ledger, "demo", ReportOptions(metric="seconds"))
    assert "paired t-test over seeds" in table.methods
    assert "Less is better. Equivalence of costs was not tested." in table.methods
    assert "conversations are treated" not in table.methods
    assert "Less is better." in table.caption


def test_latex_carries_the_paragraph_as_a_comment_ready_to_paste(ledger: Ledger) -> None:
    table = report_table(ledger, "demo")
    comments = [
        line
        for line in render(table.as_table(), "latex").splitlines()
        if line.startswith("% Every")
    ]
    assert len(comments) == 1
    assert r"5 \%" in comments[0]
    assert table.methods not in render(table.as_table(), "markdown")


@pytest.mark.parametrize("balance", ["natural", "balanced"])
def test_rows_of_another_balance_are_said_to_be_scored_on_other_utterances(
    tmp_path: Path, balance: str
) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    rates = {"reference": 0.7, f"balance={balance}": 0.6}
    trials = [planned("reference", s) for s in SEEDS]
    fill(ledger, [*trials, *(planned(f"balance={balance}", s) for s in SEEDS)], rates)
    said = any("another balance" in note for note in report_table(ledger, "demo").notes)
    ledger.close()
    assert said == (balance == "balanced")
