"""What each row of an ablation may tune anew: a few factors, and how many search trials."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from search_spaces.factors import StudyPart
from sslcl.errors import InputError
from sslcl.validation import validated

RETUNE_TRIALS = 6
"""Search trials of every row, its own settings among them, where the study file says no number."""


class Retune(StudyPart):
    """A small search of its own for every row of the design ``one_factor``, the same for all."""

    fields: Annotated[tuple[str, ...], Field(min_length=1)]
    """The factors that each row chooses anew, such as the rate of a backbone."""
    trials: Annotated[int, Field(ge=2)] = RETUNE_TRIALS
    """Of every row; the first has the settings that the row would have without retuning."""


def read_retune(value: Any) -> Retune | None:
    """What a study file says in ``ablate.retune``: factors, or ``{fields: [...], trials: n}``.

    Raises:
        InputError: when it is neither.
    """
    if value is None or isinstance(value, Retune):
        return value
    if isinstance(value, list | tuple):
        return validated(Retune, {"fields": value}, "retune")
    if isinstance(value, Mapping):
        return validated(Retune, value, "retune")
    raise InputError(
        f"{value!r} is neither a list of factors, such as [learning_rate], nor "
        "{fields: [learning_rate], trials: 6}"
    )
