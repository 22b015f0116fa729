"""Rows that were cut short, or left the zone of their method, say so in every table and summary."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import f1_score

from study.analysis.reading import PhaseReading
from study.analysis.validity import CellMarks, cell_marks, probe_gaps
from study.reporting.html.summary import summary_sentences
from study.reporting.marks import (
    convergence_note,
    mark_notes,
    mark_of,
    marked_verdict,
    probe_note,
)
from study.reporting.report import ReportOptions, comparison_table
from tracking.ledger import Ledger
from tracking.records import Diagnostic, Evaluation, Phase

from ..reported import CELLS, SEEDS, begin_ablation, outcome

RISING = Diagnostic("still_improving", 1.0, "validation was still rising: raise epochs")
PENALTY = Diagnostic("penalty_share", 0.35, "the penalty weighs: use a smaller batch_size")
HARMLESS = Diagnostic("class_gain:joy", 0.0, "class joy is predicted no better than chance")


def with_f1(evaluation: Evaluation) -> Evaluation:
    score = f1_score(evaluation.labels, evaluation.predictions, average="weighted")
    return replace(evaluation, metrics={**evaluation.metrics, "weighted_f1": float(score)})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Five trials a cell; ``dot`` rises in three of them, ``cosine`` has a fault in two."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'results.db'}")
    for trial in begin_ablation(ledger):
        place = SEEDS.index(trial.config.seed)
        found = [HARMLESS, replace(RISING, value=0.0, warning=None)]
        if trial.cell == "similarity=dot" and place < 3:
            found[1] = RISING
        if trial.cell == "similarity=cosine" and place < 2:
            found.append(PENALTY)
        done = outcome(CELLS[trial.cell], trial.config.seed)
        test = with_f1(done.evaluations[0])
        # The probe is as good as a rate of 0.7 where the model itself has 0.45.
        probe = with_f1(replace(outcome(0.7, trial.config.seed).evaluations[0], split="probe"))
        told = replace(done, diagnostics=tuple(found), evaluations=(test, probe))
        ledger.complete(trial.id, told)
    yield ledger
    ledger.close()


def reading_of(ledger: Ledger) -> PhaseReading:
    return PhaseReading.of(ledger, "demo", Phase.ABLATE)


def test_trials_that_predict_one_class_alone_are_told_by_two_scores(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'results.db'}")
    for trial in begin_ablation(ledger):
        done = outcome(CELLS[trial.cell], trial.config.seed)
        test = done.evaluations[0]
        if trial.cell == "similarity=dot" and trial.config.seed in SEEDS[:2]:
            test = replace(test, predictions=[1] * len(test.labels))
            test = replace(test, metrics={"accuracy": test.labels.count(1) / len(test.labels)})
        ledger.complete(trial.id, replace(done, evaluations=(with_f1(test),)))
    assert cell_marks(reading_of(ledger)) == {"similarity=dot": CellMarks(5, collapsed=2)}
    table = comparison_table(reading_of(ledger), ReportOptions())
    notes = " ".join(table.notes)
    assert (
        "One class alone is predicted for every utterance (trials): similarity=dot in 2 of 5"
        in notes
    )
    assert "show none of what befalls one in five in 33 % of cases" in notes
    assert any(line.label == "dot ‡" for s in table.as_table().sections for line in s.lines)
    ledger.close()


def test_marks_count_trials_and_leave_out_what_does_not_bear_on_the_row(ledger: Ledger) -> None:
    assert cell_marks(reading_of(ledger)) == {
        "similarity=dot": CellMarks(5, 3, {}),
        "similarity=cosine": CellMarks(5, 0, {str(PENALTY.warning): 2}),
    }


def test_a_table_marks_the_rows_and_says_what_to_change(ledger: Ledger) -> None:
    table = comparison_table(reading_of(ledger), ReportOptions())
    lines = {line.label: line for s in table.as_table().sections for line in s.lines}
    assert {"dot †", "cosine ‡", "8", ""} == set(lines)
    assert "worse so far" in lines["dot †"].cells
    assert lines["dot †"].look == ""
    notes = " ".join(table.notes)
    assert "similarity=dot in 3 of 5" in notes
    assert "use a smaller batch_size (trials): similarity=cosine in 2 of 5" in notes
    records = {record["cell"]: record for record in table.as_table().records}
    assert records["similarity=dot"]["still_improving"] == 3
    assert records["similarity=dot"]["verdict"] == "worse"
    assert records["similarity=cosine"]["warnings"] == PENALTY.warning
    assert records["reference"]["still_improving"] == 0


def test_a_summary_calls_no_such_row_worse_beyond_doubt(ledger: Ledger) -> None:
    reading = reading_of(ledger)
    words = list(summary_sentences(comparison_table(reading, ReportOptions()), reading))
    assert not any("beyond doubt: similarity=dot" in sentence for sentence in words)
    assert any("similarity=dot worse so far" in sentence for sentence in words)
    assert any("3 of 5" in sentence for sentence in words)


def test_other_tables_have_one_sentence(ledger: Ledger) -> None:
    (note,) = convergence_note(reading_of(ledger), "weighted_f1")
    assert "3 of 20 trials were still improving" in note


def test_longer_training_would_not_change_a_cost(ledger: Ledger) -> None:
    reading = reading_of(ledger)
    table = comparison_table(reading, ReportOptions(metric="seconds"))
    labels = [line.label for section in table.as_table().sections for line in section.lines]
    assert not any(sign in label for label in labels for sign in "†‡")
    assert not any("still improving" in note.lower() for note in table.notes)
    assert not any("so far" in table.verdict_of(row) for row in table.rows if not row.is_reference)
    assert list(convergence_note(reading, "seconds")) == []
    first, *words = summary_sentences(table, reading)
    assert first == "Training time, s, of the reference: 5.00 ± 1.58, over 5 seeds."
    assert not any("still improving" in sentence.lower() for sentence in words)


def test_a_subset_without_marks_says_nothing(ledger: Ledger) -> None:
    table = comparison_table(reading_of(ledger), ReportOptions(by=("batch_size",)))
    assert not any(note.startswith(("†", "‡")) for note in table.notes)
    assert list(mark_notes({})) == []
    assert mark_of(None) == ""


@pytest.mark.parametrize(
    ("verdict", "improving", "shown"),
    [
        ("worse", "cell", "worse so far"),
        ("worse", "reference", "worse"),
        ("better", "reference", "better so far"),
        ("better", "cell", "better"),
        ("not shown", "cell", "not shown"),
        (None, "cell", ""),
    ],
)
def test_a_verdict_against_whom_still_improved_is_so_far(
    ledger: Ledger, verdict: str | None, improving: str, shown: str
) -> None:
    rows = comparison_table(reading_of(ledger), ReportOptions()).rows
    row = replace(rows[1], cell="cell", verdict=verdict)
    assert marked_verdict(row, {improving: CellMarks(5, 1)}, "reference") == shown


def test_tables_show_the_probe_by_its_own_predictions(ledger: Ledger) -> None:
    reading = reading_of(ledger)
    table = comparison_table(reading, ReportOptions(metric="probe_weighted_f1"))
    assert table.unit.heading == "Weighted F1 of a linear probe, %"
    expected = [
        f1_score(one.labels, one.predictions, average="weighted")
        for one in (outcome(0.7, seed).evaluations[0] for seed in SEEDS)
    ]
    assert {row.cell: row.mean for row in table.rows} == {
        cell: pytest.approx(sum(expected) / len(expected)) for cell in CELLS
    }


def test_a_read_out_that_wastes_its_features_is_named(ledger: Ledger) -> None:
    reading = reading_of(ledger)
    assert set(probe_gaps(reading)) == {"similarity=dot"}
    own, probe = probe_gaps(reading)["similarity=dot"]
    rows = {row.cell: row for row in comparison_table(reading, ReportOptions()).rows}
    assert own == pytest.approx(rows["similarity=dot"].mean)
    assert probe > own + 0.03
    (sentence,) = probe_note(reading)
    assert "similarity=dot" in sentence
    assert "cosine" not in sentence
