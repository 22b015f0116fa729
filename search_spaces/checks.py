"""From the plain content of a study file to a :class:`Study`, or to a line saying what is wrong."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from pydantic import ValidationError

from search_spaces.factors import (
    PLATFORM_OWN,
    Categorical,
    Factor,
    Float,
    Integer,
    build,
    level_name,
    one_line,
    parse_factor,
    refuse_repeats,
)
from search_spaces.questions import check_questions, parse_questions
from search_spaces.schema import (
    COMPONENTS,
    Ablate,
    Assignment,
    Budget,
    Confirm,
    Report,
    Resources,
    Search,
    Study,
)
from search_spaces.sizes import SIZE
from sslcl.config import TrialConfig, spelt_out
from sslcl.data import CATALOG
from sslcl.errors import InputError, unknown
from sslcl.validation import Scalar

_SECTIONS = {
    "search": Search,
    "confirm": Confirm,
    "ablate": Ablate,
    "report": Report,
    "resources": Resources,
    "budget": Budget,
}
_KEYS = (
    "study",
    "description",
    "dataset",
    "dataset_options",
    "modalities",
    "folds",
    "criterion",
    "base",
    "factors",
    *_SECTIONS,
    "questions",
)


def parse_study(values: Mapping[str, Any], where: str) -> Study:
    """Validate the content of a study file.

    Args:
        values: what the file says.
        where: the file, as error messages call it.

    Raises:
        InputError: one line with file, key path and what was expected.
    """
    for key in values:
        if key not in _KEYS:
            raise unknown("key", str(key), _KEYS, where)
    raw = {key: value for key, value in values.items() if value is not None}
    _check_base(raw.get("base", {}), where)
    if "base" in raw:
        raw["base"] = _spelt_out(raw["base"], f"{where}: base")
    factors = _factors(raw.get("factors"), where)
    sections = {
        key: build(model, _section(raw[key], f"{where}: {key}"), where, key)
        for key, model in _SECTIONS.items()
        if key in raw
    }
    if "questions" in raw:
        sections["questions"] = parse_questions(raw["questions"], where)
    study = _study({**raw, **sections, "factors": _parents_first(factors, where)}, where)
    _check_not_empty(study, where)
    _check_dataset(study, where)
    study = _check_levels(study, where)
    _check_phases(study, where)
    check_questions(study, where)
    return study


def _study(values: Mapping[str, Any], where: str) -> Study:
    try:
        return Study.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(one_line(error, where, "")) from None


def _section(raw: object, place: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise InputError(f"{place} is {raw!r}: expected keys and values")
    return raw


def _spelt_out(base: Mapping[str, Any], place: str) -> dict[str, Any]:
    try:
        return spelt_out(base)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _check_base(base: object, where: str) -> None:
    place = f"{where}: base"
    elsewhere = {
        **PLATFORM_OWN,
        **{
            key: f"write {key} at the top of the file"
            for key in ("dataset", "dataset_options", "modalities", "folds", "criterion")
        },
    }
    for key in _section(base, place):
        if key in elsewhere:
            raise InputError(f"{place}.{key}: not here: {elsewhere[key]}")
        valid = {*TrialConfig.model_fields, SIZE} - set(elsewhere)
        if key not in valid:
            raise unknown("key", str(key), valid, place)


def _factors(raw: object, where: str) -> dict[str, Factor]:
    place = f"{where}: factors"
    factors = {
        str(k): parse_factor(str(k), v, where) for k, v in _section(raw or {}, place).items()
    }
    for name, factor in factors.items():
        for parent, levels in factor.when.items():
            _check_condition(factors, parent, levels, f"{place}.{name}.when")
    return factors


def _check_not_empty(study: Study, where: str) -> None:
    alone = study.ablate and not study.ablate.needs_factors and not study.search
    if not study.factors and not alone:
        raise InputError(f"{where}: factors: the space is empty: expected at least one factor")


def _check_condition(
    factors: Mapping[str, Factor], parent: str, levels: tuple[Scalar, ...], place: str
) -> None:
    if parent not in factors:
        raise unknown("factor", parent, factors, place)
    condition = factors[parent]
    if not isinstance(condition, Categorical):
        raise InputError(f"{place}.{parent}: a condition needs a factor with levels, not a range")
    for level in levels:
        if level not in condition.levels:
            valid = map(level_name, condition.levels)
            raise unknown("level", level_name(level), valid, f"{place}.{parent}")


def _parents_first(factors: dict[str, Factor], where: str) -> dict[str, Factor]:
    """The factors in their own order, except that each comes after those it depends on."""
    ordered: dict[str, Factor] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise InputError(f"{where}: factors.{name}.when: circular condition: {circle}")
        for parent in factors[name].when:
            add(parent, (*path, name))
        ordered[name] = factors[name]

    for name in factors:
        add(name, ())
    return ordered


def _check_dataset(study: Study, where: str) -> None:
    source = CATALOG.get(study.dataset, f"{where}: dataset")
    try:
        source.check_options(study.dataset_options)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_levels(study: Study, where: str) -> Study:
    """Try every level, alone and beside every level of every other factor.

    Returns:
        The study with its levels as the configuration reads them (``"8"`` as ``8``).
    """
    study.config({}, 0, f"{where}: base")
    read = {
        name: tuple(_read(study, name, level, where) for level in factor.probes())
        for name, factor in study.factors.items()
    }
    for name, other in combinations(study.factors, 2):
        for assignment in _pairs(study, name, other):
            level = level_name(assignment[other])
            place = f"{where}: factors.{name} = {level_name(assignment[name])} with {other} = "
            study.config(assignment, 0, f"{place}{level}")
    factors = {
        name: _with_levels(factor, read[name], f"{where}: factors.{name}")
        for name, factor in study.factors.items()
    }
    return study.model_copy(update={"factors": factors})


def _read(study: Study, name: str, level: Scalar, where: str) -> Scalar:
    place = f"{where}: factors.{name}"
    config = study.config({**_context(study, name), name: level}, 0, place)
    return study.assignment(config).get(name, level)


def _with_levels(factor: Factor, levels: tuple[Scalar, ...], place: str) -> Factor:
    if isinstance(factor, Integer | Float):
        return factor
    refuse_repeats(levels, place)
    return factor.model_copy(update={"levels": levels})


def _pairs(study: Study, name: str, other: str) -> Iterator[Assignment]:
    context = {**_context(study, name), **_context(study, other)}
    for level in study.factors[name].probes():
        for beside in study.factors[other].probes():
            assignment = {**context, name: level, other: beside}
            if study.active(name, assignment) and study.active(other, assignment):
                yield assignment


def _context(study: Study, name: str) -> dict[str, Scalar]:
    """Levels of other factors under which the factor is active."""
    context: dict[str, Scalar] = {}
    for parent, levels in study.factors[name].when.items():
        context |= {**_context(study, parent), parent: levels[0]}
    return context


def _check_phases(study: Study, where: str) -> None:
    if not (study.search or study.confirm or study.ablate):
        raise InputError(f"{where}: no phase: expected at least one of search, confirm, ablate")
    candidates = study.search.trials if study.search else 1
    if study.confirm and study.confirm.top > candidates:
        source = "trials of search.trials" if study.search else "(the base): there is no search"
        said = f"{where}: confirm.top is {study.confirm.top}"
        raise InputError(f"{said}: more than the {candidates} {source}")
    if study.search:
        _check_search(study, study.search, where)
    if study.ablate:
        _check_ablation(study, study.ablate, where)


def _check_search(study: Study, search: Search, where: str) -> None:
    place = f"{where}: search.fixed"
    _check_assignment(study, search.fixed, place)
    varies = [name for name in study.factors if name not in search.fixed]
    if not any(study.active(name, {**_context(study, name), **search.fixed}) for name in varies):
        raise InputError(f"{place}: the space is empty: no factor is left to search")


def _check_ablation(study: Study, ablate: Ablate, where: str) -> None:
    place = f"{where}: ablate"
    if ablate.needs_factors and not ablate.factors:
        raise InputError(f"{place}.factors is empty: design {ablate.design} needs at least one")
    _check_components(ablate, f"{place}.components")
    _check_ablated_factors(study, ablate, place)
    if not ablate.has_cells and not (study.search or study.confirm):
        raise InputError(f"{place}.design is search, but nothing is searched: add a search phase")
    if ablate.design == "tuned":
        _check_tuned(study, ablate, place)
    if ablate.retune:
        _check_retuned(study, ablate, ablate.retune.fields, f"{place}.retune")
    if ablate.reference == "winner":
        if not (study.search or study.confirm):
            hint = "add a search phase, or give levels as in {objective: sslcl}"
            raise InputError(f"{place}.reference is winner, but nothing is searched: {hint}")
        return
    _check_assignment(study, ablate.reference, f"{place}.reference")


def _check_ablated_factors(study: Study, ablate: Ablate, place: str) -> None:
    refuse_repeats(ablate.factors, f"{place}.factors")
    for name in ablate.factors:
        if name not in study.factors:
            raise unknown("factor", name, study.factors, f"{place}.factors")
        if not study.ablation_levels(name):
            hint = f"list the levels to try in ablate.levels.{name}"
            raise InputError(f"{place}.factors: '{name}' is a range: {hint}")
    for name, levels in ablate.levels.items():
        if name not in ablate.factors:
            raise unknown("factor", name, ablate.factors, f"{place}.levels")
        refuse_repeats(levels, f"{place}.levels.{name}")
        for level in levels:
            _check_level(study, name, level, f"{place}.levels")


def _check_components(ablate: Ablate, place: str) -> None:
    if not ablate.components:
        raise InputError(f"{place} is empty: expected at least one of {', '.join(COMPONENTS)}")
    refuse_repeats(ablate.components, place)
    for name in ablate.components:
        if name not in COMPONENTS:
            raise unknown("component", name, COMPONENTS, place)


def _check_tuned(study: Study, ablate: Ablate, place: str) -> None:
    held = {*ablate.factors, *(study.search.fixed if study.search else ())}
    if held >= set(study.factors):
        raise InputError(
            f"{place}.design is tuned, but no factor is left to tune: expected one that is neither "
            "in ablate.factors nor in search.fixed"
        )
    if ablate.reference == "winner":
        return
    for name in ablate.reference:
        if name in study.factors and name not in ablate.factors:
            raise InputError(
                f"{place}.reference.{name}: the design tuned searches {name} in every cell: "
                "expected only factors of ablate.factors"
            )


def _check_retuned(study: Study, ablate: Ablate, fields: tuple[str, ...], place: str) -> None:
    refuse_repeats(fields, place)
    for name in fields:
        if name not in study.factors:
            raise unknown("factor", name, study.factors, place)
        said = f"{place}: {name}"
        if name in ablate.factors:
            raise InputError(f"{said} is in ablate.factors, so that rows differ in it: drop one")
        dependants = [other for other, factor in study.factors.items() if name in factor.when]
        if dependants:
            raise InputError(
                f"{said} decides whether {dependants[0]} is read, so that rows would differ in "
                "more than it: expected a factor on which no other depends"
            )
        if len(set(study.factors[name].probes())) < 2:
            raise InputError(f"{said} has one value only: expected several levels, or a range")


def _check_assignment(study: Study, assignment: Assignment, place: str) -> None:
    for name, level in assignment.items():
        if name not in study.factors:
            raise unknown("factor", name, study.factors, place)
        _check_level(study, name, level, place)
    study.config(assignment, 0, place)


def _check_level(study: Study, name: str, level: Scalar, place: str) -> None:
    factor = study.factors[name]
    if level in factor:
        return
    if isinstance(factor, Categorical):
        raise unknown("level", level_name(level), map(level_name, factor.levels), f"{place}.{name}")
    raise InputError(f"{place}.{name}: {level_name(level)} is not in {factor.low} to {factor.high}")
