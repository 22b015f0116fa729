"""Reads of a whole study agree with reading all of its trials."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.ledger.summaries import (
    failed_trials,
    scored_search_trials,
    status_counts,
    warnings_fired,
)
from tracking.records import (
    Diagnostic,
    FailureKind,
    Outcome,
    Phase,
    PlannedTrial,
    Status,
    StudyRecord,
)

COUNT = 25


def planned(number: int, phase: Phase = Phase.SEARCH) -> PlannedTrial:
    config = TrialConfig(seed=number)
    name = f"{phase.value}{number}"
    return PlannedTrial(name, phase, f"cell{number % 2}", f"i{number}", config, number)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """25 search trials of which each fifth failed; 4 in the ablation, one of them CACHED."""
    ledger = Ledger.at(Home(tmp_path))
    ledger.put_study(StudyRecord(
        "s", spec={}, dataset="synthetic", data_fingerprint="d", label_names=["a"],
        code_fingerprint="c", environment={},
    ))  # fmt: skip
    searched = [planned(number) for number in range(COUNT)]
    ablated = [planned(number, Phase.ABLATE) for number in range(4)]
    ledger.plan("s", Phase.SEARCH, searched, replace=True)
    ledger.plan("s", Phase.ABLATE, ablated, replace=True)
    for trial in (*searched, *ablated[1:]):
        ledger.start(trial.id)
        number = trial.number or 0
        if trial.phase is Phase.SEARCH and number % 5 == 2:
            ledger.fail(trial.id, FailureKind.NAN, "loss")
            continue
        found = (Diagnostic("x", 1.0, "odd" if number % 2 else "even"), Diagnostic("y", 1.0))
        ledger.complete(trial.id, Outcome(1, 1, number / 100, diagnostics=found))
    ledger.cache(ablated[0].id, searched[0].id)
    yield ledger
    ledger.close()


def test_counts_are_those_of_all_trials(ledger: Ledger) -> None:
    expected = Counter((row.phase, row.status) for row in ledger.trials("s"))
    assert status_counts(ledger.engine, "s") == expected
    assert expected[Phase.SEARCH, Status.FAILED] == 5


def test_search_is_thinned_evenly_by_number(ledger: Ledger) -> None:
    scored = [r.number for r in ledger.trials("s", phase=Phase.SEARCH, status=Status.COMPLETE)]
    everything, total = scored_search_trials(ledger.engine, "s", 20)
    assert ([row.number for row in everything], total) == (scored, 20)
    some, total = scored_search_trials(ledger.engine, "s", 7)
    assert ([row.number for row in some], total) == ([n for n in scored if (n or 0) % 3 == 0], 20)


def test_failures_are_the_first_ones(ledger: Ledger) -> None:
    assert failed_trials(ledger.engine, "s", 3) == ledger.trials("s", status=Status.FAILED)[:3]


def test_warnings_are_counted_by_cell_and_for_the_search_as_a_whole(ledger: Ledger) -> None:
    expected: Counter[tuple[str, str, str, str]] = Counter()
    for row in ledger.trials("s"):
        for item in ledger.diagnostics(row.id):
            if item.warning:
                cell = "" if row.phase is Phase.SEARCH else row.cell
                expected[item.name, item.warning, row.phase.value, cell] += 1
    found = warnings_fired(ledger.engine, "s")
    assert {(f.name, f.warning, f.phase.value, f.cell): f.trials for f in found} == expected
    assert ("x", "even", "ablate", "cell0") in expected
