"""Seeds that chose the reference favour it; fresh ones do not. Scores are drawn, nothing trains."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from sslcl.metrics import Floats
from study.design.fresh_seeds import fresh_seeds
from tracking.records import Phase

STUDIES, CANDIDATES, SEEDS = 20_000, 4, 5
SD = 0.01
"""Standard deviation of a score over seeds: one point."""
SHARED = 0.5
"""Correlation over seeds between validation and test score."""


def paired_differences(reference: Phase) -> Floats:
    """``(studies, seeds)`` test differences of a row to the reference; none truly differs.

    All candidates and the row have the same expected score. The candidate with the best mean on
    validation over the confirmation's seeds becomes the reference, and both are compared by the
    seeds of the phase ``reference``.
    """
    rng = np.random.default_rng(11)
    confirm, ablate = fresh_seeds(Phase.CONFIRM, SEEDS), fresh_seeds(Phase.ABLATE, SEEDS)
    place = {seed: index for index, seed in enumerate(dict.fromkeys(confirm + ablate))}
    shape = (STUDIES, CANDIDATES + 1, len(place))
    common, own = rng.normal(size=shape), rng.normal(size=(2, *shape))
    validation, test = SD * (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own)
    chosen = validation[:, :CANDIDATES, [place[seed] for seed in confirm]].mean(-1).argmax(1)
    columns = [place[seed] for seed in fresh_seeds(reference, SEEDS)]
    won: Floats = test[np.arange(STUDIES), chosen][:, columns]
    row: Floats = test[:, CANDIDATES, columns]
    return row - won


def false_worse(differences: Floats) -> float:
    """How often the paired t-test at 5 % says that the row is worse."""
    t, p = scipy_stats.ttest_1samp(differences, 0.0, axis=1)
    return float(((t < 0) & (p < 0.05)).mean())


def test_seeds_of_the_confirmation_favour_the_reference() -> None:
    differences = paired_differences(Phase.CONFIRM)
    # The largest of four normal means is 1.03 standard errors up, half of it on test.
    expected = -1.029 * SHARED * SD / np.sqrt(SEEDS)
    assert differences.mean() == pytest.approx(expected, abs=2e-4)
    assert false_worse(differences) > 1.5 * 0.025


def test_fresh_seeds_do_not() -> None:
    differences = paired_differences(Phase.ABLATE)
    error = differences.mean(1).std() / np.sqrt(STUDIES)
    assert abs(differences.mean()) < 4 * error
    assert false_worse(differences) == pytest.approx(0.025, abs=0.004)
