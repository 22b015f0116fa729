"""Two sides differ in what their configurations, predictions and scores differ in."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from sslcl.command import run
from study.analysis.reading import PhaseReading
from study.compare import main, side_by_side
from study.reporting.formats import frame_of
from study.stats.comparison import compare_cells
from study.stats.metrics import Metric
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase, StudyRecord

from .reported import CELLS, GOLD, LABELS, SEEDS, fill, outcome, planned, put_study

DOT = "similarity=dot"
OTHER = {"reference": 0.6, DOT: 0.45, "similarity=soft_hgr_textbook": 0.5}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("compared")
    ledger = Ledger.at(Home(home))
    put_study(ledger, spec={"search": {"trials": 10}})
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    put_study(ledger, "other", spec={"search": {"trials": 12}})
    put_other(ledger, "other")
    ledger.put_study(
        StudyRecord(
            "elsewhere",
            spec={"search": {"trials": 10}},
            dataset="mosi",
            data_fingerprint="e" * 64,
            label_names=LABELS,
            code_fingerprint="f" * 64,
            environment={},
        )
    )
    put_other(ledger, "elsewhere")
    waiting = replace(planned("batch_size=4", 1001), id="waiting")
    ledger.plan("other", Phase.ABLATE, [waiting], replace=False)
    ledger.close()
    return home


def put_other(ledger: Ledger, study: str) -> None:
    """Four of the seeds; its reference has another learning rate."""
    base = {"reference": {"learning_rate": 0.002}}
    trials = [
        replace(planned(cell, seed, base=base.get(cell)), id=f"{study}-{cell}-{seed}")
        for seed in SEEDS[:4]
        for cell in OTHER
    ]
    ledger.plan(study, Phase.ABLATE, trials, replace=True)
    for trial in trials:
        ledger.start(trial.id)
        ledger.complete(trial.id, outcome(OTHER[trial.cell], trial.config.seed))


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(home))
    yield ledger
    ledger.close()


def predictions(rate: float, seed: int) -> np.ndarray:
    return np.array(outcome(rate, seed).evaluations[0].predictions)


def test_cells_are_compared_as_the_report_compares_them(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("demo:reference", f"demo:{DOT}"))
    samples = PhaseReading.of(ledger, "demo", Phase.ABLATE).samples
    frame = frame_of(found.tables[0]).set_index("metric")
    for name in ("weighted_f1", "accuracy", "f1:joy"):
        expected = compare_cells(samples, "reference", Metric.named(name, LABELS))[DOT]
        for key in ("difference", "ci_low", "ci_high", "p_value"):
            assert frame.loc[name, key] == pytest.approx(getattr(expected, key))
    joy = [f1_score(GOLD, predictions(0.45, s), labels=[1], average="macro") for s in SEEDS]
    assert frame.loc["f1:joy", "mean_b"] == pytest.approx(np.mean(joy))
    corrected = frame.loc[[f"f1:{name}" for name in LABELS]]
    assert (corrected["p_corrected"] >= corrected["p_value"]).all()


@pytest.mark.parametrize("names", [("demo:reference", f"demo:{DOT}"), ("demo", "other")])
def test_intervals_and_p_values_belong_to_the_same_decision(
    ledger: Ledger, names: tuple[str, str]
) -> None:
    table = side_by_side(ledger, names).tables[0]
    assert {"CI (Holm)", "p (Holm)"} <= set(table.heading)
    frame = frame_of(table).dropna(subset=["p_corrected"])
    excludes = (frame["ci_low_corrected"] > 0) | (frame["ci_high_corrected"] < 0)
    assert list(excludes) == list(frame["p_corrected"] < 0.05)
    assert (frame["ci_low_corrected"] <= frame["ci_low"]).all()
    assert (frame["ci_high_corrected"] >= frame["ci_high"]).all()
    family = frame[frame["metric"].str.startswith("f1:")] if "metric" in frame else frame
    first = family.sort_values("p_value").iloc[0]
    # The smallest of m p-values is decided at 0.05 / m if at all.
    ends = first["ci_low_corrected"] * first["ci_high_corrected"]
    assert (first["p_value"] < 0.05 / len(family)) == (ends > 0)


def test_configuration_keys_that_differ_are_told_one_a_line(ledger: Ledger) -> None:
    lines = side_by_side(ledger, ("demo:reference", "other:reference")).lines
    assert "Configuration: 1 key differs." in lines
    assert any(line.startswith("  learning_rate: ") and "-> 0.002" in line for line in lines)
    assert not any("seed:" in line for line in lines)


def test_flips_are_counted_in_both_directions_over_the_common_seeds(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("demo:reference", "other:reference"))
    counts = frame_of(found.tables[1]).set_index(["a_right", "b_right"])["predictions"]
    pairs = [(predictions(0.7, s) == GOLD, predictions(0.6, s) == GOLD) for s in SEEDS[:4]]
    for a in (True, False):
        for b in (True, False):
            expected = sum(((x == a) & (y == b)).sum() for x, y in pairs)
            assert counts[a, b] == expected
    assert counts.sum() == 4 * len(GOLD)
    lost, gained = counts[True, False], counts[False, True]
    assert f"Right → wrong {lost}, wrong → right {gained}" in found.tables[1].caption
    accuracy = frame_of(found.tables[0]).set_index("metric").loc["accuracy"]
    assert accuracy["difference"] == pytest.approx((gained - lost) / counts.sum())
    assert "utterances as independent" in found.tables[1].notes[0]


def test_flipped_utterances_are_listed_the_most_frequent_first(ledger: Ledger) -> None:
    frame = frame_of(
        side_by_side(ledger, ("demo:reference", f"demo:{DOT}"), flips=10_000).tables[0]
    )
    expected = {
        (str(place), seed)
        for seed in SEEDS
        for place in np.flatnonzero(
            (predictions(0.7, seed) == GOLD) != (predictions(0.45, seed) == GOLD)
        )
    }
    assert set(zip(frame["utterance"], frame["seed_a"], strict=True)) == expected
    often = frame["utterance"].value_counts()
    assert often[frame["utterance"]].is_monotonic_decreasing
    row = frame.iloc[0]
    place = int(row["utterance"])
    assert row["label"] == LABELS[GOLD[place]]
    assert row["predicted_b"] == LABELS[predictions(0.45, row["seed_b"])[place]]
    assert row["conversation"] == f"c{place // 10}"


def test_trials_are_found_by_prefix_and_paired_whatever_their_seeds(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("ablate-reference-1001", "other-similarity=dot-1002"))
    assert any("Seeds 1001 and 1002 differ" in line for line in found.lines)
    accuracy = frame_of(found.tables[0]).set_index("metric").loc["accuracy"]
    expected = (predictions(0.45, 1002) == GOLD).mean() - (predictions(0.7, 1001) == GOLD).mean()
    assert accuracy["difference"] == pytest.approx(expected)
    assert accuracy["ci_low"] < expected < accuracy["ci_high"]
    same = side_by_side(ledger, ("ablate-reference-1001", "other-similarity=dot-1001"))
    assert any("One common seed only" in line for line in same.lines)


def test_a_trial_and_itself_differ_in_nothing(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("ablate-reference-1001", "ablate-reference-1001"), flips=5)
    assert "Configuration: 0 keys differ." in found.lines
    assert frame_of(found.tables[0]).empty
    scores = frame_of(found.tables[1])
    assert (scores["difference"] == 0).all()
    assert (scores["p_value"] == 1).all()


def test_other_data_are_shown_side_by_side_and_not_paired(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("demo:reference", "elsewhere:reference"))
    assert any("different data" in line for line in found.lines)
    assert "B − A" not in found.tables[0].heading
    assert len(found.tables) == 1


def test_studies_differ_in_their_files_and_pair_by_seed(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("demo", "other"), metric="accuracy")
    assert "  search.trials: 10 -> 12" in found.lines
    assert "Only in A (ablate): batch_size=8; similarity=cosine." in found.lines
    assert "Only in B (ablate): similarity=soft_hgr_textbook." in found.lines
    frame = frame_of(found.tables[0]).set_index("cell")
    assert list(frame.index) == ["reference", DOT]
    assert frame["same_configuration"].tolist() == [False, True]
    assert frame["pairs"].tolist() == [4, 4]
    assert frame.loc[DOT, "difference"] == 0
    expected = np.mean(
        [
            (predictions(0.6, s) == GOLD).mean() - (predictions(0.7, s) == GOLD).mean()
            for s in SEEDS[:4]
        ]
    )
    assert frame.loc["reference", "difference"] == pytest.approx(expected)
    assert found.tables[0].sections[0].lines[0].label == "reference *"


def test_studies_of_other_data_have_means_and_no_differences(ledger: Ledger) -> None:
    found = side_by_side(ledger, ("demo", "elsewhere"))
    assert any("The data differ (synthetic dddddddddddd and mosi" in line for line in found.lines)
    assert "The training code differs." in found.lines
    assert "difference" not in frame_of(found.tables[0])
    assert found.tables[0].sections[0].lines[0].cells[-1] == "–"


def test_costs_of_studies_are_paired_by_seed(ledger: Ledger) -> None:
    frame = frame_of(side_by_side(ledger, ("demo", "other"), metric="seconds").tables[0])
    assert frame["difference"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "sides", [("demo:reference", f"demo:{DOT}"), ("demo", "other"), ("demo", "elsewhere")]
)
def test_command_fits_a_hundred_columns(
    home: Path, capsys: pytest.CaptureFixture[str], sides: tuple[str, str]
) -> None:
    assert run(main, [*sides, "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("A = ")
    tables = [line for line in shown.splitlines() if "±" in line]
    assert tables
    assert max(map(len, tables)) <= 100


def test_csv_shows_the_scores_or_the_flips(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["demo:reference", f"demo:{DOT}", "--home", str(home), "--format", "csv"]
    assert run(main, arguments) == 0
    assert "mean_b" in pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert run(main, [*arguments, "--flips", "7"]) == 0
    assert len(pd.read_csv(io.StringIO(capsys.readouterr().out))) == 7


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["dmo", "other"], "did you mean 'demo'"),
        (["demo:refrence", "other:reference"], "did you mean 'reference'"),
        (["dmo:reference", "other:reference"], "did you mean 'demo'"),
        (["demo", "other:reference"], "such as demo:reference"),
        (["demo", "demo"], "the same study"),
        (["ablate", "demo:reference"], "ambiguous"),
        (["waiting", "demo:reference"], "only finished trials"),
        (["demo", "other", "--metric", "weigthed_f1"], "did you mean 'weighted_f1'"),
        (["demo", "other", "--flips", "3"], "name two"),
        (["demo:reference", f"demo:{DOT}", "--flips", "-1"], "above 0"),
        (["demo:reference", f"demo:{DOT}", "--metric", "accuracy"], "two studies"),
        (["demo", "other", "--format", "latex"], "latex"),
        (["demo"], "B"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], needle: str
) -> None:
    assert run(main, [*arguments, "--home", str(home)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert needle in captured.err
