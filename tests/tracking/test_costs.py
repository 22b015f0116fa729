"""Every list of costs is the one table of them."""

from dataclasses import fields

from tracking.costs import COSTS
from tracking.ledger.schema import TRIALS
from tracking.ledger.views import view_texts
from tracking.rows import TrialRow


def test_every_cost_is_a_column_and_a_field_of_a_trial_in_the_same_order() -> None:
    names = list(COSTS)
    assert set(names) <= set(TRIALS.c.keys())
    assert [field.name for field in fields(TrialRow) if field.name in COSTS] == names
    assert [cost.column for cost in COSTS.values()] == names


def test_the_cost_view_has_every_cost() -> None:
    for name in COSTS:
        assert name in view_texts()["cost"]


def test_only_throughput_is_better_when_it_is_more() -> None:
    better = [name for name, cost in COSTS.items() if cost.more_is_better]
    assert better == ["utterances_per_second"]
