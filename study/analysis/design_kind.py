"""What the design of a study has to show besides a table of comparisons."""

from study.analysis.reading import PhaseReading
from tracking.records import Phase
from tracking.rows import StudyRow

CROSSED = ("grid", "fractional")
"""Designs whose factors are varied together."""


def design_of(study_row: StudyRow) -> str | None:
    """The design of a study's ablation."""
    design: str | None = (study_row.spec.get("ablate") or {}).get("design")
    return design


def crosses(study_row: StudyRow) -> bool:
    """Whether the design of a study's ablation crosses its factors."""
    return design_of(study_row) in CROSSED


def searches(study_row: StudyRow) -> bool:
    """Whether the search is all that the design asks for."""
    return design_of(study_row) == "search"


def is_factorial(reading: PhaseReading) -> bool:
    """Whether the phase is an ablation that crosses its factors."""
    return reading.phase is Phase.ABLATE and crosses(reading.study_row)
