"""Two-level screening designs and what they confound."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Design = NDArray[np.int64]
"""``(runs, factors)`` of -1 and 1."""


def two_level(factors: int, resolution: int) -> Design:
    """The smallest design at hand of at least this resolution, its first row all -1.

    Resolution 3 is a Plackett-Burman design of N runs, the next size above the number of factors;
    resolution 4 is the fold-over of one together with its constant column: 2 N runs for up to N
    factors. Where all combinations of levels take no more runs, it is those.

    Any sign of a column serves a design alike; they are chosen such that the first row is all low.

    Sources: Plackett and Burman, Biometrika 33, 1946; Box and Wilson's fold-over theorem, J. R.
    Stat. Soc. B 13, 1951.
    """
    # Takes a second to import, which only this needs.
    from pyDOE3 import ff2n, pbdesign

    if resolution == 3:
        rows = _hadamard_size(factors + 1)
        screening = pbdesign(rows - 1)[:, :factors]
    else:
        rows = _hadamard_size(factors)
        half = np.hstack([np.ones((rows, 1)), pbdesign(rows - 1)])[:, :factors]
        screening = np.vstack([half, -half])
    if 2**factors <= len(screening):
        screening = ff2n(factors)
    signs: Design = np.asarray(screening).round().astype(np.int64)
    design: Design = signs * -signs[0]
    return design


def aliases(design: Design, names: Sequence[str]) -> tuple[list[str], float]:
    """What the design cannot tell apart, among main effects and two-way interactions.

    Args:
        design: ``(runs, factors)``.
        names: of the factors.

    Returns:
        Chains such as ``a = -b×c``, and the largest correlation below 1 of two contrasts: 0 where
        any two are either aliased or clear of each other.
    """
    effects = _contrasts(design, names)
    matrix = np.array(list(effects.values()))
    overlap = matrix @ matrix.T / len(design)
    partial = np.abs(overlap[np.abs(overlap) < 1])
    labels = list(effects)
    chains: list[str] = []
    seen: set[int] = set()
    for index in range(len(labels)):
        same = [j for j in range(len(labels)) if abs(overlap[index, j]) == 1]
        if index not in seen and len(same) > 1:
            signed = ["-" * (overlap[index, j] < 0) + labels[j] for j in same]
            chains.append(" = ".join(signed))
        seen.update(same)
    return chains, float(partial.max(initial=0.0))


def _contrasts(design: Design, names: Sequence[str]) -> Mapping[str, Design]:
    columns = dict(zip(names, design.T, strict=True))
    pairs = combinations(names, 2)
    return {**columns, **{f"{a}×{b}": columns[a] * columns[b] for a, b in pairs}}


def _hadamard_size(least: int) -> int:
    """The smallest number of runs, ``least`` or more, of which there is a design at hand."""
    sizes = [base << power for base in (4, 12, 20) for power in range(least.bit_length() + 1)]
    return min(size for size in sizes if size >= least)
