"""Which effects of a design can be told apart, from the columns of its model matrix."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from sslcl.metrics import Floats

Term = tuple[str, ...]
"""The factors of an effect: one for a main effect, two for an interaction."""
_MIXED = 0.05
"""How much of an effect must be in another one to be worth telling."""


@dataclass(frozen=True)
class Estimable:
    """The effects that a model of the design can have.

    Args:
        terms: those that are in it.
        aliases: effect in it to the names of those left out that it stands for as well.
        notes: the same and more, in sentences.
    """

    terms: tuple[Term, ...]
    aliases: dict[Term, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def term_name(term: Term) -> str:
    """An effect as tables write it.

    Example:
        >>> term_name(("similarity",)), term_name(("backbone", "similarity"))
        ('similarity', 'backbone × similarity')
    """
    return " × ".join(term)


def estimable(data: pd.DataFrame, factors: Sequence[str]) -> Estimable:
    """The main effects and two-way interactions that the design can separate.

    Effects are taken up in order, main effects first, as long as they are not a combination of
    those before. What is left out goes into the alias matrix (X'X)^-1 X'Z of the model X and the
    rest Z, which says what the estimates of X contain besides. Where an interaction is spread over
    several others, none of these is worth estimating and all interactions are left out.

    Args:
        data: one row a trial: a column for each factor, and ``seed``.
        factors: those that vary.

    Source: Box and Wilson, "On the experimental attainment of optimum conditions", Journal of the
    Royal Statistical Society B 13 (1951), for the alias matrix.
    """
    columns = coded_columns(data, factors)
    kept: list[Term] = []
    for term in columns:
        whole = len(term) == 1 or all((factor,) in kept for factor in term)
        if whole and _independent(_matrix(data, columns, [*kept, term])):
            kept.append(term)
    aliases = _aliases(data, columns, kept)
    spread = [t for t, others in aliases.items() if sum(len(other) > 1 for other in others) > 1]
    if spread:
        kept = [term for term in kept if len(term) == 1]
        aliases = _aliases(data, columns, kept)
    return _described(kept, aliases, pooled=bool(spread))


def main_effects(data: pd.DataFrame, factors: Sequence[str]) -> Estimable:
    """The main effects that the design can separate, in a model without interactions."""
    columns = coded_columns(data, factors)
    kept: list[Term] = []
    for factor in factors:
        if _independent(_matrix(data, columns, [*kept, (factor,)])):
            kept.append((factor,))
    return _described(kept, _aliases(data, columns, kept), pooled=False)


def _described(kept: Sequence[Term], aliases: dict[Term, list[Term]], *, pooled: bool) -> Estimable:
    """``aliases``: effect left out to those in the model that contain it."""
    inside: dict[Term, tuple[str, ...]] = {}
    for term in kept:
        others = tuple(term_name(left) for left, inside_of in aliases.items() if term in inside_of)
        if others:
            inside[term] = others
    notes = [
        f"{term_name(term)} cannot be told apart from {', '.join(names)}."
        for term, names in inside.items()
    ]
    lost = [term_name(left) for left, inside_of in aliases.items() if not inside_of]
    if pooled:
        notes.append("Interactions are spread over one another and are in the error.")
    elif lost:
        notes.append(f"Not estimated and in the error: {', '.join(lost)}.")
    return Estimable(tuple(kept), inside, tuple(notes))


def _aliases(
    data: pd.DataFrame, columns: dict[Term, Floats], kept: Sequence[Term]
) -> dict[Term, list[Term]]:
    basis = _matrix(data, columns, kept)
    places = np.cumsum(
        [basis.shape[1] - sum(columns[t].shape[1] for t in kept)]
        + [columns[t].shape[1] for t in kept]
    )
    mixed_in: dict[Term, list[Term]] = {}
    for term in columns:
        if term in kept:
            continue
        mixed = np.abs(np.linalg.lstsq(basis, columns[term])[0]) > _MIXED
        mixed_in[term] = [
            other
            for other, start, end in zip(kept, places[:-1], places[1:], strict=True)
            if mixed[start:end].any()
        ]
    return mixed_in


def _matrix(data: pd.DataFrame, columns: dict[Term, Floats], terms: Sequence[Term]) -> Floats:
    """Intercept, seeds and the terms."""
    blocks = _sum_coded(data["seed"])
    return np.hstack([np.ones((len(data), 1)), blocks, *(columns[term] for term in terms)])


def _independent(matrix: Floats) -> bool:
    return bool(np.linalg.matrix_rank(matrix) == matrix.shape[1])


def coded_columns(data: pd.DataFrame, factors: Sequence[str]) -> dict[Term, Floats]:
    """Sum-coded columns of every main effect and two-way interaction, a row for one of ``data``."""
    coded = {factor: _sum_coded(data[factor]) for factor in factors}
    columns: dict[Term, Floats] = {(factor,): coded[factor] for factor in factors}
    for one, two in combinations(factors, 2):
        product = coded[one][:, :, None] * coded[two][:, None, :]
        columns[one, two] = product.reshape(len(data), -1)
    return columns


def _sum_coded(values: "pd.Series[str]") -> Floats:
    """``(N, L - 1)``: 1 for a column's own level, -1 for the last, else 0."""
    levels = list(dict.fromkeys(values))
    hits: Floats = np.array([[float(value == level) for level in levels] for value in values])
    coded: Floats = hits[:, :-1] - hits[:, -1:]
    return coded
