"""What checks the input of every part: value types, options, and one line for the first problem.

Imports nothing but pydantic, so that the parts which :mod:`sslcl.config` is made of can use it.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sslcl.errors import InputError, unknown

LONGEST_VALUE = 60
"""Characters of a rejected value that an error message shows."""

ModelT = TypeVar("ModelT", bound=BaseModel)
Scalar = bool | int | float | str
"""The value of an option of a backbone or dataset."""
LogitScaleMode = Literal["released", "fixed", "learned", "matched"]
"""The ways in which similarities become logits; see :class:`~sslcl.logit_scale.LogitScale`."""
ReadOutRule = Literal["similarity", "prior_adjusted", "probe"]
"""The ways in which ``sslcl`` predicts; see :meth:`sslcl.objectives.sslcl.SSLCL.scores`."""
Inference = Literal["similarity", "prior_adjusted", "probe", "auto"]
"""A rule, or ``auto`` for whichever does best on validation."""


class NoOptions(BaseModel):
    """Options of a backbone or dataset that has none of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def validated(model: type[ModelT], values: Mapping[str, Any], where: str) -> ModelT:
    """An instance of ``model`` from ``values``.

    Args:
        model: a pydantic model.
        values: field names to values.
        where: what the values belong to, as an error message calls it.

    Raises:
        InputError: one line with the first problem, where it is and what was expected.
    """
    unknown_keys = sorted(str(key) for key in values if key not in model.model_fields)
    if unknown_keys:
        raise unknown("key", unknown_keys[0], model.model_fields, where)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(first_problem(error, where)) from None


def first_problem(error: ValidationError, where: str) -> str:
    """One line for the first problem of a pydantic error.

    Args:
        error: what pydantic raised.
        where: what the rejected values belong to.
    """
    problem = error.errors(include_url=False)[0]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return f"{where}: {cause}"
    place = ".".join(str(part) for part in problem["loc"])
    value = repr(problem["input"])
    value = value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 3] + "..."
    return f"{where}: {place or 'value'} is {value}: {problem['msg'].lower()}"
