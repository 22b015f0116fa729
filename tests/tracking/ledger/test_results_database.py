"""docs/results-database.md: every column that there is, and queries that answer."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Diagnostic, FailureKind, Phase, PlannedTrial
from tracking.testing.ledger_cases import comparison, outcome, planned, put_study

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "results-database.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT, flags=re.DOTALL | re.MULTILINE)
SECTIONS = dict(re.findall(r"^### `?(.*?)`?\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE))
CONFIGURATION = "The configuration"
STUDY = "quickstart"
INFERENCE = {"latency_p50_ms": 1.5, "latency_p95_ms": 2.5, "flops_per_utterance": 1e6}
COMPARED = {
    "difference": -0.01, "ci_low": -0.02, "ci_high": 0.0,
    "ci_low_corrected": -0.03, "ci_high_corrected": 0.01, "p_corrected": 0.04, "verdict": "worse",
}  # fmt: skip
CELLS: dict[str, dict[str, Any]] = {"reference": {}, "similarity=dot": {"similarity": "dot"}}


def documented(section: str) -> list[str]:
    """The columns that a section explains, in order, those of the configuration among them."""
    columns: list[str] = []
    for first in re.findall(r"^\| (.*?) \|", SECTIONS[section], re.MULTILINE):
        if first == "(configuration)":
            columns += documented(CONFIGURATION)
        columns += re.findall(r"`(\w+)`", first)
    return columns


def train(ledger: Ledger, trials: list[PlannedTrial], *, test: bool) -> None:
    ledger.plan(STUDY, trials[0].phase, trials, replace=False)
    for trial in trials:
        ledger.start(trial.id)
        for epoch in (1, 2):
            ledger.record_epoch(trial.id, epoch, {"validation_weighted_f1": 0.25 * epoch})
        made = outcome(0.5, test=test)
        warned = Diagnostic("logit_std", 0.01, "the softmax over candidates is nearly uniform")
        cost = {**made.cost, **(INFERENCE if test else {})}
        ledger.complete(trial.id, replace(made, cost=cost, diagnostics=(*made.diagnostics, warned)))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A small study: a search, an ablation with a failure, and a trial taken from another."""
    home = tmp_path_factory.mktemp("home")
    ledger = Ledger.at(Home(home))
    put_study(ledger, STUDY)
    train(ledger, [planned("t", 0, study_name=STUDY, phase=Phase.SEARCH, number=0)], test=False)
    cells = [planned(c, s, study_name=STUDY, **own) for c, own in CELLS.items() for s in (1, 2)]
    train(ledger, cells, test=True)
    failed = planned("similarity=cosine", 1, study_name=STUDY, similarity="cosine")
    twin = planned("again", 1, study_name=STUDY)
    ledger.plan(STUDY, Phase.ABLATE, [failed, twin], replace=False)
    ledger.start(failed.id)
    ledger.fail(failed.id, FailureKind.NAN, "train_loss is not finite in epoch 1")
    ledger.cache(twin.id, cells[0].id)
    rows = [comparison(c, study=STUDY, **(COMPARED if own else {})) for c, own in CELLS.items()]
    ledger.put_comparisons(STUDY, Phase.ABLATE, "weighted_f1", rows)
    ledger.close()
    with closing(sqlite3.connect(f"file:{home / 'results.db'}?mode=ro", uri=True)) as opened:
        yield opened


def test_there_are_ten_questions() -> None:
    assert len(QUERIES) == 10


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_document_answers(connection: sqlite3.Connection, query: str) -> None:
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    assert rows
    assert len(names) == len(set(names))
    # A column of nothing would be a question that was not asked right.
    empty = [name for name, *values in zip(names, *rows, strict=True) if set(values) == {None}]
    assert empty == []


def test_all_tables_and_views_are_documented(connection: sqlite3.Connection) -> None:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    assert {name for (name,) in found} == SECTIONS.keys() - {CONFIGURATION}


@pytest.mark.parametrize("name", sorted(SECTIONS.keys() - {CONFIGURATION}))
def test_the_documented_columns_are_the_real_ones(
    connection: sqlite3.Connection, name: str
) -> None:
    real = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
    found = documented(name)
    assert len(found) == len(set(found))
    assert sorted(found) == sorted(real)


def test_every_field_of_the_configuration_is_documented() -> None:
    assert documented(CONFIGURATION) == list(TrialConfig.model_fields)
