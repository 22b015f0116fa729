"""Tables err as often as they say, in every setting of a grid; see ``benchmarks/statistics.py``."""

import numpy as np
import pytest

from benchmarks.statistics import (
    COLLAPSING,
    LEVEL,
    PLANTED_SETTING,
    UNEQUAL,
    Setting,
    family_wise_error,
    grid,
    holm_rejections,
    most,
    power,
)
from study.stats.comparison import summarise
from study.stats.decisions import decide
from study.stats.moderation import moderate
from study.stats.spread import Spread, moderated

SETTINGS = dict(grid())
REPEATS = 500


@pytest.mark.parametrize("name", SETTINGS)
def test_false_claims_in_a_table_stay_at_five_percent(name: str) -> None:
    assert family_wise_error(SETTINGS[name], REPEATS, seed=3) <= most(REPEATS)


def test_shared_variances_find_what_own_variances_miss() -> None:
    found, alone = (
        power(Setting(5, 93, moderated=m, **PLANTED_SETTING), REPEATS) for m in (True, False)
    )
    assert alone < 0.2
    assert found > 0.33


@pytest.mark.parametrize("spread", [UNEQUAL, COLLAPSING])
def test_rows_of_unlike_variance_cost_no_power_at_five_seeds(spread: tuple[float, ...]) -> None:
    found, alone = (
        power(Setting(5, 93, moderated=m, spread=spread, **PLANTED_SETTING), REPEATS)
        for m in (True, False)
    )
    assert found > alone


def test_the_fast_simulation_decides_as_the_tables_do() -> None:
    setting = Setting(4, 12, effects=(0.0, 3.0, 1.0, 0.5), spread=(1.0,) * 4)
    rng = np.random.default_rng(5)
    for _ in range(20):
        variances = rng.chisquare(3, 4) * 0.3 * np.array([1.0, 1.0, 1.0, 30.0])
        differences, between = rng.normal(0, 3, 4), rng.uniform(0.05, 0.3, 4)
        own = {
            str(i): Spread(variances[i] / 4, between[i], 0.0, 4, 12, widened=True) for i in range(4)
        }
        spreads = moderated(own)
        rows = {
            name: summarise(np.zeros(4), np.full(4, differences[int(name)]), spread, np.nan)
            for name, spread in spreads.items()
        }
        decisions = decide(rows)
        fast = holm_rejections(
            np.abs(differences)[None],
            moderate(4 * np.array([[before.by_seed for before in own.values()]]), np.full(4, 3.0)),
            between[None],
            setting,
        )[0]
        assert [d.p_corrected < LEVEL for d in decisions.values()] == list(fast)
