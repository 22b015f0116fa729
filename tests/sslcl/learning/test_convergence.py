"""No stop rule cuts a rising curve, and one that still rises is known from one that does not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sslcl.config import TrialConfig
from sslcl.errors import InputError
from sslcl.learning.convergence import (
    SMOOTHED,
    Convergence,
    StopRule,
    best_mean,
    last_rise,
    waited_enough,
)

RULES: tuple[StopRule, ...] = ("patience", "converged")
curves = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40)


def epochs_run(scores: list[float], rule: StopRule, patience: int) -> int:
    ends = (n for n in range(1, len(scores) + 1) if waited_enough(scores[:n], rule, patience))
    return next(ends, len(scores))


@given(curves, st.integers(1, 7))
def test_the_last_rise_is_the_first_highest_trailing_mean(
    scores: list[float], smoothed: int
) -> None:
    means = []
    for end in range(1, len(scores) + 1):
        window = scores[max(0, end - smoothed) : end]
        means.append(sum(window) / len(window))
    assert last_rise(scores, smoothed) == int(np.argmax(means)) + 1


@given(curves, curves)
def test_the_best_running_mean_is_that_of_the_last_rise_and_never_falls(
    scores: list[float], more: list[float]
) -> None:
    end = last_rise(scores, SMOOTHED)
    window = scores[max(0, end - SMOOTHED) : end]
    assert best_mean(scores) == pytest.approx(sum(window) / len(window))
    assert min(scores) <= best_mean(scores) + 1e-9
    assert best_mean(scores) <= max(scores) + 1e-9
    assert best_mean([*scores, *more]) >= best_mean(scores)


@given(curves, st.integers(1, 10))
def test_patience_counts_epochs_since_the_best(scores: list[float], patience: int) -> None:
    waited = len(scores) - (int(np.argmax(scores)) + 1)
    assert waited_enough(scores, "patience", patience) == (waited >= patience)


@given(curves, st.integers(1, 10))
def test_converged_never_stops_before_patience_does(scores: list[float], patience: int) -> None:
    by_patience, by_curve = (epochs_run(scores, r, patience) for r in RULES)
    assert by_curve >= by_patience


def test_a_noisy_rising_curve_is_cut_by_patience_and_not_by_converged() -> None:
    cut = {"patience": 0, "converged": 0}
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.01, 60)
        scores = [float(s) for s in 0.3 + 0.004 * np.arange(60) + noise]
        for rule in RULES:
            cut[rule] += epochs_run(scores, rule, 3) < 60
    assert cut["patience"] > 90
    assert cut["converged"] < 10


def test_a_flat_curve_ends_after_its_patience_and_a_third_of_its_epochs() -> None:
    scores = [min(0.6, 0.1 * n) for n in range(1, 200)]
    # The mean over five epochs reaches the top four epochs after the score does.
    top = 6 + SMOOTHED - 1
    assert epochs_run(scores, "converged", 2) == next(
        n for n in range(top, 200) if n - top >= max(SMOOTHED, math.ceil(n / 3))
    )


@given(curves, st.integers(1, 5))
def test_what_has_converged_is_not_improving(scores: list[float], patience: int) -> None:
    if waited_enough(scores, "converged", patience):
        assert not Convergence.of(scores).improving


def test_nothing_is_waited_for_before_the_first_epoch() -> None:
    assert not waited_enough([], "patience", 1)
    assert not waited_enough([], "converged", 1)


@given(curves)
def test_the_late_gain_is_that_of_the_least_squares_line(scores: list[float]) -> None:
    late = np.asarray(scores[-max(4, math.ceil(len(scores) / 4)) :])
    ended = Convergence.of(scores)
    assert ended.epochs_since_best == len(scores) - 1 - int(np.argmax(scores))
    if len(late) < 3:
        assert ended.late_gain_error == math.inf
        return
    places = np.arange(len(late))
    slope, start = np.polyfit(places, late, 1)
    residuals = late - start - slope * places
    centred = places - places.mean()
    error = math.sqrt(residuals @ residuals / (len(late) - 2) / (centred @ centred))
    assert ended.late_gain == pytest.approx(slope * (len(late) - 1), abs=1e-9)
    assert ended.late_gain_error == pytest.approx(error * (len(late) - 1), abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "improving"),
    [
        ([0.1], True),
        ([0.1, 0.2, 0.3, 0.4, 0.5], True),
        ([0.5] * 8, False),
        ([0.1, 0.6, 0.6, 0.59, 0.6, 0.59, 0.6, 0.6], False),
        ([0.5, 0.7, 0.6, 0.5, 0.4, 0.45, 0.5, 0.56], True),  # still far from its best, and rising
        ([0.9, 0.8, 0.7, 0.6, 0.5], False),
    ],
)
def test_curves_that_still_rise_are_found(scores: list[float], improving: bool) -> None:
    assert Convergence.of(scores).improving is improving


def test_until_converged_is_short_for_two_fields() -> None:
    short = TrialConfig.parse({"epochs": {"until": "converged", "at_most": 60}})
    assert (short.epochs, short.stop) == (60, "converged")
    assert short == TrialConfig.parse({"epochs": 60, "stop": "converged"})
    assert TrialConfig.parse({"epochs": 60}).stop == "patience"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": {"until": "converged", "atmost": 3}}, "did you mean 'at_most'"),
        ({"epochs": {"at_most": 3}}, "epochs: expected a number or"),
        ({"epochs": {"until": "converged", "at_most": 3}, "stop": "patience"}, "stop is patience"),
        ({"epochs": {"until": "bored", "at_most": 3}}, "stop is 'bored'"),
        ({"epochs": {"until": "converged", "at_most": 0}}, "epochs is 0"),
    ],
)
def test_a_bad_stop_is_one_clear_line(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        TrialConfig.parse(fields)
    assert "\n" not in str(error.value)
