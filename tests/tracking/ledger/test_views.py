"""The SQL views, asked as a person asks them."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase
from tracking.testing.ledger_cases import comparison, outcome, planned, put_study, run


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.medium)])
def ledger(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    if request.param == "sqlite":
        made = Ledger.at(Home(tmp_path))
    else:
        made = Ledger(request.getfixturevalue("server").create_database())
    put_study(made)
    yield made
    made.close()


def ask(ledger: Ledger, query: str) -> list[dict[str, object]]:
    with ledger.engine.connect() as connection:
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def test_trials_wide_has_factors_scores_and_cost_of_current_trials(ledger: Ledger) -> None:
    gone, done, failed = planned("c", 0), planned("c", 1, batch_size=32), planned("c", 2)
    for trial in (gone, done):
        run(ledger, trial, outcome(0.75, test=True))
    ledger.plan("s", Phase.ABLATE, [done, failed], replace=True)
    ledger.start(failed.id)
    ledger.fail(failed.id, FailureKind.NAN, "loss")
    rows = {row["trial"]: row for row in ask(ledger, "SELECT * FROM trials_wide")}
    assert set(rows) == {done.id, failed.id}
    row = rows[done.id]
    assert set(TrialConfig.model_fields) < set(row)
    assert (row["study"], row["phase"], row["cell"]) == ("s", "ablate", "c")
    assert (row["status"], row["batch_size"], row["seed"]) == ("COMPLETE", 32, 1)
    assert (row["validation_weighted_f1"], row["best_epoch"], row["epochs_run"]) == (0.75, 2, 3)
    scores = [row[f"test_{name}"] for name in ("weighted_f1", "macro_f1", "accuracy")]
    assert scores == [0.5, 0.4, 0.6]
    assert (row["seconds"], row["parameters"], row["peak_memory_mb"]) == (1.5, 1234, 64.25)
    assert (rows[failed.id]["failure"], rows[failed.id]["test_weighted_f1"]) == ("nan", None)


def test_the_score_is_the_criterions_and_weighted_f1_stays_what_it_is(ledger: Ledger) -> None:
    trial = planned("c", criterion="uar")
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    ledger.start(trial.id)
    ledger.record_epoch(trial.id, 2, {"validation_weighted_f1": 0.25, "validation_uar": 0.75})
    ledger.complete(trial.id, outcome(0.75))
    (row,) = ask(ledger, "SELECT * FROM trials_wide")
    assert (row["criterion"], row["validation_score"], row["best_epoch"]) == ("uar", 0.75, 2)
    assert row["validation_weighted_f1"] == 0.25


def test_a_cached_trial_shows_its_originals_test_scores(ledger: Ledger) -> None:
    original, twin = planned("c"), planned("d")
    run(ledger, original, outcome(test=True))
    ledger.plan("s", Phase.ABLATE, [twin], replace=False)
    ledger.cache(twin.id, original.id)
    (row,) = ask(ledger, "SELECT * FROM trials_wide WHERE status = 'CACHED'")
    assert (row["cached_from"], row["test_weighted_f1"]) == (original.id, 0.5)
    assert row["seconds"] == 1.5


def test_ablation_is_in_order_and_rounded(ledger: Ledger) -> None:
    put_study(ledger, "other")
    rows = [
        comparison("similarity=dot", difference=-0.00012345, p_corrected=0.04996, seconds=1.26),
        comparison("similarity=cosine"),
        comparison("batch=16", p_value=1.0),
        comparison("batch=8"),
        comparison("reference", factor="reference", level=""),
    ]
    accuracy = [replace(row, metric="accuracy") for row in rows]
    ledger.put_comparisons("s", Phase.ABLATE, "accuracy", accuracy)
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", rows)
    ledger.put_comparisons("other", Phase.ABLATE, "weighted_f1", [replace(rows[0], study="other")])
    found = ask(ledger, "SELECT * FROM ablation WHERE study = 's'")
    assert [row["metric"] for row in found] == ["weighted_f1"] * 5 + ["accuracy"] * 5
    assert [(row["factor"], row["level"], row["reference"]) for row in found[:5]] == [
        ("reference", "", 1),
        ("similarity", "dot", 0),
        ("similarity", "cosine", 0),
        ("batch", "16", 0),
        ("batch", "8", 0),
    ]
    dot = found[1]
    assert (dot["mean"], dot["difference"], dot["p_corrected"]) == (0.1235, -0.0001, 0.05)
    assert (dot["seconds"], dot["ci_low"]) == (1.26, None)
    assert isinstance(found[3]["p_value"], float)


def test_ablation_shows_what_the_verdict_rests_on(ledger: Ledger) -> None:
    judged = {
        "pairs": 4, "p_permutation": 0.12345678, "effect_size": 1.23456, "verdict": "not shown",
        "smallest_difference": 0.01, "p_equivalence": 0.2, "p_equivalence_corrected": 0.4,
        "correction": "holm",
    }  # fmt: skip
    ledger.put_comparisons(
        "s", Phase.ABLATE, "accuracy", [comparison("a=1", metric="accuracy", **judged)]
    )
    (row,) = ask(ledger, "SELECT * FROM ablation")
    shown = judged | {"p_permutation": 0.1235, "effect_size": 1.2346}
    assert {name: row[name] for name in judged} == shown


COST = {
    "seconds": 6.0, "seconds_per_epoch": 2.0, "utterances_per_second": 900.0, "parameters": 1234,
    "peak_memory_mb": 64.25, "device_memory_mb": 32.5, "latency_p50_ms": 1.5,
    "latency_p95_ms": 2.5, "flops_per_utterance": 1e6,
}  # fmt: skip


@pytest.fixture
def cached(ledger: Ledger) -> tuple[str, str]:
    """Ids of a finished trial and of one that was taken from it; a third is no longer current."""
    original, gone, twin = planned("c", 1), planned("gone"), planned("d", 1)
    made = replace(outcome(test=True), cost=COST)
    ledger.plan("s", Phase.ABLATE, [original], replace=False)
    ledger.start(original.id)
    ledger.record_epoch(original.id, 1, {"train_loss": 2.0, "seconds": 0.5})
    ledger.record_epoch(original.id, 2, {"train_loss": float("nan"), "seconds": 0.5})
    ledger.complete(original.id, made)
    run(ledger, gone, made)
    ledger.plan("s", Phase.ABLATE, [original, twin], replace=True)
    ledger.cache(twin.id, original.id)
    return original.id, twin.id


def of(trials: tuple[str, str], values: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rows that both trials show, ordered by cell; the last column is the fold, of which they
    have none.
    """
    return [
        ("s", "ablate", cell, trial, 1, *row, None)
        for cell, trial in zip("cd", trials, strict=True)
        for row in values
    ]


def rows_of(ledger: Ledger, view: str, order: str) -> list[tuple[object, ...]]:
    query = f"SELECT * FROM {view} WHERE study = 's' ORDER BY cell, {order}"
    return [tuple(row.values()) for row in ask(ledger, query)]


def test_per_class_has_one_row_for_each_split_and_class(
    cached: tuple[str, str], ledger: Ledger
) -> None:
    expected: list[tuple[object, ...]] = [("test", "joy", 0.25), ("validation", "joy", 0.25)]
    assert rows_of(ledger, "per_class", "split, class") == of(cached, expected)


def test_diagnostics_has_measurements_and_warnings(cached: tuple[str, str], ledger: Ledger) -> None:
    expected: list[tuple[object, ...]] = [("gain", 0.0, "no gain"), ("logit_scale", 3.0, None)]
    assert rows_of(ledger, "diagnostics", "name") == of(cached, expected)


def test_learning_curve_has_every_metric_of_every_epoch(
    cached: tuple[str, str], ledger: Ledger
) -> None:
    expected: list[tuple[object, ...]] = [
        (1, "seconds", 0.5), (1, "train_loss", 2.0), (2, "seconds", 0.5), (2, "train_loss", None),
    ]  # fmt: skip
    assert rows_of(ledger, "learning_curve", "epoch, metric") == of(cached, expected)


def test_cost_shows_everything_measured_of_current_trials(
    cached: tuple[str, str], ledger: Ledger
) -> None:
    waiting = planned("waiting")
    ledger.plan("s", Phase.ABLATE, [waiting], replace=False)
    rows = ask(ledger, "SELECT * FROM cost ORDER BY cell")
    assert [row["trial"] for row in rows] == list(cached)
    for row in rows:
        assert {name: row[name] for name in COST} == COST
        assert (row["backbone"], row["objective"], row["epochs_run"]) == ("recurrent", "sslcl", 3)


def test_cost_derives_seconds_per_epoch_of_older_trials(ledger: Ledger) -> None:
    run(ledger, planned("c"))
    assert ask(ledger, "SELECT seconds_per_epoch FROM cost") == [{"seconds_per_epoch": 0.5}]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_the_sqlite3_command_prints_the_table(ledger: Ledger, tmp_path: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("the sqlite3 command is not installed")
    rows = [
        comparison("reference", factor="reference", level="", sd=0.0123456),
        comparison("similarity=dot", difference=-0.01),
    ]
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", rows)
    printed = subprocess.run(
        ["sqlite3", tmp_path / "results.db", 'select * from ablation where study = "s"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed.splitlines() == [
        "s|ablate|weighted_f1|reference||5|0.1235|0.0123|||||||1|reference|||||||||||||||||||||",
        "s|ablate|weighted_f1|similarity|dot|5|0.1235||-0.01||||||0|similarity=dot|||||||||||||||||||||",
    ]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM trials_wide WHERE study = 's'", "trials_by_status (study=?)"),
        ("SELECT * FROM trials_wide WHERE study = 's' AND phase = 'ablate'", "phase=?"),
        ("SELECT * FROM ablation WHERE study = 's'", "PRIMARY KEY (study=?)"),
        ("SELECT * FROM per_class WHERE study = 's'", "study=?"),
        ("SELECT * FROM cost WHERE study = 's'", "study=?"),
        ("SELECT * FROM diagnostics WHERE study = 's' AND phase = 'ablate'", "phase=?"),
        ("SELECT * FROM learning_curve WHERE study = 's' AND phase = 'ablate'", "phase=?"),
        ("SELECT * FROM learning_curve WHERE trial = 't'", "(id=?)"),
        ("SELECT * FROM trials WHERE identity = 'i'", "trials_by_identity (identity=?)"),
    ],
)
def test_questions_about_one_study_are_answered_from_an_index(
    ledger: Ledger, query: str, expected: str
) -> None:
    plan = [str(row["detail"]) for row in ask(ledger, f"EXPLAIN QUERY PLAN {query}")]
    assert expected in plan[0]
    assert not [line for line in plan if line.startswith("SCAN")]
    scores = [line for line in plan if " r " in line and "trials_wide" in query]
    assert all("PRIMARY KEY (trial=? AND split=? AND metric=?)" in line for line in scores)
    assert not [line for line in plan if "AUTOMATIC" in line]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_scores_that_are_not_asked_for_are_not_looked_up(ledger: Ledger) -> None:
    query = "SELECT backbone, avg(seconds) FROM trials_wide WHERE study = 's' GROUP BY backbone"
    plan = [str(row["detail"]) for row in ask(ledger, f"EXPLAIN QUERY PLAN {query}")]
    assert "trials_by_status (study=?)" in plan[0]
    assert not [line for line in plan if "SUBQUERY" in line or " r " in line]
