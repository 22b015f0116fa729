"""Pivots average what they say over what they say, in every design, and test the interaction."""

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sslcl.command import run
from sslcl.errors import InputError
from study.analysis.factorial import factorial_of
from study.analysis.marginal_means import cross
from study.analysis.reading import PhaseReading
from study.report import main
from study.reporting.formats import render
from study.reporting.pivot_table import pivot_table
from study.reporting.report import ReportOptions, reading_of, report_tables, show_report
from study.reporting.table import TABLE_FORMATS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..crossed import LEVELS, SPEC, grid_ledger, score_of
from ..reported import CELLS, SEEDS, fill, planned, put_study


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("grid")
    grid_ledger(home).close()
    return home


@pytest.fixture
def reading(home: Path) -> Iterator[PhaseReading]:
    ledger = Ledger.at(Home(home))
    yield reading_of(ledger, "demo")
    ledger.close()


def test_grid_is_averaged_over_the_other_factors_then_over_seeds(reading: PhaseReading) -> None:
    crossing = cross(reading, "accuracy", ("similarity", "batch_size"))
    assert crossing.notes == ()
    for similarity, batch in product(LEVELS["similarity"], LEVELS["batch_size"]):
        by_seed = [
            np.mean([score_of((similarity, batch, depth), seed) for depth in (1, 2)])
            for seed in SEEDS
        ]
        found = crossing.means[similarity, str(batch)]
        assert found.mean == pytest.approx(np.mean(by_seed))
        assert found.sd == pytest.approx(np.std(by_seed, ddof=1))
        assert found.n == 10


def test_one_factor_design_does_not_mix_in_cells_that_differ_in_another_factor(
    tmp_path: Path,
) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    reading = reading_of(ledger, "demo")
    means = cross(reading, "accuracy", ("similarity",)).means
    one = reading.samples["reference"].confusion.sum(1)
    expected = np.mean([np.trace(counts) / counts.sum() for counts in one])
    assert means["soft_hgr",].mean == pytest.approx(expected)
    assert means["soft_hgr",].n == 5
    table = pivot_table(reading, "accuracy", "similarity", "batch_size")
    assert "does not cross its factors" in table.notes[0]
    assert "–" in {text for line in table.sections[0].lines for text in line.cells}
    ledger.close()


def test_fraction_is_averaged_over_its_own_settings_and_says_so(reading: PhaseReading) -> None:
    kept = {
        (similarity, batch, 1 + (place + index) % 2)
        for index, similarity in enumerate(LEVELS["similarity"])
        for place, batch in enumerate(LEVELS["batch_size"])
    }
    trials = [
        trial
        for trial in reading.trials
        if (
            trial.config.similarity,
            trial.config.batch_size,
            trial.config.label_embedding_depth,
        )
        in kept
    ]
    crossing = cross(
        replace(reading, trials=tuple(trials)), "accuracy", ("similarity", "batch_size")
    )
    assert "as far as the design is balanced" in crossing.notes[0]
    assert {mean.n for mean in crossing.means.values()} == {5}


def test_seed_that_lacks_a_trial_is_left_out_of_that_mean(reading: PhaseReading) -> None:
    trials = [t for t in reading.trials if (t.cell, t.config.seed) != ("reference", SEEDS[0])]
    crossing = cross(
        replace(reading, trials=tuple(trials)), "accuracy", ("similarity", "batch_size")
    )
    assert set(crossing.means["cosine", "8"].by_seed) == set(SEEDS[1:])
    assert crossing.means["cosine", "16"].n == 10
    assert "Seeds that lack a trial" in crossing.notes[0]


def test_interaction_below_a_pivot_is_that_of_the_analysis(reading: PhaseReading) -> None:
    table = pivot_table(reading, "accuracy", "batch_size", "similarity")
    effects = {effect.name: effect for effect in factorial_of(reading, "accuracy").effects}
    found = effects["similarity × batch_size"]
    assert f"F({found.df}, " in table.notes[0]
    assert f"= {found.f:.2f}, p < 0.001" in table.notes[0]


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_pivot_in_every_format_marks_the_best(reading: PhaseReading, form: str) -> None:
    table = pivot_table(reading, "accuracy", "similarity", "batch_size")
    text = render(table, form)
    if form == "csv":
        frame = pd.read_csv(io.StringIO(text))
        assert frame["best"].iloc[frame["mean"].argmax()]
        assert set(frame["n"]) == {10}
        assert len(frame) == 6
    else:
        assert "*" in text
        assert "Interaction" in text
    assert "soft" in text


def test_pivot_of_a_cost_takes_the_least_as_best(reading: PhaseReading) -> None:
    table = pivot_table(reading, "seconds", "similarity", "batch_size")
    assert "Training time" in table.title
    assert all(text.endswith("*") for line in table.sections[0].lines for text in line.cells)


def test_default_report_of_a_grid_tells_effects_and_csv_holds_one_table(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demo", "--home", str(home), "--metric", "accuracy"]
    assert run(main, arguments) == 0
    both = capsys.readouterr().out
    assert run(main, [*arguments, "--effects"]) == 0
    effects = capsys.readouterr().out
    assert both.endswith(effects)
    assert both.index("Ablation of demo") < both.index("Effects of the factors of demo")
    for needle in ("similarity × batch_size", "partial", "Shapiro-Wilk", "Levene", "(1 → 2)"):
        assert needle in effects
    assert run(main, [*arguments, "--format", "csv"]) == 0
    assert len(pd.read_csv(io.StringIO(capsys.readouterr().out))) == 12
    assert run(main, [*arguments, "--effects", "--format", "csv"]) == 0
    frame = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert "partial_eta_squared" in frame
    assert frame["effect"].tolist()[:3] == list(LEVELS)


def test_report_after_a_run_tells_the_effects_too(home: Path) -> None:
    ledger = Ledger.at(Home(home))
    printed = io.StringIO()
    console = Console(file=printed, width=100)
    show_report(ledger, "demo", console)
    ledger.close()
    shown = printed.getvalue()
    assert shown.index("Ablation of demo") < shown.index("Effects of the factors of demo")


def test_report_of_a_part_in_which_nothing_is_crossed_is_the_table_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--where", "similarity=dot", "--where", "label_embedding_depth=1"]
    assert run(main, ["demo", "--home", str(home), *where]) == 0
    assert "Effects" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["--pivot", "similarty", "batch_size"], "did you mean 'similarity'"),
        (["--pivot", "similarity", "similarity"], "two different factors"),
        (["--pivot", "similarity", "batch_size", "--by", "similarity"], "--by does not go with"),
        (["--pivot", "similarity", "batch_size", "--effects"], "not allowed with"),
        (["--pivot", "similarity", "batch_size", "--metric", "second"], "mean 'seconds'"),
        (["--effects", "--metric", "weigthed_f1"], "did you mean 'weighted_f1'"),
        (["--importance"], "has no search"),
        (["--importance", "--where", "seed=1001"], "--where does not go with --importance"),
        (["--importance", "--metric", "accuracy"], "weighted_f1"),
        (["--smallest-difference", "1"], "0.01 for one point"),
        (["--smallest-difference", "0.01", "--metric", "seconds"], "does not go with the cost"),
        (["--metric", "latency_p50_ms"], "has 'latency_p50_ms'"),
        (["--correction", "bonferroni"], "bonferroni"),
        (["other"], "--ranks FACTOR"),
        (["--ranks", "similarity"], "1 datasets"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], needle: str
) -> None:
    assert run(main, ["demo", *arguments, "--home", str(home)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert needle in captured.err


def test_effects_need_a_design_that_crosses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one_factor = {**SPEC, "ablate": {**SPEC["ablate"], "design": "one_factor"}}
    grid_ledger(tmp_path, one_factor).close()
    assert run(main, ["demo", "--home", str(tmp_path), "--effects"]) == 2
    assert "expected an ablation of the design grid or fractional" in capsys.readouterr().err


def test_unknown_factor_names_the_nearest(reading: PhaseReading) -> None:
    with pytest.raises(InputError, match="did you mean 'similarity'"):
        cross(reading, "accuracy", ("simlarity",))


def test_a_report_with_effects_reads_each_phase_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.at(Home(home))
    phases: list[object] = []
    read = ledger.trials

    def watched(study: str, **chosen: Any) -> Any:
        phases.append(chosen["phase"])
        return read(study, **chosen)

    monkeypatch.setattr(ledger, "trials", watched)
    tables = report_tables(ledger, "demo", ReportOptions())
    ledger.close()
    assert len(tables) == 2
    assert phases == [Phase.ABLATE]
