"""What mattered in a search, from the command line."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sslcl.command import run
from sslcl.validation import Scalar
from study.analysis.importance import search_importance
from study.design.tuning import search_of
from study.report import main
from study.reporting.table import TABLE_FORMATS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..execution.simulated import DATA, make_study, outcome, put_study


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("search")
    study = make_study(
        factors={
            "similarity": ["dot", "cosine"],
            "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        }
    )
    rng = np.random.default_rng(5)
    ledger = Ledger.at(Home(home))
    put_study(ledger, study)
    trials = []
    for number in range(20):
        drawn: dict[str, Scalar] = {
            "similarity": str(rng.choice(["dot", "cosine"])),
            "learning_rate": float(10 ** rng.uniform(-4, -2)),
        }
        trials.append(search_of(study).trial(number, drawn, DATA))
    ledger.plan(study.name, Phase.SEARCH, trials, replace=True)
    for trial in trials:
        ledger.start(trial.id)
        ledger.complete(trial.id, outcome(trial.config, 3))
    ledger.close()
    return home


@pytest.mark.parametrize("form", TABLE_FORMATS)
def test_importance_in_every_format(
    home: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    ledger = Ledger.at(Home(home))
    study = ledger.studies()[0].name
    found = search_importance(ledger, study)
    ledger.close()
    assert run(main, [study, "--home", str(home), "--importance", "--format", form]) == 0
    shown = capsys.readouterr().out
    if form == "csv":
        frame = pd.read_csv(io.StringIO(shown)).set_index("factor")
        for factor in found.factors:
            assert frame.loc[factor.factor, "importance"] == pytest.approx(factor.importance)
            assert frame.loc[factor.factor, "region"] == factor.region
        return
    text = " ".join(shown.replace("\\", "").split())
    assert f"{100 * found.factors[0].importance:.1f}" in text
    assert "median" in text
    assert "20 finished trials" in text
    if form == "terminal":
        assert max(map(len, shown.splitlines())) <= 100
