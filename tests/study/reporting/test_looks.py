"""What tables and the methods paragraph say of looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from study.analysis.reading import PhaseReading
from study.reporting.looks import looks_methods, looks_notes
from tracking.mirror.contents import looks_text
from tracking.records import Phase
from tracking.rows import ComparisonRow

SPEC = {"ablate": {"seeds": {"at_least": 5, "at_most": 20}, "factors": ["batch_size"]}}
FIXED = {"ablate": {"seeds": 5, "factors": ["batch_size"]}}


@dataclass
class Study:
    spec: Mapping[str, Any]


@dataclass
class Reading:
    spec: Mapping[str, Any] = field(default_factory=lambda: SPEC)
    phase: Phase = Phase.ABLATE

    @property
    def study_row(self) -> Study:
        return Study(self.spec)


def reading(**values: Any) -> PhaseReading:
    return cast("PhaseReading", Reading(**values))


def row(cell: str, look: int | None, stopped: str | None) -> ComparisonRow:
    return ComparisonRow(
        "s", Phase.ABLATE, "weighted_f1", cell, "f", "l", look is None, 5, 0.5,
        look=look, stopped=stopped,
    )  # fmt: skip


@pytest.fixture
def rows() -> list[ComparisonRow]:
    return [
        row("reference", None, None),
        row("a", 1, "verdict"),
        row("b", 2, "not decidable"),
        row("c", 2, "out of reach"),
        row("d", 2, None),
    ]


def test_notes_name_the_rows_that_stopped_without_a_verdict(rows: list[ComparisonRow]) -> None:
    planned, *others = looks_notes(reading(), rows)
    assert planned.startswith("Seeds were added in looks of 5, 10, 20 to the rows without")
    assert others == [
        "Not decidable on this test set by any number of seeds: b.",
        "Stopped because 20 seeds would not decide them either: c.",
        "Open, to be given more seeds: d.",
    ]


def test_methods_name_looks_and_spending() -> None:
    looks, level = looks_methods(reading())
    assert "planned beforehand of 5, 10 and 20 seeds per configuration" in looks
    assert "Lan and DeMets" in level


def test_families_of_rows_stop_by_their_own_correction(rows: list[ComparisonRow]) -> None:
    asked = [replace(one, question="does a help?") if one.cell == "a" else one for one in rows]
    first, *_ = looks_notes(reading(), asked)
    assert "planned questions stop by their own correction, the other rows by theirs" in first
    looks, _ = looks_methods(reading(spec={**SPEC, "questions": {"does a help?": {}}}))
    assert "(planned questions corrected among themselves, and so the others)" in looks
    assert "questions" not in "".join((*looks_notes(reading(), rows), *looks_methods(reading())))


@pytest.mark.parametrize("values", [{"spec": FIXED}, {"phase": Phase.CONFIRM}, {"spec": {}}])
def test_nothing_is_said_where_seeds_are_fixed(
    values: dict[str, Any], rows: list[ComparisonRow]
) -> None:
    assert not list(looks_notes(reading(**values), rows))
    assert not list(looks_methods(reading(**values)))


def test_mlflow_shows_the_looks_of_a_study() -> None:
    seeds = {"at_least": 5, "at_most": 20, "until": "verdict", "looks": [5, 10, 20]}
    assert looks_text({"ablate": {"seeds": seeds}}) == "5, 10, 20"
    assert looks_text(FIXED) == looks_text({"ablate": None}) == looks_text({}) == ""
