"""The kinds of factors a study can vary."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sslcl.config import TrialConfig
from sslcl.errors import InputError, did_you_mean, unknown
from sslcl.validation import Scalar

OPTION_FIELDS = ("backbone_options",)
"""Configuration fields whose entries are factors of their own, written with a dot."""
PLATFORM_OWN = {
    "seed": "seeds are the platform's own: see search.seed, confirm.seeds and ablate.seeds",
    "fused_seeds": "the platform groups trials itself: see resources.fuse",
    "fused_numbers": "the platform groups trials itself: see resources.fuse",
    "fold": "every fold is trained: see folds at the top of the file",
}
"""Fields of a trial that no study file sets, and why."""
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class StudyPart(BaseModel):
    """A frozen part of a study file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Conditional(StudyPart):
    when: dict[str, tuple[Scalar, ...]] = Field(default_factory=dict)
    """Factor to the levels under which this one is active; all must hold."""


class Categorical(_Conditional):
    """One of some named levels."""

    levels: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    """Its levels, in the order of tables."""

    def probes(self) -> tuple[Scalar, ...]:
        """Values that stand for the whole factor when it is validated."""
        return self.levels

    def __contains__(self, value: object) -> bool:
        return value in self.levels


class _Range(_Conditional):
    log: bool = False
    """Whether the sampler draws uniformly on the logarithm."""

    def _check(self, low: float, high: float, step: float | None) -> None:
        if low > high:
            raise InputError(f"low {low} is above high {high}: the space is empty")
        if self.log and low <= 0:
            raise InputError(f"log needs a low above 0, not {low}")
        if self.log and step is not None:
            raise InputError("log and step exclude each other: leave one out")


class Integer(_Range):
    """A whole number in ``[low, high]``."""

    low: int
    """The smallest value."""
    high: int
    """The largest value."""
    step: Annotated[int, Field(ge=1)] | None = None
    """Distance between values; 1 when left out."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        self._check(self.low, self.high, self.step)
        return self

    def probes(self) -> tuple[Scalar, ...]:
        """Values that stand for the whole factor when it is validated."""
        return (self.low, self.high)

    def __contains__(self, value: object) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high  # type: ignore[operator]


class Float(_Range):
    """A real number in ``[low, high]``."""

    low: _Finite
    """The smallest value."""
    high: _Finite
    """The largest value."""
    step: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    """Distance between values; any value when left out."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        self._check(self.low, self.high, self.step)
        return self

    def probes(self) -> tuple[Scalar, ...]:
        """Values that stand for the whole factor when it is validated."""
        return (self.low, self.high)

    def __contains__(self, value: object) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # type: ignore[operator]


Factor = Categorical | Integer | Float


def parse_factor(name: str, raw: object, where: str) -> Factor:
    """The factor called ``name`` as a study file writes it: a list of levels, or a mapping.

    A range is whole-numbered or real as its ``type`` says, else as the configuration field is,
    else (for options) as its bounds are written.

    Raises:
        InputError: one line with file, key path and what was expected.
    """
    check_factor_name(name, where)
    place = f"{where}: factors.{name}"
    values: dict[str, Any] = {"levels": raw} if isinstance(raw, list) else _mapping(raw, place)
    kind: type[Factor] = Categorical
    if "levels" not in values:
        if not {"low", "high"} & set(values):
            raise InputError(f"{place}: the space is empty: expected levels, or low and high")
        kind = _range_kind(name, values, place)
        values = {key: value for key, value in values.items() if key != "type"}
    else:
        _refuse_odd_levels(values["levels"], place)
    if isinstance(when := values.get("when"), dict):
        values = {**values, "when": {str(k): _as_list(v) for k, v in when.items()}}
    factor: Factor = build(kind, values, where, f"factors.{name}")
    if isinstance(factor, Categorical):
        refuse_repeats(factor.levels, place)
    return factor


def check_factor_name(name: str, where: str) -> None:
    """Refuse what cannot vary between the trials of a study.

    Raises:
        InputError: with the reason, or the nearest valid name.
    """
    field, dot, option = name.partition(".")
    if dot and option and field in OPTION_FIELDS:
        return
    reasons = {
        **PLATFORM_OWN,
        "dataset": "a study has one dataset: run it again with --data NAME to compare",
        "dataset_options": "a study has one dataset: fix its options with "
        "--set dataset_options.NAME=VALUE, and compare two studies",
        "folds": "a study has one division into folds: write folds at the top of the file",
        "criterion": "scores by different criteria do not compare: write criterion at the top of "
        "the file",
        "test_modalities": "no search can judge it, the test split is sealed: see "
        "ablate.design leave_one_out",
        **{field: f"name one option: {field}.<option>" for field in OPTION_FIELDS},
    }
    if field in reasons:
        raise InputError(f"{where}: factors.{name}: not a factor: {reasons[field]}")
    if name not in TrialConfig.model_fields:
        valid = set(TrialConfig.model_fields) - set(reasons)
        raise unknown("factor", name, valid, f"{where}: factors")


def build(model: type[Any], values: Mapping[str, Any], where: str, path: str) -> Any:
    """Validate one part of a study file.

    Args:
        model: the part's model.
        values: what the file says.
        where: the file, as error messages call it.
        path: the part's key path; empty for the whole file.

    Raises:
        InputError: one line with file, key path and what was expected.
    """
    place = f"{where}: {path}" if path else where
    for key in values:
        if key not in model.model_fields:
            raise unknown("key", str(key), model.model_fields, place)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(one_line(error, where, path)) from None


def one_line(error: ValidationError, where: str, path: str) -> str:
    """The first problem of a pydantic error, with file and key path."""
    problem = error.errors(include_url=False)[0]
    # Of a union, pydantic adds the member that it tried to the location.
    tried = re.compile(r"(bool|int|float|str)$|(literal|dict)\[")
    parts = [str(part) for part in problem["loc"] if not tried.match(str(part))]
    place = ".".join(filter(None, (path, *parts)))
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return f"{where}: {place}: {cause}"
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        valid = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        return f"{where}: {place} is '{problem['input']}': {did_you_mean(problem['input'], valid)}"
    if problem["type"] == "missing":
        return f"{where}: {place} is missing"
    given = repr(problem["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    return f"{where}: {place} is {given}: {problem['msg'].lower()}"


def refuse_repeats(levels: tuple[Scalar, ...], place: str) -> None:
    """Refuse a level that is listed twice.

    Raises:
        InputError: naming it.
    """
    for index, level in enumerate(levels):
        if level in levels[:index]:
            raise InputError(f"{place}: level {level_name(level)} appears twice")


def level_name(level: object) -> str:
    """A level as tables and messages write it.

    Example:
        >>> level_name(True), level_name(0.001), level_name("dot")
        ('true', '0.001', 'dot')
    """
    return str(level).lower() if isinstance(level, bool) else str(level)


def _range_kind(name: str, values: Mapping[str, Any], place: str) -> type[Integer] | type[Float]:
    kinds: dict[str, type[Integer] | type[Float]] = {"int": Integer, "float": Float}
    field = TrialConfig.model_fields.get(name)
    own = {int: "int", float: "float"}.get(field.annotation) if field else None  # type: ignore[arg-type]
    if field is not None and own is None:
        raise InputError(f"{place}: not a number: list its levels instead of a range")
    bounds = [values.get(key) for key in ("low", "high", "step") if values.get(key) is not None]
    written = "int" if all(isinstance(bound, int) for bound in bounds) else "float"
    said: Literal["int", "float"] | str = values.get("type") or own or written
    if said not in kinds:
        raise InputError(f"{place}.type is '{said}': {did_you_mean(str(said), kinds)}")
    if own == "int" and said == "float":
        raise InputError(f"{place}.type is 'float': {name} takes whole numbers")
    return kinds[said]


def _refuse_odd_levels(levels: object, place: str) -> None:
    if levels is None or levels == []:
        raise InputError(f"{place}: the space is empty: expected at least one level")
    for level in levels if isinstance(levels, list) else ():
        if level is None or isinstance(level, list | dict):
            expected = "expected text, a number or true/false (for modalities: text+audio)"
            raise InputError(f"{place}: level {level!r}: {expected}")


def _mapping(raw: object, place: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise InputError(f"{place} is {raw!r}: expected a list of levels, or low and high")
    return raw


def _as_list(raw: object) -> object:
    return raw if isinstance(raw, list | tuple) else [raw]
