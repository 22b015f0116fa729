"""The comparison that MLflow opens on: which runs, in which groups, with which columns."""

import json
from pathlib import Path
from typing import Any

import pytest

from tracking.comparisons import comparison_of, comparisons, usual_address
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror.view import comparison_view
from tracking.records import StudyRecord

FACTORS: dict[str, Any] = {"objective": {}, "backbone_options.layers": {}}
ABLATION: dict[str, Any] = {
    "factors": FACTORS,
    "ablate": {"design": "one_factor"},
    "confirm": {"top": 1},
}
ADDRESS = "http://127.0.0.1:5000/#/experiments/7/runs?viewStateShareKey=comparison"


def test_an_ablation_is_grouped_by_cell_with_its_factors_as_columns() -> None:
    view = json.loads(comparison_view(ABLATION))
    assert view["searchFilter"] == "tags.phase = 'ablate' and tags.current = 'true'"
    assert view["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "cell"}]
    assert view["orderByKey"] == "metrics.`test_weighted_f1`"
    assert view["selectedColumns"] == [
        "metrics.`test_weighted_f1`",
        "tags.`objective`",
        "tags.`backbone_options.layers`",
        "params.`seed`",
    ]


@pytest.mark.parametrize(
    ("spec", "phase", "metric"),
    [
        ({**ABLATION, "ablate": {"design": "search"}}, "confirm", "test_weighted_f1"),
        ({"factors": FACTORS, "search": {"trials": 3}}, "search", "score"),
        ({**ABLATION, "criterion": "f1:in two words, or 3"}, "ablate", "test_f1:in two words"),
    ],
)
def test_the_last_phase_that_compares(spec: dict[str, Any], phase: str, metric: str) -> None:
    view = json.loads(comparison_view(spec))
    assert f"tags.phase = '{phase}'" in view["searchFilter"]
    assert view["orderByKey"].startswith(f"metrics.`{metric}")
    assert ("groupBy" in view) == (phase != "search")


def test_folds_have_a_column() -> None:
    assert (
        "params.`fold`"
        in json.loads(comparison_view({**ABLATION, "folds": "5"}))["selectedColumns"]
    )


def test_studies_that_mlflow_has_are_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = Home(tmp_path)
    ledger = Ledger.at(home)
    for name in ("mirrored", "not yet"):
        ledger.put_study(StudyRecord(name, {}, "synthetic", "d" * 64, ("a", "b"), "c" * 64, {}))
    ledger.set_mirror_study("mirrored", "7", "run", 1)
    assert list(comparisons(ledger, usual_address(home))) == [("mirrored", ADDRESS)]
    home.server_record.write_text(json.dumps({"uri": "http://127.0.0.1:5003"}))
    there = comparison_of(ledger, "mirrored", usual_address(home))
    assert there == ADDRESS.replace("5000", "5003")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@example.org/")
    given = comparison_of(ledger, "mirrored", usual_address(home))
    assert given == ADDRESS.replace("http://127.0.0.1:5000", "https://me:***@example.org")
    ledger.close()
