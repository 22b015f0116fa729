"""Rows that twice as many epochs would have served better are called not converged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from study.analysis.reading import PhaseReading
from study.analysis.validity import CellMarks, cell_marks, extension_gains
from study.design.extension import extension_trials
from study.reporting.html.summary import summary_sentences
from study.reporting.marks import NOT_CONVERGED, mark_of, marked_verdict
from study.reporting.report import ReportOptions, comparison_table
from tracking.ledger import Ledger
from tracking.records import Phase

from ..execution.simulated import DATA
from ..reported import CELLS, SEEDS, outcome, planned, put_study

ASKED = {"ablate": {"extension_check": True}}
FLAT = [0.5] * 5
"""Validation scores of the five epochs that every trial has run."""
LONGER = {
    "reference": [*FLAT, *[0.5, 0.52, 0.5, 0.49, 0.5]],  # one lucky epoch
    "similarity=dot": [*FLAT, *[0.56, 0.57, 0.58, 0.59, 0.6]],
    "batch_size=8": [*FLAT, *[0.4] * 5],
    "similarity=cosine": [*FLAT, *[0.505] * 5],
}


def train(ledger: Ledger, trial_id: str, scores: Sequence[float]) -> None:
    ledger.start(trial_id)
    for epoch, score in enumerate(scores, start=1):
        ledger.record_epoch(trial_id, epoch, {"validation_weighted_f1": score, "loss": 9.0})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Every cell with its seeds, and one seed of each for twice as many epochs."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'results.db'}")
    put_study(ledger, spec=ASKED)
    trials = [planned(cell, seed) for seed in SEEDS for cell in CELLS]
    ledger.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        train(ledger, trial.id, FLAT)
        ledger.complete(trial.id, outcome(CELLS[trial.cell], trial.config.seed))
    longer = extension_trials(ledger.trials("demo", phase=Phase.ABLATE), DATA)
    ledger.plan("demo", Phase.EXTEND, longer, replace=True)
    for trial in longer:
        train(ledger, trial.id, LONGER[trial.cell])
        done = replace(outcome(0.5, trial.config.seed), epochs=10, evaluations=())
        ledger.complete(trial.id, done)
    yield ledger
    ledger.close()


def reading_of(ledger: Ledger) -> PhaseReading:
    return PhaseReading.of(ledger, "demo", Phase.ABLATE)


def test_a_gain_is_that_of_the_best_running_mean(ledger: Ledger) -> None:
    """So that one lucky epoch of twice as many is none."""
    gains = extension_gains(reading_of(ledger))
    assert gains == pytest.approx(
        {
            "reference": 0.004,
            "similarity=dot": 0.08,
            "batch_size=8": 0.0,
            "similarity=cosine": 0.005,
        }
    )
    assert extension_gains(PhaseReading.of(ledger, "demo", Phase.CONFIRM)) == {}


def test_a_gain_of_interest_marks_the_row(ledger: Ledger) -> None:
    marks = cell_marks(reading_of(ledger))
    assert list(marks) == ["similarity=dot"]
    assert marks["similarity=dot"].gain == pytest.approx(0.08)
    put_study(ledger, spec={**ASKED, "report": {"smallest_difference": 0.1}})
    assert cell_marks(reading_of(ledger)) == {}


def test_a_study_that_asks_for_no_check_shows_none(ledger: Ledger) -> None:
    put_study(ledger, spec={})
    assert extension_gains(reading_of(ledger)) == {}
    assert cell_marks(reading_of(ledger)) == {}


def test_a_trial_that_is_not_the_doubled_one_says_nothing(ledger: Ledger) -> None:
    """As after a changed study file, as long as the new check has not run."""
    others = [planned(cell, seed, base={"epochs": 7}) for seed in SEEDS for cell in CELLS]
    renamed = [replace(trial, id=f"new {trial.id}") for trial in others]
    ledger.plan("demo", Phase.ABLATE, renamed, replace=True)
    for trial in renamed:
        train(ledger, trial.id, FLAT[:3])
        done = replace(outcome(CELLS[trial.cell], trial.config.seed), epochs=3)
        ledger.complete(trial.id, done)
    assert extension_gains(reading_of(ledger)) == {}


def test_the_table_takes_the_verdict_back_and_says_what_to_do(ledger: Ledger) -> None:
    reading = reading_of(ledger)
    table = comparison_table(reading, ReportOptions())
    lines = {line.label: line for s in table.as_table().sections for line in s.lines}
    assert NOT_CONVERGED in lines["dot †"].cells
    assert lines["dot †"].look == ""
    notes = " ".join(table.notes)
    assert "(points): similarity=dot +8.00. Raise epochs." in notes
    assert "Extension check: one seed of 4 rows was trained for twice as many" in notes
    assert "gained is 8.00 points (similarity=dot)" in notes
    records = {record["cell"]: record for record in table.as_table().records}
    assert records["similarity=dot"]["extension_gain"] == pytest.approx(0.08)
    assert records["similarity=dot"]["verdict"] == "worse"
    words = list(summary_sentences(table, reading))
    assert not any("beyond doubt: similarity=dot" in sentence for sentence in words)


@pytest.mark.parametrize(
    ("verdict", "gaining", "shown"),
    [
        ("worse", "cell", NOT_CONVERGED),
        ("worse", "reference", "worse"),
        ("better", "reference", NOT_CONVERGED),
        ("better", "cell", "better"),
        ("equivalent", "cell", NOT_CONVERGED),
        ("equivalent", "reference", NOT_CONVERGED),
        ("not shown", "cell", "not shown"),
    ],
)
def test_only_a_verdict_that_more_epochs_could_overturn_is_taken_back(
    ledger: Ledger, verdict: str, gaining: str, shown: str
) -> None:
    row = comparison_table(reading_of(ledger), ReportOptions()).rows[1]
    row = replace(row, cell="cell", verdict=verdict)
    marks = {gaining: CellMarks(5, gain=0.03)}
    assert marked_verdict(row, marks, "reference") == shown
    assert mark_of(marks[gaining]) == "†"
