"""How many seeds the cells of an ablation get: a number, or looks at which rows may stop."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from search_spaces.factors import StudyPart
from sslcl.errors import InputError
from sslcl.validation import validated

MOST_SEEDS = 1000
"""Of a cell in one phase; the seeds of the next phase begin after them."""


def doubled(at_least: int, at_most: int) -> tuple[int, ...]:
    """Twice as many at each look, and ``at_most`` at the last.

    Example:
        >>> doubled(5, 30)
        (5, 10, 20, 30)
    """
    looks = [at_least]
    while looks[-1] * 2 < at_most:
        looks.append(looks[-1] * 2)
    return (*looks, at_most)


class SeedLooks(StudyPart):
    """Seeds are added in looks, to the rows that have no verdict yet."""

    at_least: Annotated[int, Field(ge=2, le=MOST_SEEDS)] = 5
    """Of every cell, at the first look."""
    at_most: Annotated[int, Field(ge=3, le=MOST_SEEDS)] = 30
    """Of a cell, at the last look."""
    until: Literal["verdict"] = "verdict"
    """What ends a row early."""
    looks: tuple[int, ...] = Field(
        default_factory=lambda values: doubled(values["at_least"], values["at_most"])
    )
    """Seeds of a cell at each look; they double when left out."""

    @model_validator(mode="after")
    def _looks_ascend(self) -> Self:
        if self.at_most <= self.at_least:
            raise InputError(
                f"at_most is {self.at_most}: expected more than at_least, "
                f"{self.at_least}, or a number in place of looks"
            )
        ascends = sorted(set(self.looks)) == list(self.looks)
        if not ascends or (self.looks[0], self.looks[-1]) != (self.at_least, self.at_most):
            raise InputError(
                f"looks is {list(self.looks)}: expected ascending numbers from at_least, "
                f"{self.at_least}, to at_most, {self.at_most}"
            )
        return self


def read_seeds(value: Any) -> int | SeedLooks:
    """What a study file says in ``ablate.seeds``.

    Raises:
        InputError: when it is neither a number of seeds nor looks.
    """
    if isinstance(value, SeedLooks):
        return value
    if isinstance(value, Mapping):
        return validated(SeedLooks, value, "seeds")
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SEEDS:
        return value
    raise InputError(
        f"{value!r} is neither a whole number greater than 0 and up to {MOST_SEEDS} nor looks such "
        "as {at_least: 5, at_most: 30, until: verdict}"
    )
