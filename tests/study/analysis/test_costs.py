"""Costs are compared over the seeds alone, by the tests one would look up."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from benchmarks.cost_tables import KINDS, family_wise_error, power
from benchmarks.statistics import most
from sslcl.errors import InputError
from study.analysis.costs import compare_costs, cost_rows
from study.analysis.reading import PhaseReading
from study.stats.moderation import moderate
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Phase

from ..reported import CELLS, SEEDS, fill, planned, put_study
from ..stats.chance import most_false_positives


def test_agrees_with_the_paired_t_test() -> None:
    rng = np.random.default_rng(41)
    base, cell = rng.normal(60, 5, 6), rng.normal(63, 5, 6)
    values = {
        "reference": dict(enumerate(base)),
        "other": dict(reversed(list(enumerate(cell)))),
    }
    row = compare_costs(values, "reference")["other"]
    expected = scipy_stats.ttest_rel(cell, base)
    low, high = expected.confidence_interval()
    assert (row.ci_low, row.ci_high) == pytest.approx((low, high))
    assert row.p_value == pytest.approx(expected.pvalue)
    assert row.mean == pytest.approx(cell.mean())
    assert np.isnan(row.p_equivalence)


def test_variances_are_moderated_in_units_of_the_costs_size() -> None:
    rng = np.random.default_rng(43)
    sizes = {"reference": 60.0, "a": 60.0, "b": 120.0, "c": 30.0, "d": 240.0}
    values = {name: size * np.exp(0.05 * rng.normal(size=5)) for name, size in sizes.items()}
    compared = compare_costs({k: dict(enumerate(v)) for k, v in values.items()}, "reference")
    base = values.pop("reference")
    scales = np.array([own.mean() ** 2 + base.mean() ** 2 for own in values.values()])
    variances = np.array([(own - base).var(ddof=1) for own in values.values()])
    shared = moderate(variances / scales, np.full(4, 4.0))
    assert shared.prior_freedom > 0
    for i, (name, own) in enumerate(values.items()):
        error = np.sqrt(shared.variances[i] * scales[i] / 5)
        half = scipy_stats.t.ppf(0.975, shared.freedom[i]) * error
        assert compared[name].ci_high - (own - base).mean() == pytest.approx(half)
        distance = abs((own - base).mean()) / error
        expected = 2 * scipy_stats.t.sf(distance, shared.freedom[i])
        assert compared[name].p_value == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_false_claims_in_a_table_stay_at_five_percent(kind: str, seeds: int) -> None:
    assert family_wise_error(kind, seeds, 1000) <= most(1000)


def test_shared_variances_find_what_own_variances_miss() -> None:
    assert power(3, 500) > power(3, 500, moderated=False) + 0.1


def test_no_effect_and_known_effect() -> None:
    rng = np.random.default_rng(42)
    runs = 1000
    false = covered = 0
    for _ in range(runs):
        machine = rng.normal(60, 10, 4)
        base, same = machine + rng.normal(0, 2, 4), machine + rng.normal(0, 2, 4)
        cells = {"reference": base, "same": same, "slower": same + 5}
        found = compare_costs({k: dict(enumerate(v)) for k, v in cells.items()}, "reference")
        false += found["same"].p_value < 0.05
        covered += found["slower"].ci_low <= 5 <= found["slower"].ci_high
    assert false / runs <= most_false_positives(runs)
    assert covered / runs >= 1 - most_false_positives(runs)


def test_what_does_not_vary_is_known_and_what_is_missing_is_not() -> None:
    same = dict.fromkeys(range(3), 1000.0)
    more = dict.fromkeys(range(3), 1200.0)
    found = compare_costs(
        {"reference": same, "twin": same, "more": more, "one": {0: 5.0}}, "reference"
    )
    assert (found["twin"].difference, found["twin"].p_value) == (0, 1)
    assert (found["more"].ci_low, found["more"].ci_high, found["more"].p_value) == (200, 200, 0)
    assert found["one"].pairs == 1
    assert np.isnan([found["one"].ci_low, found["one"].p_value]).all()


@pytest.fixture
def reading(tmp_path: Path) -> PhaseReading:
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger)
    seconds = {"reference": 20.0, "similarity=dot": 30.0, "batch_size=8": 20.0}
    trials = [planned(cell, seed) for seed in SEEDS for cell in seconds]

    def cost(cell: str, seed: int) -> dict[str, float]:
        taken = seconds[cell] + np.random.default_rng([seed, len(cell)]).normal(0, 0.3)
        return {"seconds": taken, "utterances_per_second": 1000 / taken}

    fill(ledger, trials, CELLS, cost)
    found = PhaseReading.of(ledger, "demo", Phase.ABLATE)
    ledger.close()
    return found


def test_rows_are_in_the_costs_own_unit_and_less_is_better(reading: PhaseReading) -> None:
    rows = {row.cell: row for row in cost_rows(reading, "seconds")}
    assert list(rows) == ["reference", "similarity=dot", "batch_size=8"]
    dot = rows["similarity=dot"]
    assert dot.difference == pytest.approx(10, abs=0.5)
    assert (dot.verdict, rows["batch_size=8"].verdict) == ("worse", "not shown")
    assert dot.p_permutation == 0.0625
    assert dot.p_value is not None
    assert dot.p_corrected is not None
    assert dot.p_value <= dot.p_corrected < 0.05
    assert (dot.smallest_difference, dot.p_equivalence) == (None, None)
    assert (rows["reference"].verdict, rows["reference"].difference) == (None, None)


def test_more_throughput_is_better(reading: PhaseReading) -> None:
    row = {row.cell: row for row in cost_rows(reading, "utterances_per_second")}["similarity=dot"]
    assert row.difference is not None
    assert row.difference < 0
    assert row.verdict == "worse"


def test_planned_questions_are_corrected_among_themselves(tmp_path: Path) -> None:
    ledger = Ledger.at(Home(tmp_path))
    asked = {"cell": {"batch_size": 8}, "side": "less", "smallest_difference": None}
    put_study(ledger, spec={"questions": {"Do small batches cost?": asked}})
    seconds = {"reference": 20.0, "similarity=dot": 20.0, "batch_size=8": 21.0}

    def cost(cell: str, seed: int) -> dict[str, float]:
        return {"seconds": seconds[cell] + np.random.default_rng([seed, len(cell)]).normal(0, 0.3)}

    fill(ledger, [planned(cell, seed) for seed in SEEDS for cell in seconds], CELLS, cost)
    rows = cost_rows(PhaseReading.of(ledger, "demo", Phase.ABLATE), "seconds")
    ledger.close()
    assert [row.cell for row in rows] == ["reference", "batch_size=8", "similarity=dot"]
    # The question is of scores, for which less is worse: of costs it is asked both ways.
    assert (rows[1].question, rows[1].side) == ("Do small batches cost?", "two")
    assert rows[1].p_corrected == rows[1].p_value
    assert rows[1].verdict == "worse"
    assert rows[2].question is None


def test_unknown_and_unmeasured_costs_are_told(reading: PhaseReading) -> None:
    with pytest.raises(InputError, match="did you mean 'seconds'"):
        cost_rows(reading, "second")
    with pytest.raises(InputError, match=r"no finished trial .* has 'flops_per_utterance'"):
        cost_rows(reading, "flops_per_utterance")
    assert COSTS["utterances_per_second"].more_is_better
