"""Several studies, one for each dataset, ranked by the command."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from sslcl.command import run
from study.report import main
from study.reporting.report import reading_of
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase, PlannedTrial, StudyRecord

from ..reported import LABELS, SEEDS, outcome, planned

RATES = {"reference": 0.6, "similarity=dot": 0.5, "similarity=cosine": 0.4}
"""Of soft_hgr, dot and cosine: each dataset agrees, but for its own level of difficulty."""
STUDIES = ("one", "two", "three", "four", "five", "six")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("ranks")
    ledger = Ledger.at(Home(home))
    put_studies(ledger)
    ledger.close()
    return home


def put_studies(ledger: Ledger) -> None:
    """One study a dataset, in which the levels rank alike."""
    for place, study in enumerate(STUDIES):
        ledger.put_study(
            StudyRecord(
                study,
                spec={},
                dataset=f"data{place}",
                data_fingerprint=f"{place}" * 64,
                label_names=LABELS,
                code_fingerprint="c" * 64,
                environment={},
            )
        )
        cells = {**RATES, "batch_size=8": 0.9}
        if study == "two":
            cells["similarity=soft_hgr_textbook"] = 0.9
        trials = []
        for cell in cells:
            for seed in SEEDS[:2]:
                base = planned(cell, seed)
                trials.append(
                    PlannedTrial(f"{study}-{base.id}", base.phase, cell, base.identity, base.config)
                )
        ledger.plan(study, Phase.ABLATE, trials, replace=True)
        for trial in trials:
            ledger.start(trial.id)
            rate = cells[trial.cell] + 0.02 * place
            ledger.complete(trial.id, outcome(rate, trial.config.seed))


def test_ranks_of_the_levels_that_all_studies_have(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*STUDIES, "--home", str(home), "--ranks", "similarity", "--metric", "accuracy"]
    assert run(main, arguments) == 0
    captured = capsys.readouterr()
    picture = home / "reports" / "ranks-similarity.png"
    assert captured.err == f"diagram: {picture}\n"
    assert image.imread(picture).shape[1] > 500
    for needle in (
        "Ranks of similarity over 6 datasets",
        "3 methods ranked on 6 datasets: they differ",
        "Not in all studies and left out: soft_hgr_textbook.",
    ):
        assert needle in " ".join(captured.out.split())
    assert max(map(len, captured.out.splitlines())) <= 100


def test_scores_ranked_are_means_over_seeds_with_the_other_factors_alike(
    home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ranks.csv"
    arguments = [*STUDIES, "--home", str(home), "--ranks", "similarity", "--metric", "accuracy"]
    assert run(main, [*arguments, "--format", "csv", "--out", str(out)]) == 0
    assert (tmp_path / "ranks.png").is_file()
    frame = pd.read_csv(io.StringIO(out.read_text())).set_index("similarity")
    assert frame["average_rank"].to_dict() == {"soft_hgr": 1.0, "dot": 2.0, "cosine": 3.0}
    expected = [outcome(0.6, seed).evaluations[0].metrics["accuracy"] for seed in SEEDS[:2]]
    assert frame.loc["soft_hgr", "one"] == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (["one", "two", "--ranks", "backbone"], "unknown factor 'backbone'"),
        (["one", "two", "--ranks", "batch_size"], "2 methods on 2 datasets"),
        (["one", "twoo", "--ranks", "similarity"], "did you mean 'two'"),
        (["one", "one", "--ranks", "similarity"], "of the same data"),
        ([*STUDIES, "--ranks", "similarity", "--out", "no/such/x.csv"], "cannot write"),
        (["one", "two", "--ranks", "similarity", "--by", "similarity"], "--by does not go"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], needle: str
) -> None:
    assert run(main, [*arguments, "--home", str(home)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert needle in captured.err


def test_readings_of_the_fixture_are_of_different_data(home: Path) -> None:
    ledger = Ledger.at(Home(home))
    prints = {reading_of(ledger, study).study_row.data_fingerprint for study in STUDIES}
    ledger.close()
    assert len(prints) == len(STUDIES)
