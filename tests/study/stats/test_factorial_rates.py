"""Tables of effects err as often as they say; see ``benchmarks/factorial.py``."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.factorial import Crossed, family_wise_error, grid, power
from benchmarks.statistics import most
from study.stats.crossed_effects import odd_cells

SETTINGS = dict(grid())
REPEATS = 500


@pytest.mark.parametrize("name", SETTINGS)
def test_false_effects_in_a_table_stay_at_five_percent(name: str) -> None:
    assert family_wise_error(SETTINGS[name], REPEATS, seed=3) <= most(REPEATS)


@pytest.mark.parametrize("levels", [(2, 2), (3, 3), (2, 2, 2)])
def test_shared_variances_find_what_own_variances_miss(levels: tuple[int, ...]) -> None:
    setting = Crossed(levels, seeds=3, effect=3.0)
    alone = power(replace(setting, moderated=False), REPEATS)
    assert power(setting, REPEATS) > alone + 0.15


def test_a_cell_far_above_the_others_is_odd() -> None:
    assert list(odd_cells(np.array([1.0, 1.1, 0.9, 40.0]), 4.0)) == [False] * 3 + [True]
    assert not odd_cells(np.array([1.0, 1.1, 0.9, 1.4]), 4.0).any()
