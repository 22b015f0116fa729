"""The report tells what the ledger holds, the same in every place, and says what is missing."""

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score
from sqlalchemy import text

from sslcl.command import run
from sslcl.errors import InputError
from study.analysis.comparisons import split_cell, write_comparisons
from study.report import main
from study.reporting.captions import timing_note
from study.reporting.formats import frame_of, render
from study.reporting.report import ReportOptions, report_table, save_report
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import FailureKind, Phase, PlannedTrial, Status
from tracking.rows import ComparisonRow, StudyRow, TrialRow

from ..reported import (
    CELLS,
    GOLD,
    SEEDS,
    fill,
    known,
    outcome,
    planned,
    put_study,
    rows_of_scores,
)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("filled")
    ledger = Ledger.at(Home(home))
    put_study(ledger)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    ledger.close()
    return home


@pytest.fixture
def ledger(filled: Path, tmp_path: Path) -> Iterator[Ledger]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    ledger = Ledger.at(Home(tmp_path))
    yield ledger
    ledger.close()


def by_cell(rows: Sequence[ComparisonRow]) -> dict[str, ComparisonRow]:
    return {row.cell: row for row in rows}


def test_rows_equal_the_numbers_worked_out_by_hand(ledger: Ledger) -> None:
    rows = rows_of_scores(ledger, "weighted_f1")

    def scores(cell: str) -> np.ndarray:
        found = [outcome(CELLS[cell], seed).evaluations[0].predictions for seed in SEEDS]
        return np.array([f1_score(GOLD, predicted, average="weighted") for predicted in found])

    row = by_cell(rows)["similarity=dot"]
    paired = scores("similarity=dot") - scores("reference")
    assert (row.factor, row.level, row.n, row.is_reference) == ("similarity", "dot", 5, False)
    assert row.mean == pytest.approx(scores("similarity=dot").mean())
    assert row.sd == pytest.approx(scores("similarity=dot").std(ddof=1))
    assert row.difference == pytest.approx(paired.mean())
    assert known(row.ci_low) < known(row.difference) < known(row.ci_high) < 0
    assert known(row.p_value) <= known(row.p_corrected) < 0.05
    assert row.seconds == pytest.approx(np.mean([2.0 + seed % 10 for seed in SEEDS]))


def test_reference_is_first_and_levels_of_a_factor_stand_together(ledger: Ledger) -> None:
    rows = rows_of_scores(ledger, "weighted_f1")
    assert [row.cell for row in rows] == [
        "reference",
        "similarity=dot",
        "similarity=cosine",
        "batch_size=8",
    ]
    assert rows[0].is_reference
    assert (rows[0].difference, rows[0].p_value, rows[0].p_corrected) == (None, None, None)


def test_equal_predictions_are_no_difference(ledger: Ledger) -> None:
    row = by_cell(rows_of_scores(ledger, "macro_f1"))["batch_size=8"]
    assert (row.difference, row.ci_low, row.ci_high, row.p_value) == (0, 0, 0, 1)


def test_class_metric_and_accuracy(ledger: Ledger) -> None:
    predicted = [outcome(0.7, seed).evaluations[0].predictions for seed in SEEDS]
    joy = rows_of_scores(ledger, "f1:joy")[0]
    expected = [f1_score(GOLD, p, labels=[1], average="macro") for p in predicted]
    assert joy.mean == pytest.approx(np.mean(expected))
    accuracy = rows_of_scores(ledger, "accuracy")[0]
    assert accuracy.mean == pytest.approx(np.mean([accuracy_score(GOLD, p) for p in predicted]))


def test_cached_trials_count_with_their_originals(ledger: Ledger) -> None:
    put_study(ledger, "again")
    trials = [planned(cell, seed) for seed in SEEDS for cell in CELLS]
    copies = [PlannedTrial(f"2{t.id}", t.phase, t.cell, t.identity, t.config) for t in trials]
    ledger.plan("again", Phase.ABLATE, copies, replace=True)
    for original, copy in zip(trials, copies, strict=True):
        ledger.cache(copy.id, original.id)
    first, second = (
        frame_of(report_table(ledger, name, ReportOptions(metric="accuracy")).as_table()).drop(
            columns="study"
        )
        for name in ("demo", "again")
    )
    pd.testing.assert_frame_equal(first, second)


def test_view_report_and_files_show_the_same_numbers(ledger: Ledger, tmp_path: Path) -> None:
    write_comparisons(ledger, "demo")
    table = report_table(ledger, "demo")
    with ledger.engine.connect() as connection:
        query = "select * from ablation where study = 'demo' and metric = 'weighted_f1'"
        seen = connection.execute(text(query)).mappings().all()
    assert [(v["factor"], v["level"]) for v in seen] == [(r.factor, r.level) for r in table.rows]
    for shown, row in zip(seen, table.rows, strict=True):
        for name in ("mean", "sd", "difference", "ci_low", "ci_high", "p_corrected"):
            value = getattr(row, name)
            assert shown[name] == (None if value is None else pytest.approx(value, abs=5.1e-5))
    files = {path.name: path for path in save_report(ledger, "demo", Home(tmp_path))}
    assert set(files) == {"ablation.png", "ablation.md", "ablation.tex", "ablation.csv"}
    assert files["ablation.md"].parent == tmp_path / "reports" / "demo"
    saved = pd.read_csv(files["ablation.csv"])
    assert saved["mean"].tolist() == [row.mean for row in table.rows]
    assert files["ablation.md"].read_text() == render(table.as_table(), "markdown")


def test_all_metrics_of_both_phases_are_stored(ledger: Ledger) -> None:
    ranks = {"rank1": 0.6, "rank2": 0.7}
    trials = [planned(cell, seed, Phase.CONFIRM) for seed in SEEDS for cell in ranks]
    ledger.plan("demo", Phase.CONFIRM, trials, replace=True)
    for trial in trials:
        ledger.start(trial.id)
        ledger.complete(trial.id, outcome(ranks[trial.cell], trial.config.seed))
    write_comparisons(ledger, "demo")
    stored = {(row.phase, row.metric) for row in ledger.comparisons("demo")}
    assert stored == {
        (phase, metric)
        for phase in (Phase.CONFIRM, Phase.ABLATE)
        for metric in ("weighted_f1", "macro_f1", "accuracy")
    }
    table = report_table(ledger, "demo", ReportOptions(phase=Phase.CONFIRM))
    assert [(row.level, row.is_reference) for row in table.rows] == [
        ("rank2", True),
        ("rank1", False),
    ]
    assert any("best mean validation score" in note for note in table.notes)


def test_reading_a_report_again_writes_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = report_table(ledger, "demo").rows
    monkeypatch.delattr(ledger.__class__, "put_comparisons")
    assert report_table(ledger, "demo").rows == before


def test_failed_and_unfinished_trials_are_named_and_not_counted(empty: Ledger) -> None:
    trials = [planned(cell, seed) for seed in SEEDS for cell in CELLS]
    empty.plan("demo", Phase.ABLATE, trials, replace=True)
    for trial in trials:
        if trial.id == "ablate-batch_size=8-1005":
            continue
        empty.start(trial.id)
        if trial.id == "ablate-similarity=dot-1003":
            empty.fail(trial.id, FailureKind.NAN, "loss is not finite in epoch 2")
        else:
            empty.complete(trial.id, outcome(CELLS[trial.cell], trial.config.seed))
    table = report_table(empty, "demo")
    rows = by_cell(table.rows)
    assert (rows["similarity=dot"].n, rows["batch_size=8"].n, rows["reference"].n) == (4, 4, 5)
    notes = " ".join(table.notes)
    assert "similarity=dot seed 1003 (nan)" in notes
    assert "1 planned trial not finished" in notes
    assert "mean ± sd over 4 to 5 seeds" in table.caption


def test_one_seed_says_what_its_interval_leaves_out(empty: Ledger) -> None:
    fill(empty, [planned(cell, SEEDS[0]) for cell in CELLS], CELLS)
    table = report_table(empty, "demo")
    assert by_cell(table.rows)["similarity=dot"].sd is None
    assert any("not new seeds" in note for note in table.notes)


def test_caption_says_what_was_measured_and_how(ledger: Ledger) -> None:
    table = report_table(ledger, "demo")
    for phrase in (
        "Weighted F1 on the test split of synthetic (generated data, 20 conversations",
        "200 utterances",
        "chosen on validation",
        "over 5 seeds",
        "new seeds and new conversations",
        "Holm-corrected over 3 comparisons",
    ):
        assert phrase in table.caption
    assert table.reference_levels == {"similarity": "soft_hgr", "batch_size": "16"}


def test_by_selects_and_orders_factors_but_keeps_the_correction(ledger: Ledger) -> None:
    everything = by_cell(report_table(ledger, "demo").rows)
    table = report_table(ledger, "demo", ReportOptions(by=("batch_size", "similarity")))
    assert [r.factor for r in table.rows] == ["reference", "batch_size"] + ["similarity"] * 2
    assert all(everything[row.cell] == row for row in table.rows)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("similarity=dot", ("similarity", "dot")),
        ("a=1, b=x=y", ("a, b", "1, x=y")),
        ("modalities=text, audio", ("modalities", "text, audio")),
        ("backbone_options.layers=2, b=1", ("backbone_options.layers, b", "2, 1")),
        ("rank1", ("configuration", "rank1")),
        ("without context", ("without", "context")),
        ("without view text+audio", ("without", "view text+audio")),
        ("without modality audio (test)", ("without", "modality audio (test)")),
    ],
)
def test_cell_names_are_read_back(cell: str, expected: tuple[str, str]) -> None:
    assert split_cell(cell) == expected


def test_nothing_finished(empty: Ledger, tmp_path: Path) -> None:
    write_comparisons(empty, "demo")
    assert save_report(empty, "demo", Home(tmp_path)) == []
    with pytest.raises(InputError, match=r"has finished: run python -m study.run demo first"):
        report_table(empty, "demo")


def test_command_prints_every_format(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form, needle in (
        ("terminal", "similarity (soft_hgr)"),
        ("markdown", "| similarity (soft_hgr) | dot |"),
        ("latex", r"\toprule"),
        ("csv", "demo,ablate,weighted_f1,reference"),
    ):
        assert run(main, ["demo", "--home", str(tmp_path), "--format", form]) == 0
        assert needle in capsys.readouterr().out
    out = tmp_path / "table.md"
    arguments = ["demo", "--home", str(tmp_path), "--format", "markdown", "--out", str(out)]
    assert run(main, [*arguments, "--metric", "f1:joy", "--by", "similarity"]) == 0
    assert capsys.readouterr().out == ""
    assert "F1 of joy" in out.read_text()
    assert "batch_size" not in out.read_text()


def test_csv_has_every_field_and_other_formats_the_verdict(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, ["demo", "--home", str(tmp_path), "--format", "csv"]) == 0
    saved = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert {"p_permutation", "p_equivalence_corrected", "pairs", "effect_size"} <= set(saved)
    assert saved["verdict"].tolist()[1:] == [
        r.verdict for r in report_table(ledger, "demo").rows[1:]
    ]
    assert run(main, ["demo", "--home", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "worse" in shown
    assert "p_permutation" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_a_study_is_judged_by_its_criterion(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_study(ledger, spec={"criterion": "micro_f1-neutral"})
    table = report_table(ledger, "demo")
    assert table.metric == "micro_f1-neutral"
    options = {"labels": [0, 1], "average": "micro"}
    predicted = [outcome(0.7, seed).evaluations[0].predictions for seed in SEEDS]
    expected = np.mean([f1_score(GOLD, one, **options) for one in predicted])
    assert table.rows[0].mean == pytest.approx(expected)
    assert {row.metric for row in ledger.comparisons("demo")} == {"micro_f1-neutral"}
    assert run(main, ["demo", "--home", str(tmp_path), "--format", "markdown"]) == 0
    assert "Micro F1 without neutral, %" in capsys.readouterr().out
    write_comparisons(ledger, "demo")
    stored = {row.metric for row in ledger.comparisons("demo")}
    assert stored == {"weighted_f1", "macro_f1", "accuracy", "micro_f1-neutral"}


@pytest.mark.parametrize("metric", ["uar", "micro_f1-neutral", "f1:joy", "macro_f1"])
def test_any_score_has_intervals_and_verdicts(ledger: Ledger, metric: str) -> None:
    rows = by_cell(rows_of_scores(ledger, metric))
    dot = rows["similarity=dot"]
    assert known(dot.ci_low) < known(dot.difference) < known(dot.ci_high) < 0
    assert dot.verdict == "worse"
    assert 0 < known(rows["reference"].mean) < 1


def test_costs_are_reported_and_not_stored(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for metric, needle in (("seconds", "Training"), ("seconds_per_epoch", "Time per epoch, s")):
        arguments = ["demo", "--home", str(tmp_path), "--metric", metric, "--format", "markdown"]
        assert run(main, arguments) == 0
        assert needle in capsys.readouterr().out
    row = report_table(ledger, "demo", ReportOptions(metric="seconds_per_epoch")).rows[0]
    assert row.mean == pytest.approx(np.mean([(2.0 + seed % 10) / 5 for seed in SEEDS]))
    assert ledger.comparisons("demo") == []


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["dmo"], "did you mean 'demo'"),
        (["demo", "--metric", "latency_50_ms"], "did you mean 'latency_p50_ms'"),
        (["demo", "--metric", "f1:jay"], "did you mean 'f1:joy'"),
        (["demo", "--metric", "weigthed_f1"], "did you mean 'weighted_f1'"),
        (["demo", "--metric", "micro_f1-neutrl"], "did you mean 'micro_f1-neutral'"),
        (["demo", "--metric", "micro_f1"], "expected accuracy, or micro_f1-<class>"),
        (["demo", "--metric", "acc2_non0"], "unknown metric 'acc2_non0'"),
        (["demo", "--by", "similarty"], "did you mean 'similarity'"),
        (["demo", "--phase", "confirm"], "no trial of the confirm phase"),
        (["demo", "--format", "word"], "word"),
        (["demo", "--out", "no/such/folder/x"], "cannot write"),
        ([], "STUDY"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    needle: str,
) -> None:
    assert run(main, [*arguments, "--home", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert needle in captured.err


def test_home_without_results_stays_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(main, ["demo", "--home", str(tmp_path / "none")]) == 2
    assert "no results at" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def timed(*times: tuple[int | None, int], spec: Mapping[str, Any]) -> str:
    """The note on trials that were trained from one time to another; from ``None``: CACHED."""
    study = StudyRow("s", spec, "synthetic", "d", ("no", "yes"), "c", {}, "COMPLETE", 0, 0, 1)
    trial = planned("reference", SEEDS[0])
    rows = [
        TrialRow(
            id=str(i),
            study="s",
            phase=Phase.ABLATE,
            cell="reference",
            identity="i",
            config=trial.config,
            status=Status.COMPLETE if start else Status.CACHED,
            started_at=start,
            ended_at=end,
        )
        for i, (start, end) in enumerate(times)
    ]
    return timing_note(study, rows)


def test_a_report_says_whether_trials_were_timed_alone(ledger: Ledger) -> None:
    alone = {"resources": {"exclusive": True}}
    one_by_one, side_by_side = ((20, 30), (10, 20)), ((10, 21), (20, 30))
    assert timed(*one_by_one, spec=alone).startswith("Timings are exclusive: trials ran one at")
    assert "but for the 1 taken" in timed(*one_by_one, (None, 5), spec=alone)
    # The study file may have been changed since.
    assert timed(*side_by_side, spec=alone).startswith("Timings are not exclusive")
    for spec in ({}, {"resources": {"exclusive": False}}, {"resources": None}):
        assert timed(*one_by_one, spec=spec).startswith("Timings are not exclusive")
    assert any("Timings are not exclusive" in note for note in report_table(ledger, "demo").notes)
