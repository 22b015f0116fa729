"""The planned questions of a study file: each must be about a cell that the ablation trains."""

from collections.abc import Mapping

from search_spaces.factors import build, level_name
from search_spaces.schema import Ablate, Question, Study
from sslcl.errors import InputError, unknown
from sslcl.validation import Scalar


def parse_questions(raw: object, where: str) -> dict[str, Question]:
    """The questions by name.

    Raises:
        InputError: for anything but names with keys and values.
    """
    place = f"{where}: questions"
    if not isinstance(raw, dict):
        raise InputError(f"{place} is {raw!r}: expected a name and what it asks, for each question")
    questions: dict[str, Question] = {}
    for name, values in raw.items():
        if not isinstance(values, dict):
            raise InputError(
                f"{place}.{name} is {values!r}: expected keys such as cell: {{FACTOR: LEVEL}}"
            )
        questions[str(name)] = build(Question, values, where, f"questions.{name}")
    return questions


def check_questions(study: Study, where: str) -> None:
    """Refuse questions about cells that the ablation does not train, naming the nearest."""
    asked: dict[frozenset[tuple[str, str]] | str, str] = {}
    for name, question in study.questions.items():
        place = f"{where}: questions.{name}"
        if study.ablate is None or not study.ablate.has_cells:
            raise InputError(f"{place}: nothing is compared: add an ablation (ablate: ...)")
        _check_cell(study, study.ablate, question, f"{place}.cell")
        key = (
            question.cell
            if isinstance(question.cell, str)
            else frozenset((factor, level_name(level)) for factor, level in question.cell.items())
        )
        if key in asked:
            raise InputError(f"{place}.cell is that of questions.{asked[key]}: expected another")
        asked[key] = name


def _check_cell(study: Study, ablate: Ablate, question: Question, place: str) -> None:
    if ablate.design == "leave_one_out":
        _check_removal(ablate, question.cell, place)
        return
    if isinstance(question.cell, str):
        raise InputError(
            f"{place} is {question.cell!r}: expected levels, such as {{FACTOR: LEVEL}}"
        )
    if not question.cell:
        raise InputError(f"{place} is empty: expected at least one factor and its level")
    for factor, level in question.cell.items():
        if factor not in ablate.factors:
            raise unknown("factor", factor, ablate.factors, place)
        _check_level(study, factor, level, place)
    check = _check_one_factor if ablate.design in ("one_factor", "tuned") else _check_crossed
    check(ablate, question.cell, place)


def _check_one_factor(ablate: Ablate, cell: Mapping[str, Scalar], place: str) -> None:
    if len(cell) != 1:
        raise InputError(
            f"{place} names {len(cell)} factors: design {ablate.design} changes one at a time"
        )
    if isinstance(ablate.reference, Mapping):
        given = {name: level_name(level) for name, level in ablate.reference.items()}
        for factor, level in cell.items():
            if given.get(factor) == level_name(level):
                raise InputError(f"{place}.{factor} is the reference's own level: expected another")


def _check_crossed(ablate: Ablate, cell: Mapping[str, Scalar], place: str) -> None:
    missing = [name for name in ablate.factors if name not in cell]
    if missing and not isinstance(ablate.reference, Mapping):
        raise InputError(
            f"{place} names no level of {', '.join(missing)}: expected one of every factor, or "
            "ablate.reference with its levels"
        )


def _check_level(study: Study, factor: str, level: Scalar, place: str) -> None:
    names = [level_name(known) for known in study.ablation_levels(factor)]
    if level_name(level) not in names:
        raise unknown("level", level_name(level), names, f"{place}.{factor}")


def _check_removal(ablate: Ablate, cell: object, place: str) -> None:
    if not isinstance(cell, str) or not cell.startswith("without "):
        raise InputError(
            f"{place} is {cell!r}: design leave_one_out names its cells by what they lack, such as "
            "'without context'"
        )
