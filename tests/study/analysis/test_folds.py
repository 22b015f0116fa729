"""Scores of a study on folds: the predictions of all folds together, and each fold alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from study.analysis.comparisons import Rules, score_rows
from study.analysis.costs import values_of
from study.analysis.operands import Side, resolve
from study.analysis.reading import PhaseReading
from study.reporting.fold_table import fold_table
from study.reporting.report import ReportOptions, report_table, report_tables
from study.stats.comparison import Sample, compare_cells
from study.stats.metrics import Metric
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror.contents import run_name, trial_tags
from tracking.records import FailureKind, Outcome, Phase, PlannedTrial

from ..reported import CELLS, CONVERSATIONS, GOLD, LABELS, LENGTH, SEEDS, known, outcome, put_study
from ..reported import planned as planned_whole

FOLDS = ("a", "b", "c", "d")
HOME = np.arange(CONVERSATIONS) % len(FOLDS)
"""The fold in which each conversation tests."""
RATES = {name: CELLS[name] for name in ("reference", "similarity=dot", "batch_size=8")}


def on_fold(cell: str, seed: int, fold: str) -> PlannedTrial:
    trial = planned_whole(cell, seed)
    config = trial.config.replace(folds="session", fold=fold)
    return replace(trial, id=f"{trial.id}-{fold}", config=config, identity=config.digest())


def part_of(whole: Outcome, fold: str) -> Outcome:
    """What the model of one fold predicts: the utterances of its conversations."""
    (test,) = whole.evaluations
    kept = np.flatnonzero(HOME[np.arange(len(GOLD)) // LENGTH] == FOLDS.index(fold)).tolist()
    labels, predictions = np.array(test.labels)[kept], np.array(test.predictions)[kept]
    evaluation = replace(
        test,
        metrics={"weighted_f1": float(f1_score(labels, predictions, average="weighted"))},
        conversations=[test.conversations[at] for at in kept],
        utterances=[test.utterances[at] for at in kept],
        labels=labels.tolist(),
        predictions=predictions.tolist(),
        positions=kept,
    )
    return replace(whole, evaluations=(evaluation,))


def fill(ledger: Ledger, failing: tuple[str, int, str] | None = None) -> None:
    put_study(ledger, spec={"folds": "session"})
    trials = [on_fold(c, seed, fold) for seed in SEEDS for fold in FOLDS for c in RATES]
    ledger.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        seed, fold = trial.config.seed, str(trial.config.fold)
        ledger.start(trial.id)
        if (trial.cell, seed, fold) == failing:
            ledger.fail(trial.id, FailureKind.NAN, "loss is not finite")
            continue
        spent = {"seconds": 1.0 + FOLDS.index(fold)}
        ledger.complete(trial.id, part_of(outcome(RATES[trial.cell], seed, spent), fold))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.at(Home(tmp_path))
    yield opened
    opened.close()


def reading_of(ledger: Ledger) -> PhaseReading:
    return PhaseReading.of(ledger, "demo", Phase.ABLATE)


def whole_predictions(cell: str, seed: int) -> np.ndarray:
    return np.array(outcome(RATES[cell], seed).evaluations[0].predictions)


def whole_sample(cell: str) -> Sample:
    """As one model that tested on everything would have it."""
    counts = np.zeros((len(SEEDS), CONVERSATIONS, 3, 3), dtype=np.int64)
    for row, seed in enumerate(SEEDS):
        predicted = whole_predictions(cell, seed)
        np.add.at(counts[row], (np.arange(len(GOLD)) // LENGTH, GOLD, predicted), 1)
    return Sample(SEEDS, counts)


def test_the_score_is_of_all_folds_together(ledger: Ledger) -> None:
    fill(ledger)
    for row in score_rows(reading_of(ledger), "weighted_f1", Rules()):
        scores = [
            f1_score(GOLD, whole_predictions(row.cell, seed), average="weighted") for seed in SEEDS
        ]
        assert row.n == len(SEEDS)
        assert known(row.mean) == pytest.approx(np.mean(scores))
        assert known(row.sd) == pytest.approx(np.std(scores, ddof=1))


def test_rows_are_compared_over_the_conversations_of_the_whole_corpus(ledger: Ledger) -> None:
    fill(ledger)
    reading = reading_of(ledger)
    assert reading.samples["reference"].confusion.shape == (len(SEEDS), CONVERSATIONS, 3, 3)
    expected = compare_cells(
        {cell: whole_sample(cell) for cell in RATES}, "reference", Metric("weighted_f1")
    )
    for row in score_rows(reading, "weighted_f1", Rules()):
        if not row.is_reference:
            assert row.pairs == len(SEEDS)
            assert known(row.difference) == pytest.approx(expected[row.cell].difference)
            assert known(row.ci_low) == pytest.approx(expected[row.cell].ci_low, abs=0.01)
            assert known(row.p_value) == pytest.approx(expected[row.cell].p_value, abs=0.05)
    assert reading.scored.conversations == CONVERSATIONS
    assert reading.scored.utterances == len(GOLD)


def test_each_fold_is_shown_by_itself(ledger: Ledger) -> None:
    fill(ledger)
    table = fold_table(reading_of(ledger), "weighted_f1")
    for record in table.records:
        kept = (
            slice(None)
            if record["fold"] == "all"
            else HOME[np.arange(len(GOLD)) // LENGTH] == FOLDS.index(str(record["fold"]))
        )
        scores = [
            f1_score(
                GOLD[kept], whole_predictions(str(record["cell"]), seed)[kept], average="weighted"
            )
            for seed in SEEDS
        ]
        assert record["mean"] == pytest.approx(np.mean(scores))
    shown = report_tables(ledger, "demo", ReportOptions())
    assert [table.title for table in shown[1:2]] == ["Weighted F1 by fold"]
    assert "all of 4 folds by session of synthetic" in shown[0].caption
    assert "divided into 4 folds by session" in shown[0].methods


def test_a_seed_without_one_of_its_folds_is_left_out(ledger: Ledger) -> None:
    fill(ledger, failing=("similarity=dot", SEEDS[2], "b"))
    rows = {row.cell: row for row in score_rows(reading_of(ledger), "accuracy", Rules())}
    assert (rows["reference"].n, rows["similarity=dot"].n) == (len(SEEDS), len(SEEDS) - 1)
    notes = " ".join(report_table(ledger, "demo").notes)
    assert f"similarity=dot seed {SEEDS[2]} fold b (nan)" in notes
    assert "A seed that lacks a fold is left out" in notes


def test_one_fold_can_be_asked_for(ledger: Ledger) -> None:
    fill(ledger)
    table = report_table(ledger, "demo", ReportOptions(where=["fold=b"]))
    kept = HOME[np.arange(len(GOLD)) // LENGTH] == 1
    reference = next(row for row in table.rows if row.is_reference)
    scores = [
        f1_score(GOLD[kept], whole_predictions("reference", seed)[kept], average="weighted")
        for seed in SEEDS
    ]
    assert known(reference.mean) == pytest.approx(np.mean(scores))
    conversations = len(set(np.arange(len(GOLD))[kept] // LENGTH))
    assert f"{conversations} conversations, {kept.sum()} utterances)" in table.caption
    assert conversations < len(GOLD) // LENGTH


def test_a_cost_is_the_mean_of_the_folds(ledger: Ledger) -> None:
    fill(ledger)
    assert values_of(reading_of(ledger), "seconds")["reference"] == dict.fromkeys(SEEDS, 2.5)


def test_two_cells_are_compared_by_all_folds_of_a_seed(ledger: Ledger) -> None:
    fill(ledger)
    side = resolve(ledger, "demo:reference")
    assert isinstance(side, Side)
    assert side.seeds == SEEDS
    evaluations = side.evaluations(ledger, "test")
    assert evaluations is not None
    for seed, evaluation in zip(SEEDS, evaluations, strict=True):
        assert len(evaluation.labels) == len(GOLD)
        expected = f1_score(GOLD, whole_predictions("reference", seed), average="macro")
        assert evaluation.metrics["macro_f1"] == pytest.approx(expected)


def test_mlflow_names_and_tags_the_fold(ledger: Ledger) -> None:
    fill(ledger)
    row = ledger.trials("demo", phase=Phase.ABLATE)[0]
    assert run_name(row) == f"ablate/reference/{SEEDS[0]}/fold a"
    assert trial_tags(row, (), ())["fold"] == "a"


def test_views_have_the_fold(ledger: Ledger) -> None:
    fill(ledger)
    with ledger.engine.connect() as connection:
        query = (
            "select fold, folds, count(*), avg(test_weighted_f1) from trials_wide "
            "where cell = 'reference' group by 1, 2 order by 1"
        )
        found = connection.exec_driver_sql(query).all()
    assert [row[:3] for row in found] == [(fold, "session", len(SEEDS)) for fold in FOLDS]
    assert LABELS
