"""Stored comparisons are reused exactly as long as they follow from what is in the ledger."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from sslcl import source_code
from study.analysis import comparisons, digest, reading
from study.analysis.comparisons import Rules, refresh, write_comparisons
from study.analysis.digest import COMPARISONS_MAKER, EFFECTS_MAKER, comparison_digest
from study.analysis.reading import PhaseReading
from study.reporting.report import report_table
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

from ..reported import CELLS, SEEDS, fill, outcome, planned, put_study, rows_of_scores

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.at(Home(tmp_path))
    put_study(made)
    fill(made, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    write_comparisons(made, "demo")
    yield made
    made.close()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The metrics that are computed from here on."""
    seen: list[str] = []
    compute = comparisons.score_rows

    def watched(reading: PhaseReading, metric: str, rules: Rules) -> list[ComparisonRow]:
        seen.append(metric)
        return compute(reading, metric, rules)

    monkeypatch.setattr(comparisons, "score_rows", watched)
    return seen


def test_nothing_is_computed_or_read_again_while_nothing_changes(
    ledger: Ledger, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(*_: object) -> None:
        raise AssertionError("predictions were read")

    expected = rows_of_scores(ledger, "weighted_f1")
    computed.clear()
    monkeypatch.setattr(reading, "confusions", unread)
    table = report_table(ledger, "demo")
    assert list(table.rows) == expected
    assert "20 conversations, 200 utterances" in table.caption
    write_comparisons(ledger, "demo")
    assert computed == ["weighted_f1", "macro_f1", "accuracy"]  # of the phase without trials
    assert ledger.comparisons("demo", Phase.CONFIRM) == []


def test_a_report_reads_its_own_phase_alone(ledger: Ledger) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_: object, cursor: object, statement: str, parameters: Any, *rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    report_table(ledger, "demo")
    event.remove(ledger.engine, "before_cursor_execute", note)
    assert len(asked) > 4
    with ledger.engine.connect() as connection:
        for statement, parameters in asked:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = [str(step[3]) for step in steps]
            assert not [step for step in plan if step.startswith("SCAN")], (statement, plan)
            trials = [step for step in plan if re.search(r"\b(t|trials) USING", step)]
            assert all("study=? AND phase=?" in s or "(id=?)" in s for s in trials), plan


def test_a_new_trial_a_lost_one_and_a_new_order_are_news(
    ledger: Ledger, computed: list[str]
) -> None:
    trials = [planned(cell, seed) for seed in SEEDS for cell in CELLS]
    more = planned("batch_size=4", SEEDS[0])
    ledger.plan("demo", Phase.ABLATE, [*trials, more], replace=True)
    ledger.start(more.id)
    ledger.complete(more.id, outcome(0.5, SEEDS[0]))
    assert len(report_table(ledger, "demo").rows) == len(CELLS) + 1
    ledger.plan("demo", Phase.ABLATE, trials[:-1], replace=True)
    counts = {row.cell: row.n for row in report_table(ledger, "demo").rows}
    assert counts[trials[-1].cell] == len(SEEDS) - 1
    ledger.plan("demo", Phase.ABLATE, list(reversed(trials)), replace=True)
    cells = [row.cell for row in report_table(ledger, "demo").rows]
    assert cells == ["reference", "similarity=cosine", "similarity=dot", "batch_size=8"]
    assert computed == ["weighted_f1"] * 3


def test_other_rules_data_code_and_libraries_are_news(
    ledger: Ledger, computed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    refresh(reading, "accuracy", Rules(0.2))
    assert ledger.comparisons("demo", Phase.ABLATE, "accuracy")[1].smallest_difference == 0.2
    refresh(reading, "accuracy", Rules(0.2, "bh"))
    assert ledger.comparisons("demo", Phase.ABLATE, "accuracy")[1].correction == "bh"
    revision = ledger.study("demo").revision
    monkeypatch.setattr(digest, "_code", lambda maker: "other")
    refresh(reading, "accuracy", Rules(0.2, "bh"))
    assert computed == ["accuracy"] * 3
    # The same rows again: only what they follow from has changed, and that is no news to show.
    assert ledger.study("demo").revision == revision
    refresh(reading, "accuracy", Rules(0.2, "bh"))
    assert computed == ["accuracy"] * 3


def test_the_digest_tells_everything_apart(ledger: Ledger) -> None:
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    study, trials, rules = reading.study_row, reading.trials, asdict(Rules())
    first = trials[0]
    config = first.config.replace(seed=7)
    digests = {
        comparison_digest(study, trials, "accuracy", rules),
        comparison_digest(study, trials, "macro_f1", rules),
        comparison_digest(study, trials[1:], "accuracy", rules),
        comparison_digest(study, trials[::-1], "accuracy", rules),
        comparison_digest(study, trials, "accuracy", rules | {"correction": "bh"}),
        comparison_digest(replace(study, data_fingerprint="e"), trials, "accuracy", rules),
        comparison_digest(replace(study, label_names=("a",)), trials, "accuracy", rules),
        *(
            comparison_digest(study, (replace(first, **change), *trials[1:]), "accuracy", rules)
            for change in ({"revision": 99}, {"cell": "other"}, {"config": config})
        ),
    }
    assert len(digests) == 10
    assert comparison_digest(study, trials, "accuracy", rules) in digests


def test_which_trials_are_scored_agrees_with_the_predictions(ledger: Ledger) -> None:
    ledger.plan("demo", Phase.ABLATE, [planned("batch_size=2", SEEDS[0])], replace=False)
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    assert reading.scored.trials == set(reading.tested.trials)
    assert reading.scored.conversations == len(reading.tested.conversations)
    assert reading.scored.utterances == reading.tested.counts[0].sum()


def test_a_report_of_stored_rows_loads_no_heavy_library() -> None:
    script = (
        "import sys, study.report;"
        "print([m for m in ('torch', 'scipy', 'pandas', 'matplotlib', 'ray', 'optuna', 'mlflow')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("maker", "module"),
    [
        (COMPARISONS_MAKER, "study.stats.comparison"),
        (COMPARISONS_MAKER, "study.stats.verdicts"),
        (COMPARISONS_MAKER, "tracking.ledger.predictions"),
        (EFFECTS_MAKER, "study.analysis.factorial"),
        (EFFECTS_MAKER, "study.stats.crossed_effects"),
        (EFFECTS_MAKER, "study.reporting.units"),
        (EFFECTS_MAKER, "tracking.costs"),
        (EFFECTS_MAKER, "sslcl.levels"),
    ],
)
def test_the_digest_covers_the_code_that_a_table_follows_from(
    maker: str, module: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, trials = ledger.study("demo"), ledger.trials("demo", phase=Phase.ABLATE)
    essence = source_code.essence

    def taken() -> str:
        source_code.code_digest.cache_clear()
        return comparison_digest(study, trials, "accuracy", {}, maker)

    before = taken()
    monkeypatch.setattr(
        source_code, "essence", lambda name: essence(name) + "edited" * (name == module)
    )
    assert taken() != before
    source_code.code_digest.cache_clear()
