"""Variances over few seeds, moderated across the rows of a table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sslcl.metrics import Floats

FEWEST_ROWS = 3
"""Lending rows without which every row keeps its own variance."""
_SHARED = 0.25
"""Squared correlation of two differences to one reference, where all cells vary alike: 1/2^2."""
_UNLIKE_HIGH, _UNLIKE_LOW = 1 / 3, 0.001
"""p-values of the F test below which a row keeps its own variance. A high variance costs power
when kept and error when not, hence the generous bound; a low one the other way round."""
_FAR = 0.01
"""p-value of the F test below which a row varies so much more than the others that its scores
are taken to be skewed, as those of a cell that collapses with some seeds."""
_OUTSIDE = 0.05
"""p-value of the F test below which a row of high variance does not lend either."""
_NOTHING = 1e-24
"""Variances of differences that are equal but for rounding."""


@dataclass(frozen=True)
class Moderated:
    """Variances of ``(..., m)`` rows after borrowing from one another.

    Args:
        variances: ``(..., m)``.
        freedom: ``(..., m)`` degrees of freedom of each.
        prior_freedom: ``(...)`` degrees of freedom that the other rows lend, 0 where they lend
            nothing.
        own: ``(..., m)`` rows that keep the variance they came with.
        skewed: ``(..., m)`` rows whose interval must allow for scores that are far from normal.
    """

    variances: Floats
    freedom: Floats
    prior_freedom: Floats
    own: NDArray[np.bool_]
    skewed: NDArray[np.bool_]


def moderate(variances: Floats, freedom: Floats) -> Moderated:
    """Shrink the rows' variances towards a common one, as far as they agree.

    With s_i^2 of d_i degrees of freedom, and a prior of d_0 degrees of freedom at s_0^2, row i has

        (d_0 s_0^2 + d_i s_i^2) / (d_0 + d_i)    with d_0 + d_i degrees of freedom.

    - ``d_0`` solves trigamma(d_0 / 2) = E by the variance of e_i = log s_i^2 - digamma(d_i / 2) +
      log(d_i / 2) over the m rows: E = var(e) - (1 - 1/4) mean trigamma(d_i / 2) + its standard
      error, mean trigamma(d_i / 2) sqrt(2 / (m - 1)). The 1/4 is there because rows that share a
      reference vary together; the standard error, because agreement seen by chance is no
      agreement. Rows that disagree much give a d_0 near 0, which is no borrowing.
    - ``d_0 + d`` is at most n d / (1 + (n - 1) / 4) with n lending rows of d degrees of freedom on
      average: what the mean of n variances that share a reference is worth.
    - ``s_0^2`` is the mean of the lending rows' variances, never less than what the mean of
      e_i gives.

    A row of unlike variance keeps its own and does not lend. It is unlike by an F test against
    the rows' median; high variances keep their own from a p-value of 1/3 on (and lend down to
    0.05), low ones only from 0.001 / m, since a variance that is low by chance misleads. Rows
    without any variance, which are the reference by another name, stand apart. With fewer than
    three lending rows nothing is moderated.

    A row whose variance is far above the median, p < 0.01, is taken to be skewed: so are the
    scores of a cell that collapses with some of its seeds. In a table with such a row, all rows
    that keep a high variance of their own are taken to be skewed.

    Args:
        variances: ``(..., m)`` of one table, or of many.
        freedom: ``(m,)`` degrees of freedom of each, above 0.

    Source: Smyth, "Linear models and empirical Bayes methods for assessing differential
    expression in microarray experiments", Statistical Applications in Genetics and Molecular
    Biology 3 (2004); Phipson et al., "Robust hyperparameter estimation protects against
    hypervariable genes", Annals of Applied Statistics 10 (2016), for rows of unlike variance.
    """
    from scipy import special

    rows = variances.shape[-1]
    varied = variances > _NOTHING
    pooled = shared_freedom(np.array(rows), freedom.mean() if rows else 0.0)
    nothing = np.zeros(variances.shape[:-1])
    if rows < FEWEST_ROWS:
        every = np.broadcast_to(freedom, variances.shape)
        return Moderated(variances, every, nothing, varied | True, varied & False)
    high, low = _unlike(variances, varied, freedom, float(pooled))
    unlike_low = low < _UNLIKE_LOW / rows
    lends = varied & ~unlike_low & (high >= _OUTSIDE)
    own = ~varied | unlike_low | (high < _UNLIKE_HIGH)
    skewed = (high < _UNLIKE_HIGH) & (high < _FAR).any(-1, keepdims=True)
    lending = lends.sum(-1)
    prior_variance = np.where(lends, variances, 0).sum(-1) / np.maximum(lending, 1)
    logs = np.log(np.where(varied, variances, 1.0))
    logs = logs - special.digamma(freedom / 2) + np.log(freedom / 2)
    prior = _agreement(logs, varied, float(special.polygamma(1, freedom / 2).mean()))
    most = np.maximum(shared_freedom(lending, freedom.mean()) - freedom.mean(), 0.0)
    prior = np.where(lending < FEWEST_ROWS, 0.0, np.minimum(prior, most))
    own |= (lending < FEWEST_ROWS)[..., None]
    total = prior[..., None] + freedom
    mixed = (prior * prior_variance)[..., None] + freedom * variances
    return Moderated(
        variances=np.where(own, variances, mixed / total),
        freedom=np.where(own, freedom, total),
        prior_freedom=prior,
        own=own,
        skewed=skewed,
    )


def shared_freedom(rows: NDArray[np.int64], freedom: float) -> Floats:
    """Degrees of freedom of the mean of so many rows' variances, which share a reference.

    n d / (1 + (n - 1) / 4): after Satterthwaite, with squared correlations of 1/4.

    Args:
        rows: n.
        freedom: d, of each row.
    """
    pooled: Floats = rows * freedom / (1 + np.maximum(rows - 1, 0) * _SHARED)
    return pooled


def _unlike(
    variances: Floats, varied: NDArray[np.bool_], freedom: Floats, pooled: float
) -> tuple[Floats, Floats]:
    """p-values of a row's variance being above, and below, that of the median row."""
    from scipy import special

    unbiased = variances * freedom / special.chdtri(freedom, 0.5)
    ordered = np.sort(np.where(varied, unbiased, np.inf), axis=-1)
    count = varied.sum(-1, keepdims=True)
    places = [np.maximum(count - 1, 0) // 2, np.minimum(count // 2, varied.shape[-1] - 1)]
    middle = np.mean([np.take_along_axis(ordered, place, -1) for place in places], axis=0)
    ratio = np.where(varied, variances, 0.0) / np.where(np.isfinite(middle), middle, 1.0)
    return special.fdtrc(freedom, pooled, ratio), special.fdtr(freedom, pooled, ratio)


def _agreement(logs: Floats, varied: NDArray[np.bool_], noise: float) -> Floats:
    """``(...)`` degrees of freedom of the prior, infinite where the rows agree."""
    count = np.maximum(varied.sum(-1), 2)
    mean = np.where(varied, logs, 0).sum(-1) / count
    squares = np.where(varied, (logs - mean[..., None]) ** 2, 0).sum(-1)
    excess = squares / (count - 1) - (1 - _SHARED) * noise + noise * np.sqrt(2 / (count - 1))
    return np.where(excess > 0, 2 * inverse_trigamma(np.maximum(excess, 1e-6)), np.inf)


def inverse_trigamma(values: Floats) -> Floats:
    """The x > 0 with trigamma(x) = each of the ``values`` > 0, by Newton's method on 1 / trigamma.

    Source: the appendix of Smyth (2004); it converges from below for every value.
    """
    from scipy import special

    found = 0.5 + 1.0 / values
    for _ in range(20):
        trigamma = special.polygamma(1, found)
        found = found + trigamma * (1 - trigamma / values) / special.polygamma(2, found)
    return np.asarray(found, dtype=np.float64)
