"""Permutation tests of a cell against the reference: no distribution, no variance, no resampling.

They are companions of the interval in :mod:`study.stats.comparison`, not a replacement. Each test
takes one source of chance for granted, so neither adds the two up as the interval does.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sslcl.errors import unknown
from sslcl.metrics import Floats
from study.stats.comparison import Sample, paired, same_conversations
from study.stats.metrics import Metric

DRAWS = 9999
_AT_ONCE = 1000
"""Exchanges scored together: few enough for the processor's cache."""
_SAME = 1e-12
"""Statistics that are equal but for rounding are ties."""


def smallest_p(seeds: int) -> float:
    """The least p-value that ``seeds`` common seeds allow, 2 / 2^S; one seed is not tested.

    Example:
        >>> smallest_p(5), smallest_p(6)
        (0.0625, 0.03125)
    """
    return float(2.0 ** (1 - seeds))


def permutation_tests(
    cells: Mapping[str, Sample],
    reference: str,
    metric: Metric,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Two-sided p-value of every cell against the reference, the larger of two exact tests.

    The statistic is the mean paired difference over the S common seeds. If a cell does what the
    reference does, then either of these changes nothing but its sign:

    - exchanging cell and reference at some seeds (the conversations as they are), or
    - exchanging their predictions on some whole conversations, for all seeds together.

    The p-value of each is the share of exchanges that give a statistic at least as far from 0 as
    the one seen. The larger is returned (an intersection-union test): it holds its level wherever
    at least one of the two exchanges is harmless, whatever the distributions. Where cells differ
    by chance in both ways at once neither is, and only the crossed interval adds the two up.

    All exchanges are gone through when there are at most ``draws`` + 1 of them up to the sign of
    all (14 seeds; 14 conversations on which the two differ), otherwise ``draws`` random ones with
    the observed one counted in. With one common seed only conversations are exchanged; with no
    common seed or one conversation the value is NaN. The least possible value is
    :func:`smallest_p`: with 5 seeds it is 0.0625.

    Args:
        cells: name to sample, all on the same K conversations in the same order.
        reference: name of the cell that the others are compared with.
        metric: what is scored.
        draws: random exchanges of conversations.
        seed: of the draws; the same call gives the same numbers.

    Sources: Fisher, "The Design of Experiments" (1935), section 21; Phipson and Smyth,
    "Permutation p-values should never be zero", Statistical Applications in Genetics and
    Molecular Biology 9 (2010), for the observed one; Berger, "Multiparameter hypothesis testing
    and acceptance sampling", Technometrics 24 (1982), for the larger of two.
    """
    if reference not in cells:
        raise unknown("cell", reference, cells)
    conversations = same_conversations(cells)
    random = _random_exchanges(conversations, draws, seed)
    base = cells[reference]
    return {name: _larger(sample, base, metric, random) for name, sample in cells.items()}


def sign_flip_p(differences: Floats) -> float:
    """Two-sided p-value of ``(S,)`` paired differences under independent changes of their signs.

    Exact up to 14 differences, else from :data:`DRAWS` random changes; NaN for fewer than two.
    """
    count = len(differences)
    if count < 2:
        return float("nan")
    every = _all_exchanges(count, DRAWS)
    flips = _random_exchanges(count, DRAWS, 0) if every is None else every
    statistics = (1.0 - 2.0 * flips) @ differences / count
    return _share(statistics, float(differences.mean()), complete=every is not None)


def _larger(sample: Sample, base: Sample, metric: Metric, random: NDArray[np.float32]) -> float:
    mine, theirs = paired(sample, base)
    if not mine or random.shape[1] < 2:
        return float("nan")
    cell = metric.margins(sample.confusion[mine])
    reference = metric.margins(base.confusion[theirs])
    seen = metric.score(cell.sum(1)) - metric.score(reference.sum(1))
    by_conversation = _conversation_p(cell, reference, metric, random, float(seen.mean()))
    return max(by_conversation, sign_flip_p(seen)) if len(mine) > 1 else by_conversation


def _conversation_p(
    cell: Floats, reference: Floats, metric: Metric, random: NDArray[np.float32], seen: float
) -> float:
    """p-value under exchanges of whole conversations, from ``(S, K, 3, C)`` margins."""
    seeds, conversations, rows, classes = cell.shape
    change = (reference - cell).transpose(1, 0, 2, 3).reshape(conversations, -1)
    # Exchanging what is equal does nothing; without it there is less to go through.
    differing = np.flatnonzero(change.any(axis=1))
    if not differing.size:
        return 1.0
    every = _all_exchanges(differing.size, len(random))
    flips = random[:, differing] if every is None else every
    # Counts are whole numbers far below 2^24, which single precision holds exactly.
    small = change[differing].astype(np.float32)
    ours, theirs = cell.sum(1), reference.sum(1)
    statistics = np.empty(len(flips))
    for start in range(0, len(flips), _AT_ONCE):
        moved = (flips[start : start + _AT_ONCE] @ small).astype(np.float64)
        moved = moved.reshape(-1, seeds, rows, classes)
        differences = metric.score(ours + moved) - metric.score(theirs - moved)
        statistics[start : start + _AT_ONCE] = differences.mean(1)
    return _share(statistics, seen, complete=every is not None)


def _random_exchanges(count: int, draws: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, size=(draws, count), dtype=np.int8).astype(np.float32)


def _all_exchanges(count: int, draws: int) -> NDArray[np.float32] | None:
    """All 0/1 rows of length ``count`` that leave the first alone, if at most ``draws`` + 1.

    Exchanging the complement gives the same statistic but for its sign, so half of all is enough.
    """
    if 2 ** (count - 1) > draws + 1:
        return None
    patterns = np.arange(2 ** (count - 1))[:, None] >> np.arange(count - 1) & 1
    return np.pad(patterns, ((0, 0), (1, 0))).astype(np.float32)


def _share(statistics: Floats, seen: float, *, complete: bool) -> float:
    """Share of the statistics as far from 0 as the one seen; it is among them if complete."""
    extreme = int((np.abs(statistics) >= abs(seen) - _SAME).sum())
    counted = 0 if complete else 1
    return (extreme + counted) / (len(statistics) + counted)
