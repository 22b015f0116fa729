"""Two-level screening designs and what they confound."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

SignMatrix = NDArray[np.int64]
"""``(runs, factors)`` of -1 and 1."""


@dataclass(frozen=True)
class Confounding:
    """What a design cannot tell apart, among main effects and two-way interactions.

    Args:
        resolution: 3 where some main effect overlaps with an interaction, else 4 where some two
            interactions overlap, else 5.
        aliases: chains such as ``a = -b×c``, each of effects that are the same but for the sign.
        partial: the largest correlation, in absolute value, of two effects that are not the same.
    """

    resolution: int
    aliases: tuple[str, ...]
    partial: float


def two_level(factors: int, resolution: int) -> SignMatrix:
    """A small design of at least this resolution, its first row all -1.

    Resolution 3 is a Plackett-Burman design of N runs, the next size above the number of factors;
    resolution 4 is the fold-over of one together with its constant column: 2 N runs for up to N
    factors. Where all combinations of levels take no more runs, or half of them, it is those.

    Any sign of a column serves a design alike; they are chosen such that the first row is all low.

    Sources: Plackett and Burman, Biometrika 33, 1946; Box and Wilson's fold-over theorem, J. R.
    Stat. Soc. B 13, 1951.
    """
    # Takes about a second to import, which only this needs.
    from pyDOE3 import ff2n, fracfact, pbdesign

    if resolution == 3:
        signed = pbdesign(_size(factors + 1) - 1)[:, :factors]
    else:
        screening = pbdesign(_size(factors) - 1)
        half = np.hstack([np.ones((len(screening), 1)), screening])[:, :factors]
        signed = np.vstack([half, -half])
    if 2**factors <= len(signed):
        signed = ff2n(factors)
    elif 2 ** (factors - 1) <= len(signed):
        letters = ascii_lowercase[: factors - 1]
        signed = fracfact(f"{' '.join(letters)} {letters}")
    signs: SignMatrix = np.asarray(signed).round().astype(np.int64)
    design: SignMatrix = signs * -signs[0]
    return design


def confounding(design: SignMatrix, names: Sequence[str]) -> Confounding:
    """What the design cannot tell apart.

    Args:
        design: ``(runs, factors)``, each column with as many -1 as 1.
        names: of the factors.
    """
    effects = _effects(design, names)
    columns = np.array(list(effects.values()))
    overlap = columns @ columns.T / len(design) - np.eye(len(columns))
    main, interactions = overlap[: len(names)], overlap[len(names) :, len(names) :]
    partial = np.abs(overlap[np.abs(overlap) < 1])
    return Confounding(
        resolution=3 if main.any() else 4 if interactions.any() else 5,
        aliases=tuple(_chains(overlap, list(effects))),
        partial=float(partial.max(initial=0.0)),
    )


def _effects(design: SignMatrix, names: Sequence[str]) -> Mapping[str, SignMatrix]:
    """Contrast of each main effect, then of each two-way interaction."""
    columns = dict(zip(names, design.T, strict=True))
    pairs = combinations(names, 2)
    return {**columns, **{f"{a}×{b}": columns[a] * columns[b] for a, b in pairs}}


def _chains(overlap: NDArray[np.float64], labels: Sequence[str]) -> list[str]:
    chains: list[str] = []
    seen: set[int] = set()
    for index, label in enumerate(labels):
        others = [j for j in range(len(labels)) if abs(overlap[index, j]) == 1]
        if others and index not in seen:
            signed = [("-" if overlap[index, j] < 0 else "") + labels[j] for j in others]
            chains.append(" = ".join([label, *signed]))
        seen.update(others)
    return chains


def _size(least: int) -> int:
    """The smallest number of runs, ``least`` or more, of which there is a screening design."""
    sizes = [base << power for base in (4, 12, 20) for power in range(least.bit_length() + 1)]
    return min(size for size in sizes if size >= least)
