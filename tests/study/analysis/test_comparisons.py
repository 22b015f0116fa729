"""The rows of a table carry the companions of the p-value, and the study says how it is judged."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sslcl.errors import InputError
from study.analysis.comparisons import Rules, refresh, write_comparisons
from study.analysis.reading import PhaseReading
from study.stats.comparison import compare_cells, standardised
from study.stats.metrics import Metric
from study.stats.permutation import permutation_tests
from study.stats.verdicts import correct
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase
from tracking.rows import ComparisonRow

from ..reported import CELLS, SEEDS, fill, known, planned, put_study, rows_of_scores


def filled(home: Path, **study: Any) -> Ledger:
    ledger = Ledger.at(Home(home))
    put_study(ledger, **study)
    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in CELLS], CELLS)
    return ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = filled(tmp_path)
    yield ledger
    ledger.close()


def rows_by_cell(ledger: Ledger, **rules: Any) -> dict[str, ComparisonRow]:
    rows = rows_of_scores(ledger, "weighted_f1", **rules)
    return {row.cell: row for row in rows}


def test_fields_equal_what_their_tests_say(ledger: Ledger) -> None:
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    metric = Metric("weighted_f1")
    found = compare_cells(reading.samples, "reference", metric)
    exchanged = permutation_tests(reading.samples, "reference", metric)
    rows = rows_by_cell(ledger)
    changed = [cell for cell in rows if cell != "reference"]
    for cell in changed:
        row = rows[cell]
        assert (row.pairs, row.p_permutation) == (5, exchanged[cell])
        assert row.p_equivalence == found[cell].p_equivalence
        assert (row.smallest_difference, row.correction) == (0.01, "holm")
    dot = rows["similarity=dot"]
    scores = {c: reading.samples[c].scores(metric) for c in ("similarity=dot", "reference")}
    assert dot.effect_size == standardised(scores["similarity=dot"] - scores["reference"])
    equivalence = correct([known(rows[cell].p_equivalence) for cell in changed])
    assert [rows[cell].p_equivalence_corrected for cell in changed] == equivalence


def test_verdicts_of_equal_worse_and_unclear_cells(ledger: Ledger) -> None:
    rows = rows_by_cell(ledger)
    assert {cell: row.verdict for cell, row in rows.items()} == {
        "reference": None,
        "similarity=dot": "worse",
        "similarity=cosine": "not shown",
        "batch_size=8": "equivalent",
    }
    assert rows["batch_size=8"].effect_size is None
    generous = rows_by_cell(ledger, smallest_difference=0.9)
    assert {row.verdict for row in generous.values()} == {None, "equivalent"}


def test_rows_are_stored_with_all_fields(ledger: Ledger) -> None:
    write_comparisons(ledger, "demo", Rules(0.02, "bh"))
    stored = ledger.comparisons("demo", Phase.ABLATE, "weighted_f1")
    expected = rows_by_cell(ledger, correction="bh", smallest_difference=0.02)
    assert stored == list(expected.values())
    assert {(row.correction, row.smallest_difference) for row in stored} == {("bh", 0.02)}
    reading = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    assert refresh(reading, "accuracy", Rules(correction="bh"))[0].correction == "bh"


def test_bh_is_never_stricter_than_holm(ledger: Ledger) -> None:
    holm, bh = rows_by_cell(ledger), rows_by_cell(ledger, correction="bh")
    for cell in set(holm) - {"reference"}:
        assert bh[cell].p_value == holm[cell].p_value
        assert known(bh[cell].p_corrected) <= known(holm[cell].p_corrected)


def test_the_study_says_how_it_is_judged_unless_told_otherwise(tmp_path: Path) -> None:
    ledger = filled(tmp_path, spec={"report": {"smallest_difference": 0.03, "correction": "bh"}})
    row = rows_by_cell(ledger)["similarity=dot"]
    assert (row.smallest_difference, row.correction) == (0.03, "bh")
    row = rows_by_cell(ledger, correction="holm")["similarity=dot"]
    assert (row.smallest_difference, row.correction) == (0.03, "holm")
    ledger.close()


@pytest.mark.parametrize("spec", [{}, {"report": None}, {"report": {}}])
def test_rules_have_defaults(ledger: Ledger, spec: dict[str, object]) -> None:
    study = replace(ledger.study("demo"), spec=spec)
    assert Rules.of(study) == Rules(0.01, "holm")


def test_seeds_that_do_not_pair_leave_no_verdict(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    trials = [planned("reference", 1001), planned("reference", 1002), planned("batch_size=8", 1003)]
    fill(ledger, trials, CELLS)
    row = rows_by_cell(ledger)["batch_size=8"]
    assert (row.pairs, row.difference, row.p_permutation, row.verdict) == (0, None, None, None)
    ledger.close()


def test_bad_rules_are_told(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="unknown correction 'bonferroni'"):
        rows_by_cell(ledger, correction="bonferroni")
    with pytest.raises(InputError, match="expected one above 0"):
        rows_by_cell(ledger, smallest_difference=0.0)


def test_permutation_never_goes_below_what_five_seeds_allow(ledger: Ledger) -> None:
    rows = rows_by_cell(ledger).values()
    values = [known(row.p_permutation) for row in rows if not row.is_reference]
    assert np.min(values) == 0.0625
