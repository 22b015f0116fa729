"""Planned questions are corrected among themselves and stand first."""

from pathlib import Path

import pytest

from study.reporting.comparison_table import interval_text
from study.reporting.formats import render
from study.reporting.report import report_table
from study.stats.verdicts import correct
from tracking.home import Home
from tracking.ledger import Ledger

from ..reported import CELLS, SEEDS, fill, known, planned, put_study, rows_of_scores

QUESTIONS = {
    "is dot worse?": {
        "cell": {"similarity": "dot"},
        "side": "less",
        "smallest_difference": 0.02,
    },
    "gone?": {"cell": {"similarity": "soft_hgr"}, "side": "two", "smallest_difference": None},
}


@pytest.fixture
def asked(tmp_path: Path) -> Ledger:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger, spec={"questions": QUESTIONS})
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    return ledger


def test_they_are_a_family_of_their_own(asked: Ledger) -> None:
    rows = rows_of_scores(asked, "weighted_f1")
    reference, dot, *others = rows
    assert reference.is_reference
    assert (dot.cell, dot.question, dot.side) == ("similarity=dot", "is dot worse?", "less")
    assert dot.smallest_difference == 0.02
    assert dot.verdict == "worse"
    # One question, of one side: half of the two-sided p-value, corrected over nothing else.
    assert dot.p_corrected == pytest.approx(known(dot.p_value) / 2)
    assert dot.ci_low_corrected is None
    assert known(dot.ci_high_corrected) < 0
    assert [row.question for row in others] == [None, None]
    assert [row.p_corrected for row in others] == correct([known(r.p_value) for r in others])
    asked.close()


def test_a_question_of_crossed_factors_keeps_the_references_other_levels(tmp_path: Path) -> None:
    rates = {
        "reference": 0.8,
        "similarity=cosine, batch_size=8": 0.8,
        "similarity=dot, batch_size=16": 0.5,
        "similarity=dot, batch_size=8": 0.6,
    }
    cell = {"similarity": "dot"}
    question = {"cell": cell, "side": "two", "smallest_difference": None}
    factors = ["similarity", "batch_size", "backbone_options.layers"]
    grid = {"design": "grid", "factors": factors}
    ledger = Ledger.at(Home(tmp_path))
    reference = {"similarity": "cosine"}
    spec = {
        "base": {"batch_size": 16},
        "ablate": {**grid, "reference": reference},
        "questions": {"is dot worse?": question},
    }
    put_study(ledger, spec=spec)
    base = {"batch_size": 16, "similarity": "cosine"}
    trials = [planned(name, seed, base=base) for seed in SEEDS for name in rates]
    fill(ledger, trials, rates)
    rows = rows_of_scores(ledger, "weighted_f1")
    table = report_table(ledger, "demo")
    ledger.close()
    assert {row.cell: row.question for row in rows} == {
        **dict.fromkeys(rates),
        "similarity=dot, batch_size=16": "is dot worse?",
    }
    planned_row = table.rows[1]
    assert table.change_of(planned_row) == "similarity=dot"
    assert table.label_of(planned_row) == "is dot worse? similarity=dot"
    assert {table.label_of(row) for row in table.rows[2:]} == {"cosine, 8", "dot, 8"}


def test_tables_say_which_rows_were_planned(asked: Ledger) -> None:
    table = report_table(asked, "demo")
    text = render(table.as_table(), "markdown")
    assert "planned questions | is dot worse? similarity=dot" in text
    assert "similarity, exploratory" in text
    assert "over 1 planned question and, apart from these, over 2 exploratory comparisons" in text
    assert "Planned questions without a row: gone?." in text
    assert interval_text(table.rows[1]).startswith("≤ −")
    asked.close()
