"""Planned questions: read, refused, corrected among themselves and printed first."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces import load_study
from sslcl.errors import InputError

from .small import small, write

GOOD = {"ce": {"cell": {"objective": "cross_entropy"}, "side": "less"}}


def test_questions_are_read_and_are_in_the_canonical_form(load: Any) -> None:
    study = load(small(questions=GOOD))
    assert study.questions["ce"].side == "less"
    assert study.questions["ce"].smallest_difference is None
    assert study.canonical()["questions"]["ce"]["cell"] == {"objective": "cross_entropy"}
    assert "questions" not in load(small()).canonical()


@pytest.mark.parametrize(
    ("questions", "place", "expected"),
    [
        ([1], "questions", "expected a name"),
        ({"a": 3}, "questions.a", "expected keys"),
        ({"a": {"cel": {}}}, "questions.a", "'cell'"),
        ({"a": {"cell": {"objektive": "sslcl"}}}, "questions.a.cell", "'objective'"),
        ({"a": {"cell": {"similarity": "dott"}}}, "questions.a.cell.similarity", "'dot'"),
        ({"a": {"cell": {"similarity": "dot", "objective": "sslcl"}}}, "questions.a", "one at a"),
        ({"a": {"cell": {}}}, "questions.a.cell", "at least one"),
        ({"a": {"cell": "without context"}}, "questions.a.cell", "expected levels"),
        ({"a": {**GOOD["ce"], "side": "more"}}, "questions.a.side", "less"),
        ({"a": {**GOOD["ce"], "smallest_difference": 0}}, "questions.a.smallest", "greater than"),
        ({**GOOD, "again": GOOD["ce"]}, "questions.again.cell", "questions.ce"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    tmp_path: Path, questions: object, place: str, expected: str
) -> None:
    with pytest.raises(InputError) as refused:
        load_study(write(tmp_path, small(questions=questions)))
    message = str(refused.value)
    assert place in message
    assert expected in message
    assert "\n" not in message


def test_crossed_factors_around_an_unknown_winner_need_a_level_of_each(tmp_path: Path) -> None:
    ablate = {"design": "grid", "factors": ["objective", "backbone"], "reference": "winner"}
    with pytest.raises(InputError, match="names no level of backbone: expected one of every"):
        load_study(write(tmp_path, small(questions=GOOD, ablate=ablate)))
    known = {**ablate, "reference": {"objective": "sslcl"}}
    assert load_study(write(tmp_path, small(questions=GOOD, ablate=known))).questions


def test_a_question_needs_an_ablation(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is compared"):
        load_study(write(tmp_path, small(questions=GOOD, ablate=None)))


def test_the_reference_cannot_be_compared_with_itself(tmp_path: Path) -> None:
    ablate = {"factors": ["objective"], "reference": {"objective": "cross_entropy"}}
    with pytest.raises(InputError, match="the reference's own level"):
        load_study(write(tmp_path, small(questions=GOOD, ablate=ablate)))
