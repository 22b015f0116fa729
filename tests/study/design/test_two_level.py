"""Two-level designs have the resolution that they claim, by its definition."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest

from study.design.two_level import SignMatrix, confounding, two_level


def effects(design: SignMatrix, order: int) -> Iterator[SignMatrix]:
    """Contrasts of the interactions of ``order`` factors; order 1 is the main effects."""
    for chosen in combinations(range(design.shape[1]), order):
        yield design[:, chosen].prod(axis=1)


def clear(design: SignMatrix, one: int, other: int) -> bool:
    """Whether no effect of order ``one`` overlaps with another of order ``other``."""
    return all(
        a @ b == 0
        for i, a in enumerate(effects(design, one))
        for j, b in enumerate(effects(design, other))
        if one != other or i != j
    )


@pytest.mark.parametrize("factors", [*range(1, 14), 16, 17, 24, 28])
@pytest.mark.parametrize("resolution", [3, 4])
def test_a_design_is_balanced_and_keeps_apart_what_its_resolution_says(
    factors: int, resolution: int
) -> None:
    design = two_level(factors, resolution)
    assert design.shape[1] == factors
    assert set(np.unique(design)) == {-1, 1}
    assert (design[0] == -1).all()
    assert (design.sum(axis=0) == 0).all()
    assert len(np.unique(design, axis=0)) == len(design)
    assert clear(design, 1, 1)
    assert resolution == 3 or clear(design, 1, 2)
    found = confounding(design, [f"f{i}" for i in range(factors)])
    assert found.resolution >= resolution
    assert (found.resolution >= 4) == clear(design, 1, 2)
    if factors <= 13:
        assert (found.resolution == 5) == (clear(design, 1, 2) and clear(design, 2, 2))


def test_runs_are_few() -> None:
    runs = {factors: len(two_level(factors, 3)) for factors in (1, 2, 3, 4, 7, 11, 15, 19, 25)}
    assert runs == {1: 2, 2: 4, 3: 4, 4: 8, 7: 8, 11: 12, 15: 16, 19: 20, 25: 32}
    runs = {factors: len(two_level(factors, 4)) for factors in (1, 2, 3, 4, 5, 8, 12, 16)}
    assert runs == {1: 2, 2: 4, 3: 8, 4: 8, 5: 16, 8: 16, 12: 24, 16: 32}


def test_main_effects_of_a_linear_response_are_found_exactly() -> None:
    design = two_level(6, 4)
    slopes = np.array([3.0, -1.0, 0.5, 0.0, 2.0, 7.0])
    # Any two-way interaction leaves them alone in a design of resolution IV.
    response = design @ slopes + 5 * design[:, 0] * design[:, 3] - design[:, 1] * design[:, 2]
    assert design.T @ response / len(design) == pytest.approx(slopes)


def test_aliases_are_named_with_their_sign() -> None:
    found = confounding(two_level(3, 3), ["a", "b", "c"])
    assert found.aliases == ("a = -b×c", "b = -a×c", "c = -a×b")
    assert found.partial == 0
    found = confounding(two_level(4, 3), ["a", "b", "c", "d"])
    assert found.aliases == ("a×b = c×d", "a×c = b×d", "a×d = b×c")


def test_overlap_in_part_is_told_from_none_and_from_all() -> None:
    found = confounding(two_level(11, 3), [f"f{i}" for i in range(11)])
    assert found.aliases == ()
    assert found.partial == pytest.approx(1 / 3)
